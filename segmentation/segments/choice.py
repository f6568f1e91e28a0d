"""How many segments: a written rule over the candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segmentation.segments.result import Candidate
from segmentation.settings import SegmentSettings
from segmentation.shown import shown_below

#: candidate -> mean Jaccard similarity of its clusters over resamples; None when it is not measured
Measure = Callable[[Candidate], float | None]
#: a segment of fewer accounts than this says nothing of customers, whatever share of the accounts they are
FEWEST_ACCOUNTS = 5


@dataclass(frozen=True)
class Choice:
    """The chosen candidate of one method."""

    candidate: Candidate
    #: in plain words
    reason: str
    #: k -> stability, for every k for which it was measured
    stability: Mapping[int, float]


def choose_k(candidates: Sequence[Candidate], accounts: int, settings: SegmentSettings, measure: Measure) -> Choice:
    """The smallest k that is good enough, large enough in every segment and stable enough.

    Good enough: its silhouette (Rousseeuw 1987) is at most `silhouette_tolerance` below the best; of a mixture, its
    BIC (Schwarz 1978) is above the best by at most `bic_tolerance` of the distance from the worst to the best. Large
    enough: no segment below `min_share` of the `accounts` behind the sizes, nor of fewer than FEWEST_ACCOUNTS; only
    such k count for the best, unless there is none. Stable enough: `measure` gives at least `min_jaccard`; it is dear,
    so that it is asked for one k after the other, smallest first. When none is stable enough, the most stable is taken.
    A k that is given is taken as it is. Of the candidates one at least was fitted.
    """
    fitted = [candidate for candidate in candidates if candidate.failure is None]
    assert fitted  # who could fit nothing does not ask
    if settings.k is not None:
        figure = measure(fitted[0])
        reason = f"k = {fitted[0].k} was given in the settings" + _stable(figure)
        return Choice(fitted[0], reason, {} if figure is None else {fitted[0].k: figure})
    # a cluster that holds nobody has no size
    full = [one for one in fitted if len(one.sizes) == one.k]
    large = [one for one in full if min(one.sizes) >= smallest(accounts, settings)]
    good = good_enough(large or fitted, settings)
    measured: dict[int, float] = {}
    for one in good:
        figure = measure(one)
        if figure is None or figure >= settings.min_jaccard:
            chosen = one
            break
        measured[one.k] = figure
    else:
        figure = None
        chosen = max(good, key=lambda candidate: (measured[candidate.k], -candidate.k))
    unstable = dict(measured)
    if figure is not None:
        measured[chosen.k] = figure
    reason = f"k = {chosen.k} of {candidates[0].k} to {candidates[-1].k}: " + _measures(
        chosen, large or fitted, settings, smallest_good=chosen is good[0]
    )
    reason += _stable(figure) + _passed_over(candidates, fitted, large, settings)
    reason += _not_stable(unstable, len(unstable) == len(good), settings)
    return Choice(chosen, reason, measured)


def k_range(settings: SegmentSettings) -> list[int]:
    """The numbers of segments that the settings ask for, smallest first."""
    return [settings.k] if settings.k is not None else list(range(settings.k_min, settings.k_max + 1))


def smallest(accounts: int, settings: SegmentSettings) -> float:
    """How many of the accounts every segment must have."""
    return max(settings.min_share * accounts, FEWEST_ACCOUNTS)


def good_enough(candidates: Sequence[Candidate], settings: SegmentSettings) -> list[Candidate]:
    """Those within the tolerance of the best, smallest k first."""
    scores = {one.k: score(one) for one in candidates}
    best, worst = max(scores.values()), min(scores.values())
    mixture = any(one.bic is not None for one in candidates)
    bar = best - (settings.bic_tolerance * (best - worst) if mixture else settings.silhouette_tolerance)
    return sorted((one for one in candidates if scores[one.k] >= bar), key=lambda one: one.k)


def score(candidate: Candidate) -> float:
    """The higher the better: minus the BIC where there is one, else the silhouette (-1, the worst, without one)."""
    if candidate.bic is not None:
        return -candidate.bic
    return candidate.silhouette if candidate.silhouette is not None else -1.0


def found_alone(candidate: Candidate, accounts: int, figure: float | None) -> str:
    """The reason of a method that finds k by itself; `figure` is its stability."""
    left = accounts - sum(candidate.sizes)
    said = f"k = {candidate.k} dense regions were found, {left:,} of {accounts:,} accounts lie in none"
    return said + _stable(figure)


def every_k_small(settings: SegmentSettings) -> str:
    """Why small segments were taken all the same."""
    return f"every k has a segment with {_too_small(settings)}, so that did not count"


def _too_small(settings: SegmentSettings) -> str:
    return f"under {100 * settings.min_share:g} % of the accounts or fewer than {FEWEST_ACCOUNTS}"


def _measures(chosen: Candidate, rivals: Sequence[Candidate], settings: SegmentSettings, *, smallest_good: bool) -> str:
    best = max(rivals, key=lambda one: (score(one), -one.k))
    what = "BIC" if chosen.bic is not None else "silhouette"
    figure, other = (f"{one.bic if one.bic is not None else score(one):.3f}" for one in (chosen, best))
    if chosen is best:
        return f"{'lowest' if what == 'BIC' else 'highest'} {what} ({figure})"
    within = f"{settings.bic_tolerance:.0%} of the range" if what == "BIC" else f"{settings.silhouette_tolerance}"
    whose = "the smallest whose" if smallest_good else "its"
    return f"{whose} {what} ({figure}) is within {within} of the best ({other} for k = {best.k})"


def _stable(figure: float | None) -> str:
    return "" if figure is None else f", mean Jaccard over resamples {shown_below(figure)}"


def _not_stable(unstable: Mapping[int, float], all_are: bool, settings: SegmentSettings) -> str:
    if all_are:
        told = ", ".join(f"k = {k}: {shown_below(value)}" for k, value in unstable.items())
        return f"; no k is stable (mean Jaccard {settings.min_jaccard:g}), so the most stable was taken ({told})"
    told = ", ".join(f"k = {k} (mean Jaccard {shown_below(value)})" for k, value in unstable.items())
    return f"; not stable enough: {told}" if unstable else ""


def _passed_over(
    candidates: Sequence[Candidate], fitted: Sequence[Candidate], large: Sequence[Candidate], settings: SegmentSettings
) -> str:
    small = [str(one.k) for one in fitted if one not in large]
    told = ""
    if small and large:
        told = f"; passed over k = {', '.join(small)}, whose smallest segment has {_too_small(settings)}"
    elif small:
        told = f"; {every_k_small(settings)}"
    failed = [str(one.k) for one in candidates if one.failure is not None]
    return told + (f"; no fit for k = {', '.join(failed)}" if failed else "")
