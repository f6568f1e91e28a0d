"""What a log looks like and which of its rows are good."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from segmentation.column_names import quoted
from segmentation.errors import did_you_mean
from segmentation.settings.base import Date, Frozen, Positive

#: letters of a format that Spark reads a time by
_LETTERS = "GyDMLdahKkHmsSVvzOXxZ"
#: where an event name goes that no rule knows: always a category, last where none lists it
FALLBACK = "Others"
#: stands for all categories together in names of columns
TOTALS = "all"


def slug(category: str) -> str:
    """The category as part of a column name: `Preflight Report Items` is preflight_report_items."""
    return re.sub(r"[^a-z0-9]+", "_", category.lower()).strip("_")


def with_fallback(categories: Sequence[str]) -> tuple[str, ...]:
    """The categories in their order, the fallback last when they do not list it."""
    return tuple(categories if FALLBACK in categories else [*categories, FALLBACK])


NamesOrTypes = TypeVar("NamesOrTypes", tuple[str, ...], dict[str, str])
#: keys of a source whose values are SQL over the log's own columns
SQL_KEYS = (
    "token", "account_id", "event_name", "duration_s", "value", "status", "error_when", "product", "os", "event_id",
    "revision",
)  # fmt: skip


class IngestSettings(Frozen):
    """Rules that hold for every log."""

    earliest: Date
    future_days: Annotated[int, Field(ge=0)]
    max_text_length: Positive
    max_line_length: Positive
    max_number: Annotated[float, Field(gt=0.0, le=1e12)]  # sums of greater ones would not be exact


class PrivacySettings(Frozen):
    """Whether identifiers are stored as keyed hashes, and the name of the environment variable that holds the key."""

    hash_ids: bool
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RuleSettings(Frozen):
    """One rule of a source: a name, what becomes of a row on which it holds, and the condition."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    disposition: Literal["quarantined", "dropped", "flagged"]
    when: str


