"""What a report is made of: sections of plain values that a page shows and a test reads. Nothing here knows HTML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pandas as pd

from segmentation.shown import NOTHING, SHOWN, is_missing


@dataclass(frozen=True)
class Column:
    """One column of a table block."""

    #: in the frame, and so in the CSV file
    name: str
    #: over the column
    title: str
    #: how a value is shown: a key of SHOWN
    kind: str = "text"

    @property
    def is_number(self) -> bool:
        """Whether values stand to the right and sort by size."""
        return self.kind not in ("text", "wide", "date")


@dataclass(frozen=True)
class Cell:
    """One value: as it is shown, and as the table sorts by it (and tests read it)."""

    text: str
    value: str


@dataclass(frozen=True)
class TableBlock:
    """A sortable table: the first rows of a frame; the CSV file of the same name has all of them."""

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    #: every row and column: what the CSV file of this name holds
    frame: pd.DataFrame = field(compare=False, repr=False)

    @property
    def total(self) -> int:
        """Rows in all."""
        return len(self.frame)


@dataclass(frozen=True)
class Chart:
    """A drawing as SVG, and what somebody is told who cannot see it."""

    kind: ClassVar[str] = "chart"
    name: str
    title: str
    description: str
    svg: str
    #: whether the description is for everybody, or only for those who cannot see the chart
    is_told: bool = True


@dataclass(frozen=True)
class Fact:
    """One figure, what it is, and how far to trust it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """A row of figures."""

    kind: ClassVar[str] = "facts"
    items: tuple[Fact, ...]


@dataclass(frozen=True)
class Text:
    """A paragraph, or how to get what is missing."""

    kind: ClassVar[str] = "text"
    text: str
    is_missing: bool = False


@dataclass(frozen=True)
class Details:
    """A paragraph that is folded away until somebody asks for it."""

    kind: ClassVar[str] = "details"
    title: str
    text: str


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    kind: ClassVar[str] = "points"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    kind: ClassVar[str] = "terms"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """A thing with a name, a badge in words, and blocks of its own."""

    kind: ClassVar[str] = "card"
    title: str
    badge: str
    text: str
    blocks: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Cards:
    """Cards side by side; `title` is the heading over them."""

    kind: ClassVar[str] = "cards"
    title: str
    #: what holds for all of them
    text: str
    items: tuple[Card, ...]


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


Block = TableBlock | Chart | Facts | Text | Details | Points | Terms | Cards | Heading


@dataclass(frozen=True)
class Section:
    """One section of the page."""

    name: str
    title: str
    #: what the section answers, in a sentence
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A whole report of plain values: the same tables give the same report."""

    title: str
    as_of: dt.date
    #: when the youngest of its tables was published, UTC
    published: dt.datetime
    sections: tuple[Section, ...]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table of the page by name, with all its rows and columns."""
        return {
            block.name: block.frame for one in self.sections for block in _flat(one.blocks) if block.kind == "table"
        }


def _flat(blocks: Sequence[Any]) -> Iterator[Any]:
    for block in blocks:
        yield block
        if block.kind == "cards":
            for card in block.items:
                yield from _flat(card.blocks)


def table(name: str, caption: str, frame: pd.DataFrame, columns: Sequence[Column], shown: int = 1000) -> TableBlock:
    """The first `shown` rows of a frame, in its order."""
    rows = tuple(
        tuple(_cell(value, column) for value, column in zip(row, columns, strict=True))
        for row in frame[[column.name for column in columns]].head(shown).itertuples(index=False, name=None)
    )
    return TableBlock(name, caption, tuple(columns), rows, frame)


def _cell(value: Any, column: Column) -> Cell:
    if is_missing(value):
        return Cell(NOTHING, "")
    if column.is_number:
        return Cell(SHOWN[column.kind](value), f"{float(value):.10g}")
    return Cell(str(value), str(value))
