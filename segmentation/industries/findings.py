"""What the chosen model is worth, and what it can be used for: from its answers to tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from segmentation.arrays import Bools, Floats, Ints
from segmentation.basetable.folds import TEST, TRAIN
from segmentation.industries.calibration import Calibration, calibration_lines, reliability
from segmentation.industries.cards import CV, PREDICTABLE, cards
from segmentation.industries.evaluation import Measured, Slice, evaluate
from segmentation.industries.filling import coverage_table, decide, fill_sentence, thresholds
from segmentation.industries.folds import Known
from segmentation.industries.gate import Evidence
from segmentation.industries.labels import Labels
from segmentation.industries.measures import BRIER, LOG_LOSS, MACRO_AUC
from segmentation.industries.result import Calibrated
from segmentation.industries.selection import Judged
from segmentation.industries.shift import shift
from segmentation.industries.suspects import suspects
from segmentation.models import metrics as m
from segmentation.settings import IndustrySettings
from segmentation.shown import counted

#: before the name of a metric: of the probabilities before calibration
RAW = "raw_"
#: with fewer accounts per parameter the calibration itself is a guess
FEWEST_PER_PARAMETER = 10


@dataclass(frozen=True)
class Seen:
    """What training has found out so far."""

    labels: Labels
    known: Known
    #: the chosen recipe, out of fold
    chosen: Judged
    #: one row per account: account_id, industry, split, and by the model in use probabilities (calibrated) and
    #: raw_probabilities (arrays)
    answers: pd.DataFrame
    #: see `evidence.learning_curve`
    curve: pd.DataFrame
    #: what the model in use is calibrated by
    calibration: Calibration


@dataclass(frozen=True)
class Compared:
    """Accounts whose labelled ones are held against the others."""

    #: accounts x features as models see them, whether each account is labelled, and the features' names
    numbers: Floats
    labelled: Bools
    names: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """The tables of `IndustryResult` that need no Spark; the decisions have no reasons yet."""

    metrics: pd.DataFrame
    confusion: pd.DataFrame
    cards: pd.DataFrame
    decisions: pd.DataFrame
    coverage: pd.DataFrame
    thresholds: Mapping[str, float | None]
    sentence: str
    suspects: pd.DataFrame
    calibrated: Calibrated
    evidence: Evidence
    shift: pd.DataFrame
    train_accounts: int
    notes: tuple[str, ...]


def find_out(seen: Seen, compared: Compared, settings: IndustrySettings) -> Findings:
    """All findings about a chosen model."""
    industries, known, chosen, answers = seen.labels.industries, seen.known, seen.chosen, seen.answers
    parts, raw = _slices(seen, "probabilities", chosen.calibrated), _slices(seen, RAW + "probabilities", chosen.raw)
    priors: Floats = np.bincount(known.actual, minlength=len(industries)) / len(known.actual)
    metrics = _metrics(parts, raw, industries, priors, settings)
    strange = _strange(seen)
    # Out of fold, test and strange: every labelled account once, by a fit that has not seen it. One repeat, not the
    # mean of several, which would be an ensemble and better than the one model in use.
    answered = np.concatenate([chosen.calibrated[0], parts[TEST].repeats[0], strange.given])
    actual = np.concatenate([known.actual, parts[TEST].actual, strange.actual])
    coverage = coverage_table(answered, actual, industries, settings.fill_confidence)
    limits = thresholds(coverage, settings.fill_precision, settings.fill_confidence)
    unlabelled = answers[answers["industry"].isna()]
    decisions = decide(_matrix(unlabelled["probabilities"], len(industries)), industries, limits)
    decisions.insert(0, "account_id", unlabelled["account_id"].to_numpy())
    counts = {str(name): int(count) for name, count in answers["industry"].value_counts().items()}
    card = cards(
        metrics, counts, seen.labels.excluded, seen.curve, coverage, limits, decisions, settings.predictable_auc
    )
    predictable = set(card.loc[card["verdict"] == PREDICTABLE, "industry"])
    mean_given: Floats = chosen.calibrated.mean(axis=0)
    shifted = shift(compared.numbers, compared.labelled, compared.names, settings.bootstrap, settings.seed)
    return Findings(
        metrics=metrics,
        # one repeat, as the mean over them is an ensemble that nobody uses
        confusion=_confusion(chosen.calibrated[0], known.actual, industries),
        cards=card,
        decisions=decisions,
        coverage=coverage,
        thresholds=limits,
        sentence=fill_sentence(decisions, settings.fill_precision, settings.fill_confidence),
        suspects=suspects(known.accounts, mean_given, known.actual, industries, predictable),
        calibrated=Calibrated(seen.calibration, _by_slice(parts, reliability), _by_slice(parts, calibration_lines)),
        evidence=_evidence(metrics, parts[TEST], chosen, known, shifted.auc),
        shift=shifted.features,
        train_accounts=len(known.accounts),
        notes=(*_calibration_note(known, len(industries)), *_strange_note(strange), shifted.sentence),
    )


def _slices(seen: Seen, column: str, unseen: Floats) -> dict[str, Slice]:
    """Train and test as the model in use answers (`column`), cv as its fits did out of fold."""
    place = {industry: number for number, industry in enumerate(seen.labels.industries)}
    rows = seen.answers[seen.answers["industry"].isin(place)]
    parts = {}
    for name in (TRAIN, TEST):
        part = rows[rows["split"] == name]
        actual: Ints = np.asarray(part["industry"].map(place), dtype=np.int64)
        parts[name] = Slice(name, actual, _matrix(part[column], len(place)))
    return {
        TRAIN: parts[TRAIN],
        CV: Slice(CV, seen.known.actual, unseen, seen.known.number_of_folds),
        TEST: parts[TEST],
    }


def _strange(seen: Seen) -> Slice:
    """Labelled accounts of industries that the model does not know: whatever it answers is wrong."""
    industry, classes = seen.answers["industry"], len(seen.labels.industries)
    rows = seen.answers[industry.notna() & ~industry.isin(seen.labels.industries)]
    return Slice("strange", np.full(len(rows), classes, dtype=np.int64), _matrix(rows["probabilities"], classes))


def _strange_note(strange: Slice) -> tuple[str, ...]:
    if not (accounts := len(strange.actual)):
        return ()
    return (
        f"{counted(accounts, 'labelled account')} of industries with too few labels: a mistake wherever one would be "
        "filled in; accuracy, AUC and the like leave them out",
    )


def _matrix(arrays: pd.Series, classes: int) -> Floats:
    values: Floats = np.array(arrays.tolist(), dtype=np.float64).reshape(len(arrays), classes)
    return values


def _metrics(
    parts: Mapping[str, Slice], raw: Mapping[str, Slice], industries: tuple[str, ...], priors: Floats,
    settings: IndustrySettings,
) -> pd.DataFrame:  # fmt: skip
    """Columns of `evaluate`: every metric of calibrated probabilities, and losses of uncalibrated ones beside them."""
    tables = []
    for name, part in parts.items():
        measured = evaluate(part, industries, priors, settings.bootstrap, settings.seed)
        tables += [measured, _raw_losses(raw[name], settings.bootstrap, settings.seed)]
    return pd.DataFrame([row for table in tables for row in table.to_dict("records")])


def _raw_losses(part: Slice, resamples: int, seed: int) -> pd.DataFrame:
    n, rows = len(part.actual), []
    each: dict[str, Floats] = {
        metric: np.mean([measure(part.actual, given) for given in part.repeats], axis=0)
        for metric, measure in ((LOG_LOSS, m.account_losses), (BRIER, m.account_briers))
    }
    spreads = m.resampled({metric: m.mean_of(one) for metric, one in each.items()}, n, resamples, seed) if n else {}
    for metric, one in each.items():
        if not n:
            rows.append(Measured(part.name, RAW + metric, None, None, reason="no labelled account"))
            continue
        value = float(one.mean())
        low, high = part.interval(metric, value, spreads[metric])
        rows.append(Measured(part.name, RAW + metric, None, value, low, high, support=n))
    return pd.DataFrame([asdict(row) for row in rows])


def _by_slice(parts: Mapping[str, Slice], measure: Callable[[Floats, Ints], pd.DataFrame]) -> pd.DataFrame:
    """Tables about accounts that the fit has not seen, below each other."""
    tables = [measure(part.given, part.actual).assign(slice=name) for name, part in parts.items() if name != TRAIN]
    table = pd.concat([one.astype(object) for one in tables], ignore_index=True)
    return table[["slice", *(column for column in table.columns if column != "slice")]]


def _confusion(given: Floats, actual: Ints, industries: tuple[str, ...]) -> pd.DataFrame:
    names = np.array(industries, dtype=object)
    pairs = pd.DataFrame({"industry": names[actual], "predicted": names[given.argmax(axis=1)]})
    counts = pairs.value_counts().rename("accounts").reset_index()
    return counts.sort_values(["industry", "predicted"], ignore_index=True)


def _evidence(metrics: pd.DataFrame, test: Slice, chosen: Judged, known: Known, shift_auc: float | None) -> Evidence:
    overall = metrics[metrics["industry"].isna()].set_index(["slice", "metric"])
    # A value that is missing has its reason; one without is broken.
    values = metrics.loc[metrics["reason"].isna(), "value"].to_numpy(dtype=np.float64)
    return Evidence(
        losses=dict(zip(known.accounts, chosen.losses.tolist(), strict=True)),
        train_auc=overall["value"].get((TRAIN, MACRO_AUC)),
        cv_auc=overall["value"].get((CV, MACRO_AUC)),
        test_classes=len(np.unique(test.actual)),
        test_accounts=len(test.actual),
        shift_auc=shift_auc,
        metrics_finite=bool(np.isfinite(values).all()),
        baseline_loss=overall["majority"].get((CV, LOG_LOSS)),
    )


def _calibration_note(known: Known, classes: int) -> tuple[str, ...]:
    accounts = len(known.actual)
    if accounts >= FEWEST_PER_PARAMETER * (classes + 2):
        return ()
    said = f"probabilities were calibrated on {accounts} accounts of {classes} industries only: take them as rough"
    return (said,)
