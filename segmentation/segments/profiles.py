"""What sets each segment apart: effect sizes with intervals, and tests on what was not clustered on."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import stats

from segmentation.arrays import Bools, Floats, Ints
from segmentation.models.metrics import NORMAL_95, wilson
from segmentation.segments.attributes import Category, Number, read_attributes

#: a group of fewer accounts has no spread to speak of
FEWEST = 2
#: a spread below this share of the mean is none
HAIR = 1e-9
#: share of the whole spread that accounts of one side have at least, in the eyes of Hedges' g
CLOSEST = 0.1
#: from so many accounts in every cell expected on, chi-square is as good as Fisher's exact test and far quicker
LARGE_CELL = 50.0
COLUMNS = (
    "segment", "feature", "centre", "effect", "low", "high", "held_out", "p_value", "q_value", "importance",
)  # fmt: skip


def profile(
    values: pd.DataFrame, segments: Ints, held_out: Collection[str], attributes: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row per segment and variable: the segment held against all other accounts (COLUMNS, see segment_profiles).

    `values`: one row per account (index account_id), one column per feature, log1p'd where heavy-tailed; features
    that do not vary are left out, and so is a value that is missing (NaN). `segments`: the segment of each row, -1 for
    none (such accounts are among the others). `held_out`: the features of which a test is no circle (`open_to_tests`).
    `attributes`: further columns of the accounts file as text, by account_id, without the label.

    Effects are Hedges' g (Hedges and Olkin 1985) and, for values of attributes, differences of shares with
    Newcombe's (1998) interval. Only variables that were not clustered on are tested: clusters differ in what they
    were cut by even where there is no structure at all, so a test of that is a circle (Gao, Bien and Witten 2022).
    Tested are Mann-Whitney on numbers and Fisher's exact test on values; q values are Benjamini and Hochberg's
    (1995) over all tests of the call. ValueError when values and segments differ in length.
    """
    if len(values) != len(segments):
        raise ValueError(f"{len(values)} accounts, but {len(segments)} segments")
    matrix = values.to_numpy(dtype=np.float64)
    varies = np.fmax.reduce(matrix) > np.fmin.reduce(matrix) if len(matrix) else np.zeros(matrix.shape[1], dtype=bool)
    names, matrix = [str(name) for name, some in zip(values.columns, varies, strict=True) if some], matrix[:, varies]
    untouched = np.array([name in held_out for name in names], dtype=bool)
    known = read_attributes(attributes, list(values.index), set(map(str, values.columns)))
    rows = _number_rows(names, matrix, segments, untouched)
    for attribute in known:
        rows += _value_rows(attribute, segments) if isinstance(attribute, Category) else _measured(attribute, segments)
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "q_value"])
    table.insert(COLUMNS.index("q_value"), "q_value", _corrected(table["p_value"].to_numpy(dtype=np.float64)))
    return table.sort_values(["segment", "feature"], ignore_index=True)


def hedges_g(values: Floats, inside: Bools) -> tuple[Floats, Floats, Floats]:
    """Hedges' g of the rows `inside` against the others, per column, and its 95 % interval; NaN where undefined.

    The difference of the means over the pooled standard deviation, corrected for small samples; the interval is
    the large-sample one (Hedges and Olkin 1985, chapter 5). Missing values (NaN) are left out, column by column.
    The standard deviation is at least CLOSEST of that of both sides together: where nothing varies on either side,
    and nothing tells a segment apart better, g would be infinite.
    """
    n1, mean1, square1 = _moments(values[inside])
    n2, mean2, square2 = _moments(values[~inside])
    freedom = n1 + n2 - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        # of equal numbers the mean may differ in the last digit, which is neither spread nor distance
        hair, apart = HAIR * np.fmax(np.abs(mean1), np.abs(mean2)), mean1 - mean2
        within = np.sqrt((square1 + square2) / freedom)
        whole = np.sqrt((square1 + square2 + n1 * n2 / (n1 + n2) * apart**2) / (n1 + n2 - 1))
        effect = (1.0 - 3.0 / (4.0 * freedom - 1.0)) * apart / np.maximum(within, CLOSEST * whole)
        error = np.sqrt((n1 + n2) / (n1 * n2) + effect**2 / (2.0 * (n1 + n2)))
        told = (n1 >= FEWEST) & (n2 >= FEWEST) & ((within > hair) | (np.abs(apart) > hair))
    effect = np.where(told, effect, np.nan)
    return effect, effect - NORMAL_95 * error, effect + NORMAL_95 * error


