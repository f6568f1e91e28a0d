from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segmentation.reports.table_charts import correlation_map, histograms

BINS = pd.DataFrame(
    [
        ("size", 0, 0.0, 10.0, 3, "linear"),
        ("size", 1, 10.0, 20.0, 1, "linear"),
        ("use", 0, 0.0, 9.0, 5, "log1p"),
        ("use", 1, 9.0, 99.0, 2, "log1p"),
    ],
    columns=["column_name", "bin", "low", "high", "rows", "scale"],
)


def test_histograms_in_the_order_asked_for() -> None:
    figure = histograms(BINS, ["use", "unknown", "size"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["use", "size", ""]
    values, edges, _ = figure.axes[1].patches[0].get_data()
    assert values.tolist() == [3.0, 1.0]
    assert edges.tolist() == [0.0, 10.0, 20.0]


def test_ticks_of_a_squeezed_axis_tell_the_value_itself() -> None:
    axes = histograms(BINS, ["use"]).axes[0]
    _, edges, _ = axes.patches[0].get_data()
    assert edges == pytest.approx(np.log1p([0.0, 9.0, 99.0]))
    assert dict(zip([text.get_text() for text in axes.get_xticklabels()], axes.get_xticks(), strict=True)) == {
        "0": 0.0,
        "1": pytest.approx(np.log(2.0)),
        "10": pytest.approx(np.log(11.0)),
    }


def test_bars_of_whole_numbers_carry_them() -> None:
    bins = pd.DataFrame(
        {"column_name": "weekday", "bin": [0, 1], "low": [1.0, 2.0], "high": [2.0, 3.0], "rows": [4, 9]}
    )
    axes = histograms(bins.assign(scale="linear"), ["weekday"]).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2"]
    assert axes.get_xticks().tolist() == [1.5, 2.5]


def test_correlations_by_rank_without_constant_columns() -> None:
    accounts = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 8, 27, 64], "c": [9, 7, 5, 0], "flat": [1, 1, 1, 1]})
    (axes,) = correlation_map(accounts, ["a", "b", "c", "flat"]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [text.get_text() for text in axes.texts] == [
        "1.0",
        "1.0",
        "-1.0",
        "1.0",
        "1.0",
        "-1.0",
        "-1.0",
        "-1.0",
        "1.0",
    ]


def test_nothing_to_show_is_none() -> None:
    assert histograms(BINS, ["unknown"]) is None
    assert correlation_map(pd.DataFrame({"a": [1, 2], "flat": [1, 1]}), ["a", "flat"]) is None
