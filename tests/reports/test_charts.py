"""Charts: names stand as they are, nothing is drawn over or outside, however many there are."""

from __future__ import annotations

import math
import re
import warnings
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segmentation.reports import charts, industry_charts
from segmentation.reports.palette import DEEPEST
from segmentation.reports.svg import inline_svg

DOLLARS = ("Food & Drink ($$)", "$50K-$100K", "a $^$ b")


def drawn(figure: Figure | None) -> Figure:
    """The figure as it stands on paper, without a complaint of matplotlib's that it has no room."""
    assert figure is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FigureCanvasAgg(figure).draw()
    return figure


def residuals(segments: int, industries: list[str]) -> pd.DataFrame:
    pairs = pd.MultiIndex.from_product([range(segments), industries], names=["segment", "industry"])
    return pd.DataFrame(index=pairs).reset_index().assign(residual=-12.3, q_value=0.001)


def test_dollars_in_a_name_are_no_formula() -> None:
    figure = industry_charts.residual_map(residuals(1, list(DOLLARS)), {0: "Retail ($1M_$5M)"})
    assert figure is not None
    svg = inline_svg(figure, "residuals", "Residuals", "Residuals")
    texts = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)).replace("&amp;", "&")
    for name in (*DOLLARS, "Retail ($1M_$5M)"):
        assert all(word in texts for word in name.split())
    assert texts.count("$") == 8


def test_names_in_another_script_are_no_matter_of_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = charts.segment_sizes(
            pd.DataFrame({"segment": [0], "name": ["印刷会社"], "accounts": 1, "share": 0.001})
        )
        assert figure is not None
        svg = inline_svg(figure, "sizes", "Sizes", "Sizes")
    assert "印刷会社" in svg
    assert "1 (&lt; 1\xa0%)" in svg  # and what is little is not nothing


@pytest.mark.parametrize("segments", [2, 10, 30])
def test_the_map_keeps_its_room_however_many_segments_it_names(segments: int) -> None:
    names = dict.fromkeys(range(segments), "Heavy use of documents, licensing and preflight reports, growing")
    spread = np.linspace(0.0, 1.0, segments)
    positions = pd.DataFrame({"x": spread, "y": spread, "segment": range(segments)})
    axes = drawn(charts.segment_map(positions, names)).axes[0]
    figure = axes.get_figure(root=True)
    assert figure is not None
    assert axes.get_position().height * figure.get_size_inches()[1] > 2.5


@pytest.mark.parametrize("industries", [3, 13, 30])
def test_a_residual_fits_its_cell_however_many_industries_there_are(industries: int) -> None:
    named = [f"Industry {number:02d}" for number in range(industries)]
    axes = drawn(industry_charts.residual_map(residuals(4, named), {})).axes[0]
    cell = axes.get_window_extent().width / industries
    assert max(text.get_window_extent().width for text in axes.texts) < cell


@pytest.mark.parametrize("industries", [3, 13, 30])
@pytest.mark.slow
def test_long_names_of_industries_do_not_lie_on_each_other(industries: int) -> None:
    named = [f"{number:02d} Magazines, newspapers and other periodicals for the trade" for number in range(industries)]
    figure = drawn(industry_charts.residual_map(residuals(4, named), {0: "Heavy use, high Preflight Report Items"}))
    axes = figure.axes[0]
    apart = axes.get_window_extent().width / industries * math.sin(math.radians(40))
    for label, name in zip(axes.get_xticklabels(), named, strict=True):
        assert label.get_rotation() == 40
        lines = label.get_text().split("\n")
        assert len(lines) * 1.2 * label.get_fontsize() * figure.dpi / 72 < apart
        assert name.startswith(" ".join(lines).removesuffix(" …"))


@pytest.mark.parametrize(("industries", "least"), [(3, None), (8, None), (13, 769), (30, 1503)])
def test_a_chart_wider_than_the_page_keeps_letters_that_can_be_read(industries: int, least: int | None) -> None:
    figure = industry_charts.residual_map(residuals(2, [f"Industry {n:02d}" for n in range(industries)]), {})
    assert figure is not None
    svg = inline_svg(figure, "residuals", "Residuals", "Residuals")
    assert re.findall(r"--least: (\d+)px", svg[: svg.index(">")]) == ([str(least)] if least else [])


