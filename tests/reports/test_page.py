"""The page: what it says is what the tables say, hostile names are text, missing parts say how to get them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from segmentation.reports.blocks import Report
from segmentation.reports.content import FILES, build, find
from segmentation.reports.inputs import Inputs
from segmentation.reports.page import render
from segmentation.shown import SHOWN, counted, shown_goal, shown_least, shown_share
from tests.reports import frames

pytestmark = pytest.mark.slow

SECTIONS = ["summary", "data", "segments", "industries", "joint", "outlook", "changes", "trust", "glossary"]


def made(inputs: Inputs) -> Report:
    return build(inputs, find(inputs))


def text_of(report: Report, name: str) -> str:
    """Everything that a section says, without tags."""
    page = render(report)
    section = page[page.index(f'<section id="{name}"') :]
    return re.sub(r"<[^>]+>", " ", section[: section.index("</section>")]).replace("\xa0", " ")


@pytest.fixture(scope="module")
def page() -> str:
    return render(made(frames.inputs(before=frames.earlier())))


class Outline(HTMLParser):
    """Ids, headings, and which tags a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))


def test_sections_stand_in_order_and_the_outline_holds(page: str) -> None:
    outline = Outline()
    outline.feed(page)
    assert [name for name in outline.ids if name in SECTIONS] == SECTIONS
    assert len(outline.ids) == len(set(outline.ids))  # of charts as well
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert outline.tags.count("svg") >= 6


def test_whatever_a_customer_is_called_is_text(page: str) -> None:
    assert "alert(1)" in page
    assert frames.HOSTILE not in page
    outline = Outline()
    outline.feed(page)
    assert outline.tags.count("script") == 1  # its own


def test_hostile_names_of_segments_and_industries_are_text_in_charts_too() -> None:
    now = frames.tables()
    named = {"segment_summaries": "name"} | dict.fromkeys(
        ("industry_cards", "industry_metrics", "basetable"), "industry"
    )
    for table, column in named.items():
        now[table] = now[table].assign(**{column: now[table][column].where(now[table][column].isna(), frames.HOSTILE)})
    outline = Outline()
    outline.feed(render(made(frames.inputs(now))))
    assert outline.tags.count("script") == 1
    assert outline.tags.count("svg") >= 5


