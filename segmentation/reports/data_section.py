"""Section `data`: every row accounted for, what the rows are about, how fresh they are."""

from __future__ import annotations

import pandas as pd

from segmentation.events.refusals import Entry, waiting
from segmentation.reports.blocks import Block, Column, Fact, Facts, Heading, Section, Text, table
from segmentation.reports.inputs import Inputs
from segmentation.schemas import READ
from segmentation.shown import counted, shown_int, shown_share

#: disposition -> what the page calls it
DISPOSITIONS = {
    "quarantined": "set aside, to be mended",
    "dropped": "left out on purpose",
    "flagged": "noted, decided otherwise",
}


def data_section(inputs: Inputs) -> Section:
    """Rows in, kept, set aside and left out; per rule; per category; freshness; how many labels."""
    blocks: list[Block] = []
    if inputs.has("ingest_ledger"):
        blocks += _balance(inputs)
    blocks += _accounts(inputs)
    if inputs.has("categories"):
        blocks += _categories(inputs)
    lead = "What the figures rest on: every row of the logs is kept, set aside or left out by a named rule."
    return Section("data", "The data and its balance", lead, tuple(blocks))


def balance(ledger: pd.DataFrame) -> dict[str, int]:
    """rows_in, kept, quarantined, dropped over all files."""
    return {name: int(ledger[name].sum()) for name in ("rows_in", "kept", "quarantined", "dropped")}


def refused_files(ledger: pd.DataFrame) -> int:
    """Files that could not be read and still wait: one that was mended and taken in since is not counted."""
    return len(waiting(Entry(*row) for row in ledger[list(Entry._fields)].itertuples(index=False)))


def _balance(inputs: Inputs) -> list[Block]:
    ledger = inputs.rows("ingest_ledger")
    rows = balance(ledger)
    share = rows["kept"] / rows["rows_in"] if rows["rows_in"] else 0.0
    read, refused = ledger[ledger["status"] == READ], refused_files(ledger)
    last = f" Last rows taken in: {pd.Timestamp(read['ingested_at'].max()):%Y-%m-%d %H:%M} UTC." if len(read) else ""
    source = f"from {counted(len(read), 'file')}, counted apart from the reader"
    facts = Facts(
        (
            Fact("rows in", shown_int(rows["rows_in"]), source),
            Fact("kept", shown_int(rows["kept"]), f"{shown_share(share)} of the rows in"),
            Fact("set aside", shown_int(rows["quarantined"]), "broken; they can be mended and taken in again"),
            Fact("left out", shown_int(rows["dropped"]), "on purpose, such as the second of two equal rows"),
        )
    )
    sums = (
        f"{rows['rows_in']:,} rows in = {rows['kept']:,} kept + {rows['quarantined']:,} set aside + "
        f"{rows['dropped']:,} left out. This is checked after every ingest; a difference of one row stops it.{last}"
    )
    blocks: list[Block] = [facts, Text(sums)]
    if refused:
        are = "is" if refused == 1 else "are"
        blocks.append(
            Text(f"{counted(refused, 'file')} could not be read at all and {are} not in these figures.", True)
        )
    if inputs.has("row_balance"):
        blocks.append(_rules(inputs.rows("row_balance")))
    return blocks


def _rules(rows: pd.DataFrame) -> Block:
    decided = rows[rows["disposition"].isin(DISPOSITIONS)]
    counted = decided.groupby(["disposition", "rule"])[["rows"]].sum().reset_index()
    counted["rank"] = counted["disposition"].map({name: place for place, name in enumerate(DISPOSITIONS)})
    counted = counted.sort_values(["rank", "rows", "rule"], ascending=[True, False, True], ignore_index=True)
    told = counted.assign(
        what=counted["disposition"].map(DISPOSITIONS), rule=counted["rule"].str.replace("_", " ")
    )[["what", "rule", "rows"]]  # fmt: skip
    columns = (Column("what", "What became of them"), Column("rule", "Rule"), Column("rows", "Rows", "int"))
    return table("row_rules", "Rows by the rule that decided or noted them", told, columns)


def _accounts(inputs: Inputs) -> list[Block]:
    basetable = inputs.rows("basetable")
    labelled = int(basetable["industry"].notna().sum())
    share = labelled / len(basetable) if len(basetable) else 0.0
    of_them = f"The industry of {labelled:,} of them ({shown_share(share)}) is known from the accounts file"
    known = of_them if labelled else "The accounts file was read for no industry, or names none"
    said = (
        f"{counted(len(basetable), 'account')} {'has' if len(basetable) == 1 else 'have'} usage before {inputs.as_of}, "
        f"each described by {inputs.features:,} figures. {known}."
    )
    return [Text(said)]


def _categories(inputs: Inputs) -> list[Block]:
    rows = inputs.rows("categories").sort_values(["rows", "category"], ascending=[False, True], ignore_index=True)
    total = rows["rows"].sum()
    told = rows.assign(share=rows["rows"] / total if total else 0.0)
    told = told.assign(**{name: pd.to_datetime(told[name]).dt.strftime("%Y-%m-%d") for name in ("first", "last")})
    columns = (
        Column("category", "Category"),
        Column("rows", "Rows kept", "int"),
        Column("share", "Share of rows", "share"),
        Column("tokens", "Licences", "int"),
        Column("accounts", "Accounts", "int"),
        Column("first", "First row", "date"),
        Column("last", "Last row", "date"),
    )
    caption = f"What the kept rows before {inputs.as_of} are about"
    names = [column.name for column in columns]
    return [Heading("By category"), table("categories", caption, told[names], columns)]