class TimeSettings(Frozen):
    """How a source writes its event times: in text formats, as a number since 1970, or as a real timestamp."""

    column: str
    formats: tuple[str, ...] = ()
    epoch: Literal["seconds", "millis", "micros", "nanos"] | None = None
    zone: str = "UTC"

    @field_validator("formats")
    @classmethod
    def _readable(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for form in formats:
            # each field once, as its letter: yMdHms
            fields = "".join(letter for letter, _ in groupby(re.findall("[A-Za-z]", re.sub("'[^']*'", "", form))))
            if strange := sorted(set(fields) - set(_LETTERS)):
                raise ValueError(
                    f"{form!r}: Spark reads no {', '.join(strange)} (a year is yyyy, a day dd; a letter that stands "
                    "for itself is quoted: 'T')"
                )
            if re.search("(^|[^HhKk])m", fields):
                raise ValueError(f"{form!r}: m is the minute, which stands behind the hour; a month is M, as in MM")
            if "d" in fields and not set(fields) & set("ML"):
                raise ValueError(f"{form!r}: there is a day (d) and no month, which is M, as in MM")
        return formats

    @field_validator("epoch")
    @classmethod
    def _alone(cls, epoch: str | None, info: ValidationInfo) -> str | None:
        if epoch and info.data.get("formats"):
            raise ValueError("it reads numbers, and formats read texts: give one of the two")
        return epoch

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        # Java knows offsets and names of a few letters besides
        if zone == "UTC" or re.fullmatch(r"(UTC|GMT|UT)?[+-]\d.*|[A-Z]{1,3}|SystemV/.*", zone):
            return zone
        known = available_timezones()
        if zone in known or not known:  # a machine that has none cannot tell
            return zone
        raise ValueError(f"no time zone {zone!r}{did_you_mean(zone, known)}")


class CategorySettings(Frozen):
    """Which event names belong to one category: an exact name wins, then the longest prefix, then the first pattern."""

    name: str
    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    @field_validator("name")
    @classmethod
    def _fit_for_columns(cls, name: str) -> str:
        if slug(name) in ("", TOTALS):
            why = f"{TOTALS!r} stands for all of them" if slug(name) else "it has no letter a to z and no digit"
            raise ValueError(f"columns cannot be named after category {name!r}: {why}; name it otherwise")
        return name


def _distinct(categories: tuple[CategorySettings, ...]) -> tuple[CategorySettings, ...]:
    seen: dict[str, str] = {}
    for name in with_fallback([category.name for category in categories]):
        if slug(name) in seen:
            other = seen[slug(name)]
            raise ValueError(
                f"category {name!r} stands twice; make it one"
                if name == other
                else f"categories {other!r} and {name!r} would give the same columns, {slug(name)}_...; rename one"
            )
        seen[slug(name)] = name
    prefixes: dict[str, str] = {}
    for category in categories:
        for prefix in category.prefixes:
            # letters are compared composed
            other = prefixes.setdefault(unicodedata.normalize("NFC", prefix), category.name)
            if other != category.name:
                raise ValueError(f"prefix {prefix!r} stands in {other!r} and in {category.name!r}; leave it in one")
    return categories


#: categories whose columns can be told apart; none at all: those that all logs share
Categories = Annotated[tuple[CategorySettings, ...], AfterValidator(_distinct)]


class SourceSettings(Frozen):
    """One kind of log: its format and how its columns map onto ours. Values are Spark SQL over the log's columns."""

    name: str
    format: Literal["csv", "jsonl", "parquet"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: tuple[str, ...]
    #: Parquet alone: a file in which one of these columns has another type (Spark's name of it) is refused
    types: dict[str, str] = {}
    time: TimeSettings
    token: str
    account_id: str
    event_name: str
    duration_s: str | None = None
    value: str | None = None
    status: str | None = None
    error_when: str | None = None
    product: str | None = None
    os: str | None = None
    attributes: tuple[str, ...] = ()
    #: what identifies an event: of its rows only the one with the greatest revision (then time) is kept
    event_id: str | None = None
    #: a whole number or a time; null is the lowest
    revision: str | None = None
    duplicates: Literal["drop", "keep"] = "drop"
    rules: tuple[RuleSettings, ...] = ()
    categories: Categories = ()

    @property
    def has_time_column(self) -> bool:
        """Whether `time.column` is the name of a column, in capitals or not; else it is SQL."""
        return self.time.column.lower() in {name.lower() for name in self.columns}

    @property
    def sql(self) -> dict[str, str]:
        """What our own columns but the time are computed by, of those that are."""
        return {key: sql for key in SQL_KEYS if (sql := getattr(self, key)) is not None}

    @field_validator("columns")
    @classmethod
    def _told_apart(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        given = [name.lower() for name in columns]
        if repeated := sorted({name for name in columns if given.count(name.lower()) > 1}):
            raise ValueError(f"{', '.join(repeated)} stands there more than once (capitals make no other name)")
        return columns

    @field_validator("types", "attributes")
    @classmethod
    def _of_columns(cls, names: NamesOrTypes, info: ValidationInfo) -> NamesOrTypes:
        known = {name.lower(): name for name in info.data.get("columns", ())}
        if unknown := [name for name in names if name.lower() not in known]:
            raise ValueError(f"{unknown[0]!r} is not among the columns{did_you_mean(unknown[0], known.values())}")
        spelt = [known[name.lower()] for name in names]
        if repeated := sorted({name for name in spelt if spelt.count(name) > 1}):
            raise ValueError(f"{', '.join(repeated)} stands there more than once")
        # what a log holds under a name and what is kept under it are one thing, whatever its capitals
        return dict(zip(spelt, names.values(), strict=True)) if isinstance(names, dict) else type(names)(spelt)

    @field_validator("types")
    @classmethod
    def _has_types(cls, types: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if types and (kind := info.data.get("format", "parquet")) != "parquet":
            raise ValueError(f"only Parquet has types: the columns of {kind} are text; leave it out")
        return types

    @field_validator(*SQL_KEYS)
    @classmethod
    def _column_or_sql(cls, sql: str | None, info: ValidationInfo) -> str | None:
        """The name of a column is that column, also where SQL takes it for something else (user-id) or none (größe)."""
        if sql is None or sql not in info.data.get("columns", ()) or re.fullmatch(r"(?a)[A-Za-z_]\w*", sql):
            return sql
        return quoted(sql)

    @model_validator(mode="after")
    def _consistent(self) -> SourceSettings:
        if self.format != "parquet" and not self.time.formats and not self.time.epoch:
            raise ValueError(f"time.formats or time.epoch: how is the text in {self.time.column!r} to be read?")
        if self.revision is not None and self.event_id is None:
            raise ValueError("revision without event_id: of what is it a revision?")
        if self.event_id is not None and self.duplicates == "keep":
            raise ValueError("event_id keeps one row per event, duplicates: keep keeps equal rows; choose one")
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError(f"rules {sorted({n for n in names if names.count(n) > 1})} are given twice")
        return self