def test_nothing_is_loaded(page: str) -> None:
    assert "default-src 'none'" in page
    # names of XML namespaces, which nobody fetches
    addresses = set(re.findall(r"https?://[^\"' <]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"\bsrc=|@import|url\((?!#)", page)


def test_the_same_tables_give_the_same_bytes(page: str) -> None:
    assert render(made(frames.inputs(before=frames.earlier()))) == page


def test_rows_are_balanced_and_summed_over_files() -> None:
    report = made(frames.inputs())
    assert "150 rows in = 135 kept + 9 set aside + 6 left out." in text_of(report, "data")
    rules = report.tables()["row_rules"]
    assert rules[["rule", "rows"]].to_numpy().tolist() == [
        ["bad time", 9],
        ["duplicate", 6],
        ["unmatched event name", 7],
    ]


def test_the_summary_says_what_to_do() -> None:
    said = text_of(made(frames.inputs(before=frames.earlier())), "summary")
    assert "6 accounts fall into 2 segments; the largest, Heavy use, has 3 of them (50 %)." in said
    assert "1 of these segments is doubtful: do not build a campaign on it alone." in said
    assert "Since 2025-12-01, 2 of 6 accounts (33 %) changed segment." in said
    assert "Usage tells 1 of 2 industries from the rest: Labels." in said
    assert "The industry of 1 account can be filled in now; 1 account needs a look, and 1 label should be" in said
    assert not re.search(r"\b1 (accounts|segments|labels|files|industries|months)\b", said)


def test_what_has_not_run_is_no_result_of_nought() -> None:
    gone = ("industry_cards", "industry_fill", "industry_suspects", "industry_metrics")
    now = {name: rows for name, rows in frames.tables().items() if name not in gone}
    now["account_rfm"] = now["account_rfm"].assign(label="active and heavy")
    said = text_of(made(frames.inputs(now)), "summary")
    assert said.count("no industry model for this date") == 2
    assert "industries sure enough" not in said
    assert (
        "Of the accounts used in the last twelve months, none has fallen silent after more than light use; what will "
        "be was not forecast."
    ) in said


def test_segments_of_another_method_tell_nothing_of_moves() -> None:
    before = frames.earlier()
    before["segments"] = before["segments"].assign(method="kmeans")
    report = made(frames.inputs(before=before))
    assert "nobody was segmented by consensus at both dates" in text_of(report, "changes")
    assert "changed segment" not in text_of(report, "summary")
    assert "0 of 0" not in render(report)


def test_a_file_that_was_mended_is_not_missing_any_more() -> None:
    now = frames.tables()
    stands = now["ingest_ledger"].iloc[[0]].assign(rows_in=0, kept=0, quarantined=0, dropped=0, status="refused")
    mended = stands.assign(path="b.csv", file_id="x", reason="empty_file", ingested_at=pd.Timestamp("2026-01-01 08:00"))
    now["ingest_ledger"] = pd.concat([now["ingest_ledger"], mended])
    said = text_of(made(frames.inputs(now)), "data")
    assert "from 2 files" in said
    assert "could not be read" not in said
    waits = stands.assign(path="c.csv", file_id="y", reason="empty_file", ingested_at=pd.Timestamp("2026-01-03 08:00"))
    now["ingest_ledger"] = pd.concat([now["ingest_ledger"], waits])
    said = text_of(made(frames.inputs(now)), "data")
    assert "1 file could not be read at all and is not in these figures." in said
    assert "Last rows taken in: 2026-01-02 08:00 UTC." in said


def test_a_value_that_could_not_be_forecast_is_not_nought() -> None:
    now = frames.tables() | {"account_values": frames.values()}
    said = text_of(made(frames.inputs(now, value_months=1)), "outlook")
    assert "1,125" in said
    assert "forecast for 1 month, in the unit of" in said
    assert "value, of 5 of 6 accounts; the others have none" in said
    assert "all accounts" not in said
    now["account_values"] = frames.values().assign(lifetime_value=None)
    inputs = frames.inputs(now)
    assert "no value could be forecast" in text_of(made(inputs), "outlook")
    changes = find(inputs).changes.set_index("item")
    assert pd.isna(changes.loc["expected value of the accounts that have one", "now"])


def test_trust_stands_beside_figures() -> None:
    report = made(frames.inputs())
    assert "right for 75 % of accounts not seen before whose industry the model knows (0.60 to 0.85)" in text_of(
        report, "trust"
    )
    told = report.tables()["segments"][["name", "trust"]].to_numpy().tolist()
    assert told == [["Heavy use", "firm"], ["Light use", "doubtful"]]
    # the page is in plain words, the figures of a sentence are folded away
    assert "Used more than the others. " in text_of(report, "segments")
    assert "g = 1.95, 1.79 to 2.10" in text_of(report, "segments")


def test_customers_moves_are_told_from_retraining() -> None:
    said = text_of(made(frames.inputs(before=frames.earlier())), "changes")
    assert "2 of 6 accounts moved because their usage changed, and 1 because the model was trained anew" in said
    assert "Segment 1 (Light use) is new." in said


def test_a_first_report_has_nothing_to_compare() -> None:
    assert "This is the first report" in text_of(made(frames.inputs()), "changes")


@pytest.mark.parametrize(
    ("missing", "section", "fix"),
    [
        (["churn_scores"], "outlook", "segmentation churn --as-of 2026-01-01"),
        (["account_values"], "outlook", "segmentation value --as-of 2026-01-01"),
        (["industry_cards", "industry_fill", "industry_suspects", "industry_metrics"], "industries",
         "segmentation industry --as-of 2026-01-01"),
        (["account_positions"], "segments", "segmentation segments --force"),
    ],
)  # fmt: skip
def test_a_missing_part_says_how_to_get_it(missing: list[str], section: str, fix: str) -> None:
    now = {name: rows for name, rows in frames.tables().items() if name not in missing}
    assert fix in text_of(made(frames.inputs(now)), section)


def test_without_labels_there_is_no_map_of_industries() -> None:
    now = frames.tables()
    now["basetable"] = now["basetable"].assign(industry=None)
    assert "give an accounts file with labels" in text_of(made(frames.inputs(now)), "joint")


def test_long_lists_are_cut_in_the_page_and_whole_in_the_file() -> None:
    now = frames.tables()
    one = now["industry_fill"].iloc[[1]]
    names = [f"B{number:03}" for number in range(60)]
    now["industry_fill"] = pd.concat([one.assign(account_id=name) for name in names])
    unlabelled = pd.DataFrame({"as_of": frames.NOW, "account_id": names, "industry": None})
    now["basetable"] = pd.concat([now["basetable"], unlabelled])
    report = made(frames.inputs(now))
    page = render(report)
    assert "(the first 50 of 60; all in review.csv)" in page
    assert "B049" in page
    assert "B050" not in page
    assert len(report.tables()["review"]) == 60


def test_every_table_of_a_whole_report_is_a_file_that_it_may_take_away_again() -> None:
    moment = pd.Timestamp("2025-12-31")
    categories = {"category": ["Document"], "rows": 135, "tokens": 3, "accounts": 2, "first": moment, "last": moment}
    coverage = {"industry": ["all"], "threshold": 0.8, "filled": 4, "precision": 0.9, "low": 0.7, "coverage": 0.5}
    churned = {"population": ["active"], "slice": "test", "metric": "auc", "value": 0.8, "low": 0.7, "high": 0.9,
               "base_rate": 0.5, "recency": 0.6, "accounts": 5, "churned": 2, "reason": None}  # fmt: skip
    also = {"categories": categories, "industry_coverage": coverage, "churn_metrics": churned}
    now = frames.tables() | {"churn_scores": frames.churn(), "account_values": frames.values()}
    report = made(frames.inputs(now | {name: pd.DataFrame(rows) for name, rows in also.items()}, frames.earlier()))
    assert set(report.tables()) == FILES
    assert "0.70 to 0.90 on later months; days since last seen alone 0.60" in text_of(report, "outlook")


def test_a_forecast_of_which_nobody_knows_the_worth_says_why() -> None:
    auc = {"population": ["active"], "slice": "test", "metric": "auc", "value": None, "low": None, "high": None,
           "base_rate": None, "recency": None, "accounts": 4, "churned": 0, "reason": "none of the 4 left"}  # fmt: skip
    now = frames.tables() | {"churn_scores": frames.churn(), "churn_metrics": pd.DataFrame(auc)}
    report = made(frames.inputs(now))
    assert re.search(r"AUC of the forecast\s+-\s+not known: none of the 4 left", text_of(report, "outlook"))
    assert "none of the 4 left" in text_of(report, "trust")
    now["churn_metrics"] = pd.DataFrame(
        auc | {"value": 0.8, "low": 0.7, "high": 0.9, "recency": 0.6, "reason": "rough"}
    )
    assert "days since last seen alone 0.60; rough" in text_of(made(frames.inputs(now)), "outlook")


def test_nothing_is_never_below_nothing_and_one_is_one() -> None:
    shown = {kind: SHOWN[kind](-0.004) for kind in ("int", "number", "tenth", "signed", "change", "plain")}
    assert shown == {"int": "0", "number": "0.00", "tenth": "0.0", "signed": "0.0", "change": "0.00", "plain": "0.00"}
    assert [SHOWN["signed"](one) for one in (-1.25, 1234.5)] == ["-1.2", "+1,234.5"]
    assert [SHOWN["change"](one) for one in (0, 3, -0.5)] == ["0", "+3", "-0.50"]
    assert [counted(one, "industry", "industries") for one in (1, 2)] == ["1 industry", "2 industries"]
    assert [shown_goal(one).replace("\xa0", " ") for one in (0.57, 0.995)] == ["57 %", "99.5 %"]


def test_a_lower_bound_is_never_rounded_up() -> None:
    told = [shown_least(one).replace("\xa0", " ") for one in (0.897, 0.29, 0.9999, 1.0, 0.004)]
    assert told == ["89 %", "29 %", "99 %", "100 %", "0 %"]


def test_shares_are_never_rounded_to_nothing_or_to_all() -> None:
    assert [shown_share(one).replace("\xa0", " ") for one in (0.0, 0.001, 0.005, 0.234, 0.994, 0.995, 0.9996, 1.0)] == [
        "0 %",
        "< 1 %",
        "< 1 %",
        "23 %",
        "99 %",
        "> 99 %",
        "> 99 %",
        "100 %",
    ]
