"""The report of a walk through the whole path: its files, its tables, and the page in a browser."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from pyspark.sql import SparkSession

from segmentation.jobs import report_tables
from segmentation.jobs.command import main
from segmentation.jobs.report_tables import _of_date
from segmentation.reports.blocks import Report
from segmentation.reports.joint_section import joint_section
from segmentation.reports.page import render
from segmentation.reports.residuals import segment_industries
from segmentation.runtime import Exit
from tests.reports import frames
from tests.reports.test_page import SECTIONS
from tests.walk import AS_OF

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
NO_BROWSER = "no Chromium: `apt-get install chromium`, or name one in the environment variable CHROMIUM"


@pytest.fixture(scope="module")
def reported(walked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the walk's tables, with a report of them."""
    folder = tmp_path_factory.mktemp("reported")
    shutil.copytree(walked / "tables", folder / "tables")
    assert main(["report", "--data-dir", str(folder)]) == Exit.OK
    return folder


@pytest.fixture(scope="module")
def html(reported: Path) -> Path:
    return reported / "reports" / f"report-{AS_OF}.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, html: Path) -> Iterator[Opener]:
    """Opens the page as one asks for; whatever the console says, or the page asks the network for, is a failure."""
    noise: list[str] = []
    pages: list[Page] = []

    def open_page(**options: Any) -> Page:
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("request", lambda asked: noise.append(asked.url) if asked.url[:5] not in ("file:", "data:") else None)
        page.goto(html.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert noise == []


@pytest.fixture(scope="module")
def read(spark: SparkSession, reported: Path) -> Callable[[str], pd.DataFrame]:
    return lambda name: spark.read.format("delta").load(str(reported / "tables" / name)).toPandas()


Read = Callable[[str], pd.DataFrame]


def shown(page: Page, table: str) -> list[list[str]]:
    """The values of a table in the page, as it sorts by them."""
    script = "rows => rows.map(row => [...row.cells].map(cell => cell.dataset.value ?? cell.textContent))"
    return page.eval_on_selector_all(f"#table-{table} tbody tr", script)


def test_figures_in_the_page_are_those_of_the_tables(opened: Opener, read: Read) -> None:
    page = opened()
    assert page.eval_on_selector_all("main > section", "all => all.map(one => one.id)") == SECTIONS
    stored = read("segment_summaries")
    [lead] = set(read("segment_industries")["method"])
    living = stored[(stored["method"] == lead) & (stored["accounts"] > 0)].sort_values("segment")
    rows = shown(page, "segments")
    assert [(int(row[0]), row[1], int(row[2])) for row in rows] == [
        (row.segment, row.name, row.accounts) for row in living[["segment", "name", "accounts"]].itertuples(index=False)
    ]
    assert [float(row[4]) for row in rows] == pytest.approx(living["stability"].tolist())
    cards = read("industry_cards").set_index("industry")
    told = {row[0]: row for row in shown(page, "industry_cards")}
    assert set(told) == set(cards.index)
    for name, row in told.items():
        assert (row[1], int(row[2])) == (cards.loc[name, "verdict"], cards.loc[name, "labelled"])
        assert (float(row[3]) if row[3] else 0.0) == pytest.approx(cards["auc"].fillna(0.0)[name])
    residuals = read("segment_industries")
    assert len(shown(page, "segment_industries")) == len(residuals)
    assert sum(int(row[3]) for row in shown(page, "segment_industries")) == residuals["accounts"].sum()
    ledger = read("ingest_ledger")
    sums = [f"{ledger[name].sum():,}" for name in ("rows_in", "kept", "quarantined", "dropped")]
    assert page.locator("#data .figure").all_inner_texts() == sums
    actions = read("account_actions")
    review = actions[actions["action"] == "review"].sort_values("priority").head(50)
    assert [row[1] for row in shown(page, "review")] == review["account_id"].tolist()


def test_tables_sort_by_click_and_by_keyboard(opened: Opener) -> None:
    page = opened()
    heading = page.locator("#table-segments th", has_text="Accounts").first
    place = heading.evaluate("one => one.cellIndex")

    def sizes() -> list[int]:
        return [int(row[place]) for row in shown(page, "segments")]

    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert sizes() == sorted(sizes(), reverse=True)
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert sizes() == sorted(sizes())
    # the first stop of the keyboard leads past the navigation
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.reload()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_a_phone_scrolls_down_and_never_sideways(opened: Opener) -> None:
    page = opened(viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(opened: Opener, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    paper = "getComputedStyle(document.querySelector('section')).backgroundColor"
    background = page.evaluate(paper)
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(page, options=rules).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found] == []
    page.locator("#theme").click()
    assert page.evaluate(paper) != background


def test_it_prints(opened: Opener) -> None:
    page = opened(color_scheme="dark", viewport={"width": 720, "height": 1000})  # A4 less its margins
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 720  # no column is cut off
    assert page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor") == "rgb(255, 255, 255)"
    # what Chromium needs to repeat the headings on every page of a long table: no box of a button, an unbroken head
    heads = "[...document.querySelectorAll('thead')].map(one => getComputedStyle(one).breakInside)"
    assert set(page.evaluate(heads)) == {"avoid"}
    buttons = "[...document.querySelectorAll('th button')].map(one => getComputedStyle(one).display)"
    assert set(page.evaluate(buttons)) == {"contents"}


def test_a_map_of_many_industries_scrolls_in_its_box_and_prints_whole(browser: Browser) -> None:
    pairs = [(segment, f"Industry {number:02d}") for segment in (0, 1) for number in range(36)]
    residuals = segment_industries(pd.DataFrame(pairs, columns=["segment", "industry"]))
    inputs = frames.inputs()
    section = joint_section(inputs, residuals)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_content(render(Report("Many industries", inputs.as_of, inputs.published, (section,))))
    letters = "Math.min(...[...document.querySelectorAll('svg text')].map(one => one.getBoundingClientRect().height))"
    box = "(({scrollWidth, clientWidth}) => scrollWidth > clientWidth)(document.querySelector('figure .scroll'))"
    try:
        assert page.evaluate(letters) > 9
        assert page.evaluate(box)
        assert page.evaluate("document.documentElement.scrollWidth") == 1280
        page.emulate_media(media="print")
        assert not page.evaluate(box)
        assert page.evaluate("document.documentElement.scrollWidth") == 1280
    finally:
        page.close()


def test_its_tables_are_files_too_and_a_second_report_is_the_same(
    reported: Path, html: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = reported / "tables" / "account_actions" / "_delta_log"
    before, versions = html.read_bytes(), len(list(log.glob("*.json")))
    assert len(before) < 2_000_000
    review = pd.read_csv(html.parent / str(AS_OF) / "review.csv")
    actions = read("account_actions")
    assert len(review) == (actions["action"] == "review").sum()
    assert main(["report", "--data-dir", str(reported)]) == Exit.OK
    assert html.read_bytes() == before
    assert len(list(log.glob("*.json"))) == versions
    # another release may write other rows
    monkeypatch.setattr(report_tables, "code_digest", lambda packages: "upgraded")
    assert main(["report", "--data-dir", str(reported)]) == Exit.OK
    assert len(list(log.glob("*.json"))) > versions
    assert read("account_actions").equals(actions)


def test_what_is_missing_is_one_line_with_the_fix(
    reported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--data-dir", str(tmp_path / "empty")]) == Exit.INPUT
    assert "run `segmentation basetable` first" in capsys.readouterr().err
    later = str(AS_OF + dt.timedelta(days=31))
    assert main(["report", "--data-dir", str(reported), "--as-of", later]) == Exit.INPUT
    assert f"run `segmentation segments --as-of {later}`" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["report", "--data-dir", str(reported), "--to", str(tmp_path / "file" / "deeper")]) == Exit.INPUT
    assert "name another --to" in capsys.readouterr().err


def test_what_was_found_before_the_basetable_was_built_anew_is_named(walked: Path, tmp_path: Path) -> None:
    shutil.copytree(walked / "tables", tmp_path / "tables")
    assert main(["basetable", "--force", "--as-of", str(AS_OF), "--data-dir", str(tmp_path)]) == Exit.OK
    assert main(["report", "--data-dir", str(tmp_path)]) == Exit.OK
    page = (tmp_path / "reports" / f"report-{AS_OF}.html").read_text(encoding="utf-8")
    assert "The basetable was built anew after segments and use were found in it" in page
    assert "The basetable was built anew after industries were found in it" in page


def test_values_of_accounts_that_the_basetable_left_out_are_not_spoken_of() -> None:
    day = dt.date(2026, 1, 1)
    frames = {
        "basetable": pd.DataFrame({"as_of": [day] * 2, "account_id": ["a", "b"]}),
        "account_values": pd.DataFrame({"as_of": [day] * 3, "account_id": ["a", "b", "z"]}),
    }
    assert _of_date(frames, day)["account_values"]["account_id"].tolist() == ["a", "b"]
    assert _of_date(frames, None) == {}
