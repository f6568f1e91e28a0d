from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from segmentation.reports.log_charts import active_days, category_months, concentration_curve, count_bars, share_bars


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_small_chart_per_category_most_rows_first() -> None:
    months = [dt.date(2025, 11, 1), dt.date(2025, 12, 1)]
    counts = pd.DataFrame({"category": ["B", "B", "A", "A"], "event_month": months * 2, "rows": [1, 2, 1500, 2500]})
    figure = category_months(counts)
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == ["A\n4,000 rows", "B\n3 rows", ""]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1500.0, 2500.0]
    assert figure.axes[1].get_ylim()[0] == 0.0  # the height of a line is its number


def test_a_month_without_rows_is_drawn_as_nought() -> None:
    november, december = dt.date(2025, 11, 1), dt.date(2025, 12, 1)
    january, march = dt.date(2026, 1, 1), dt.date(2026, 3, 1)
    counts = pd.DataFrame(
        {"category": ["A", "A", "A", "B", "B"], "event_month": [november, december, march, december, january],
         "rows": [100, 200, 300, 7, 8]}
    )  # fmt: skip
    first, second, *_ = category_months(counts).axes
    assert first.lines[0].get_ydata().tolist() == [100.0, 200.0, 0.0, 0.0, 300.0]
    assert second.lines[0].get_ydata().tolist() == [0.0, 7.0, 8.0, 0.0, 0.0]  # as long as the others
    assert len(first.lines[0].get_xdata()) == 5


def test_shares_say_their_number_and_count() -> None:
    (axes,) = share_bars(pd.Series({"A": 0.5, "B": 0.025}), "share", pd.Series({"B": 7, "A": 1234})).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["B", "A"]  # the first one on top
    assert texts(axes) == [" 2.5% (7)", " 50.0% (1,234)"]
    assert max(axes.get_xticks()) <= 1.0


def test_the_busiest_have_most_rows() -> None:
    (axes,) = concentration_curve(pd.Series([1.0] * 98 + [51.0, 51.0]), "accounts").axes
    share = axes.lines[0].get_ydata()
    assert share[0] == 0.0
    assert share[1] == pytest.approx(51 / 200)
    assert share[-1] == pytest.approx(1.0)
    assert texts(axes) == ["busiest 1%: 26% of the rows", "busiest 10%: 55% of the rows"]


def test_many_stand_together_in_the_last_bar() -> None:
    (axes,) = count_bars(pd.Series([0, 0, 2, 3, 9]), "gap", "accounts", most=3).axes
    assert [bar.get_height() for bar in axes.patches] == [2.0, 0.0, 1.0, 2.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "3+"]
    (axes,) = count_bars(pd.Series([1, 2]), "tokens", "accounts", most=3).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3"]


def test_days_of_an_account_are_the_union_of_its_tokens_days() -> None:
    first, second, third = (dt.date(2025, 12, day) for day in (1, 2, 3))
    days = pd.DataFrame({"token": ["a", "a", "a", "b", "b"], "event_date": [first, first, second, second, third]})
    (axes,) = active_days(days).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "token a: 2 days",
        "token b: 2 days",
        "the account: 3 days",
    ]


def test_nothing_to_show_is_none() -> None:
    nothing = pd.DataFrame(columns=["category", "event_month", "rows", "token", "event_date"])
    none = pd.Series(dtype=float)
    assert [category_months(nothing), active_days(nothing), share_bars(none, "share")] == [None] * 3
    assert [concentration_curve(none, "accounts"), concentration_curve(pd.Series([0.0]), "accounts")] == [None] * 2
    assert count_bars(none, "tokens", "accounts", 3) is None