def test_a_column_of_the_accounts_file_is_no_month() -> None:
    features = ["area_m2", "area_year", "all_rows_year", "all_rows_m02", "all_rows_q1", "pdf_rows_m03", "country = DE"]
    rows = pd.DataFrame({"segment": 0, "feature": features, "effect": np.arange(7.0, 0.0, -1.0), "held_out": False})
    said = charts.profile_said(rows.assign(low=0.0, high=9.0), 0, {})
    # of pdf the year is not there
    told = [one.partition(":")[0] for one in said.split("; ")]
    assert told == ["area m2", "area year", "all rows year", "pdf rows m03"]


def _luminance(colour: list[float]) -> float:
    """Relative luminance of WCAG 2.2, of parts from 0 to 1."""
    parts = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in colour]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


def test_a_number_can_be_read_on_the_darkest_square_in_every_palette() -> None:
    """WCAG asks for a contrast of 4.5; a browser's check does not look at text over a shape."""
    css = files("segmentation.reports").joinpath("templates/report.css").read_text("utf-8")
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", one)) for one in re.findall(r"{[^{}]*--paper:[^{}]*}", css)]
    assert len(found) == 4  # light, dark twice, print
    for colours in found:
        ink, paper, *shades = (
            np.array([int(colours[name][at : at + 2], 16) / 255 for at in (1, 3, 5)])
            for name in ("ink", "paper", "accent", "muted", "positive", "negative")
        )
        for shade in shades:
            square = DEEPEST * shade + (1 - DEEPEST) * paper
            dark, light = sorted((_luminance(ink), _luminance(square)))
            assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_squares_are_no_darker_than_that() -> None:
    pairs = pd.DataFrame({"previous_segment": [0, 1, 1], "segment": [0, 0, 0]})
    for figure in (industry_charts.residual_map(residuals(2, ["A"]), {}), charts.movement(pairs, {})):
        assert figure is not None
        shades = [patch.get_alpha() for patch in figure.axes[0].patches]
        assert max(shades) == DEEPEST


def test_the_worst_test_figure_is_on_the_chart_too() -> None:
    rows = [("cv", 0.5, 0.4, 0.6), ("test", 0.2, np.nan, np.nan), ("train", 0.9, 0.8, 1.0)]
    metrics = pd.DataFrame(rows, columns=["slice", "value", "low", "high"]).assign(
        metric="auc", industry="Signs", support=4, chance_high=0.6
    )
    axes = drawn(industry_charts.learnability(metrics)).axes[0]
    low, high = axes.get_xlim()
    marked = [x for line in axes.lines for x in np.asarray(line.get_xdata(), float)]
    assert 0.2 in marked
    assert low < min(marked)
    assert max(marked) < high


def test_what_trees_say_has_no_direction() -> None:
    """Shares of the gain, all above zero, are not drawn as if each feature spoke for the industry."""
    trees = pd.DataFrame({"industry": ["A", "A", "B"], "feature": ["x", "y", "x"], "effect": [0.75, 0.25, 1.0]})
    axes = drawn(industry_charts.drivers(trees, "A")).axes[0]
    assert axes.get_xlim()[0] == 0
    assert "→" not in axes.get_xlabel()
    linear = trees.assign(effect=[0.75, 0.5, 1.0])
    axes = drawn(industry_charts.drivers(linear, "A")).axes[0]
    assert axes.get_xlim()[0] < 0
    assert axes.get_xlabel() == "against  ←  log-odds  →  for"
    assert not industry_charts.are_shares(trees.assign(effect=[1.25, -0.25, 1.0]))


def test_a_map_of_many_accounts_shows_some_of_them() -> None:
    places = pd.DataFrame({"x": np.arange(5000.0), "y": 0.0, "segment": 0})
    axes = drawn(charts.segment_map(places, {})).axes[0]
    assert len(np.asarray(axes.lines[0].get_xdata())) == 2500 == len(charts.thinned(places))
    assert len(charts.thinned(places.head(4000))) == 4000