def eta_squared(values: Floats, segments: Ints) -> Floats:
    """Share of the variance of each column that the segments explain, 0 to 1; accounts in no segment are left out."""
    taken = values[segments >= 0]
    _, mean, total = _moments(taken)
    between: Floats = np.zeros(values.shape[1])
    for segment in np.unique(segments[segments >= 0]):
        n, own, _ = _moments(values[segments == segment])
        between += np.where(n > 0, n * (np.nan_to_num(own) - mean) ** 2, 0.0)
    share: Floats = np.divide(between, total, out=np.full(len(total), np.nan), where=total > 0)
    return np.clip(share, 0.0, 1.0)


def share_difference(inside: tuple[int, int], outside: tuple[int, int]) -> tuple[float, float, float]:
    """Difference of two shares (with the value, of how many) and its 95 % interval (Newcombe 1998, method 10)."""
    p, q = inside[0] / inside[1], outside[0] / outside[1]
    (low_p, high_p), (low_q, high_q) = wilson(p, inside[1]), wilson(q, outside[1])
    low = p - q - np.hypot(p - low_p, high_q - q)
    high = p - q + np.hypot(high_p - p, q - low_q)
    return p - q, float(low), float(high)


def _number_rows(names: list[str], values: Floats, segments: Ints, untouched: Bools) -> list[tuple[object, ...]]:
    importance = eta_squared(values, segments)
    rows: list[tuple[object, ...]] = []
    for segment in np.unique(segments[segments >= 0]):
        inside = segments == segment
        effect, low, high = hedges_g(values, inside)
        _, centre, _ = _moments(values[inside])
        p = np.full(len(names), np.nan)
        p[untouched] = _mann_whitney(values[:, untouched], inside)
        columns = (centre, effect, low, high, untouched, p, importance)
        rows += [(int(segment), name, *told) for name, *told in zip(names, *columns, strict=True)]
    return rows


def _measured(attribute: Number, segments: Ints) -> list[tuple[object, ...]]:
    """A numeric attribute, over the accounts that have it and lie in segments that have some."""
    known = ~np.isnan(attribute.values)
    rows = _number_rows([attribute.name], attribute.values[known, None], segments[known], np.array([True]))
    return rows if known.sum() > FEWEST and np.ptp(attribute.values[known]) > 0 else []


def _value_rows(attribute: Category, segments: Ints) -> list[tuple[object, ...]]:
    """One row per segment and value, over the accounts that have any value of the attribute."""
    known = np.array([value is not None for value in attribute.values], dtype=bool)
    own, at = np.array(attribute.values, dtype=object)[known], segments[known]
    rows: list[tuple[object, ...]] = []
    for value in attribute.shown:
        has = own == value
        importance = float(eta_squared(has.astype(np.float64)[:, None], at)[0])
        for segment in np.unique(at[at >= 0]):
            inside = at == segment
            n, others = int(inside.sum()), int((~inside).sum())
            if not others:
                continue
            hits, other_hits = int(has[inside].sum()), int(has[~inside].sum())
            told = share_difference((hits, n), (other_hits, others))
            p = _independence(np.array([[hits, n - hits], [other_hits, others - other_hits]]))
            rows.append((int(segment), f"{attribute.name} = {value}", hits / n, *told, True, p, importance))
    return rows


def _moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Per column: how many are known, their mean, and the sum of their squared distances from it."""
    known = ~np.isnan(values)
    n = known.sum(axis=0).astype(np.float64)
    filled = np.where(known, values, 0.0)
    mean = np.divide(filled.sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    return n, mean, squares


def _mann_whitney(values: Floats, inside: Bools) -> Floats:
    """Two-sided p value per column, by the normal approximation with ties corrected (Mann and Whitney 1947).

    NaN where a side has fewer than FEWEST known values, which is where there is no effect either.
    """
    known = ~np.isnan(values)
    enough = (known[inside].sum(axis=0) >= FEWEST) & (known[~inside].sum(axis=0) >= FEWEST)
    p: Floats = np.full(values.shape[1], np.nan)
    if enough.any():
        sides = values[inside][:, enough], values[~inside][:, enough]
        p[enough] = stats.mannwhitneyu(*sides, axis=0, method="asymptotic", nan_policy="omit").pvalue
    return p


def _independence(table: Ints) -> float:
    """p value of a two by two table: Fisher's exact test, chi-square where every cell is large."""
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    if expected.min() >= LARGE_CELL:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    return float(stats.fisher_exact(table).pvalue)


def _corrected(p: Floats) -> Floats:
    tested = ~np.isnan(p)
    q = np.full(len(p), np.nan)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested], method="bh")
    return q
