"""The tables of one data directory or catalog. Readers see published versions; a job sees what it has written itself.

Delta commits one table at a time. A job writes as many as it likes, then publishes all of them by one commit to the
table `published`. What a killed job left behind is ahead of its published version: nobody reads it, and the next job
that writes the table takes it back first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.schemas import INGEST_PLANS, PUBLISHED, TABLES
from segmentation.settings import StorageSettings
from segmentation.stores.catalogs import sql_schema
from segmentation.stores.delta import DeltaTable
from segmentation.stores.made_by import made_by
from segmentation.stores.publication import Published, begin_publications, read_publication, write_publication
from segmentation.stores.table_folders import finish_removals
from segmentation.table import Rows, Table, check, faults


class MissingTable(InputProblem):  # it names what is missing
    """A table that a job reads is not there yet; the message names the job that makes it."""


#: written by commits that stand whether or not a job publishes, so nothing in them is ever unfinished
_AHEAD = (PUBLISHED.name, INGEST_PLANS.name)


class TableStore:
    """Reads and writes the tables of one data directory or catalog, from one publication on."""

    def __init__(self, spark: SparkSession, storage: StorageSettings, data_dir: Path) -> None:
        self._spark = spark
        self._catalog = sql_schema(storage.catalog, storage.schema_name) if storage.catalog else None
        self._root = data_dir.absolute() / "tables"
        self.refresh()

    def refresh(self) -> None:
        """Forget what was written and not published, and look again at what is published."""
        #: versions of the tables that this job has written
        self._working: dict[str, int] = {}
        self._notes: dict[str, str | None] = {}
        self._published, self._sequence = read_publication(self._delta(PUBLISHED), self._others)

    def _others(self) -> list[str]:
        """The tables of this project that are there, by name, `published` aside."""
        return [table.name for table in TABLES if table is not PUBLISHED and self._delta(table).is_made()]

    def _delta(self, table: Table) -> DeltaTable:
        return DeltaTable(self._spark, table, self._catalog, self._root)

    @property
    def published(self) -> Mapping[str, Published]:
        """What readers see, by table name."""
        return self._published

    def location(self, table: Table) -> str:
        """Where the table is: a folder, or catalog.schema.table."""
        return self._delta(table).location

    def exists(self, table: Table) -> bool:
        """Whether there is a version of the table to read: published, or written by this job."""
        return table.name in self._working or table.name in self._published

    def version(self, table: Table) -> int:
        """The version that `read` gives; raises MissingTable naming the command that makes it."""
        if table.name in self._working:
            return self._working[table.name]
        if table.name in self._published:
            return self._published[table.name].version
        raise MissingTable(
            f"there is no table {table.name} at {self.location(table)}: run `segmentation {made_by(table.name)}` first"
        )

    def read(self, table: Table) -> DataFrame:
        """The table as this job has written it, else as published; raises MissingTable when there is neither."""
        return check(self._delta(table).read(self.version(table)), table)

    def faults(self, table: Table) -> list[str]:
        """Why `read` would refuse the table: what is wrong with its columns, which another release has written."""
        return faults(self._delta(table).columns(self.version(table)), table)

    def count(self, table: Table) -> int:
        """How many rows there are of what `read` gives; told by the table's log where that can be."""
        return self._delta(table).count(self.version(table))

    def dates(self, table: Table) -> list[dt.date]:
        """The as_of for which the rows that `read` gives speak, each once, in order."""
        return self._delta(table).dates(self.version(table))

    def read_latest(self, table: Table) -> DataFrame | None:
        """The latest version, published or not; None where there is none. For plans, which are ahead of everything."""
        version = self._delta(table).version()
        return check(self._delta(table).read(version), table) if version >= 0 else None

    def latest_version(self, table: Table) -> int:
        """The latest version, published or not; -1 where there is none."""
        return self._delta(table).version()

    def versions(self, tables: Sequence[Table]) -> dict[str, int]:
        """The version that `read` gives of each of the tables, by name."""
        return {table.name: self.version(table) for table in tables}

    def note(self, table: Table) -> str | None:
        """The note of what `read` gives, None where there is none: jobs tell by it that nothing has changed."""
        if table.name in self._working:
            return self._notes.get(table.name)
        return self._published[table.name].note if table.name in self._published else None

    def append(self, frame: Rows, table: Table, note: str | None = None) -> None:
        """Add rows in one commit."""
        self._write(frame, table, "append", {}, note)

    def append_ahead(self, frame: Rows, table: Table) -> None:
        """Add rows in one commit that stands whatever becomes of this job: for plans."""
        delta, rows = self._delta(table), check(frame, table)
        self._begin()
        if delta.version() < 0:
            delta.create(rows.schema)
        delta.write(rows, "append", {})

    def replace_ahead(self, frame: DataFrame, table: Table) -> None:
        """Replace the whole table in one commit that stands whatever becomes of this job: to erase from plans."""
        self._delta(table).write(check(frame, table), "overwrite", {})

    def replace(self, frame: Rows, table: Table, where: str | None = None, note: str | None = None) -> None:
        """Replace the whole table, or the rows for which `where` holds, in one commit that carries the note."""
        if where and self.exists(table):
            self._write(frame, table, "overwrite", {"replaceWhere": where}, note)
        else:
            self._write(frame, table, "overwrite", {"overwriteSchema": "true"} if table.free_names else {}, note)

    def append_and_change(
        self, rows: DataFrame, table: Table, overtaken: DataFrame, where: str, change: Mapping[str, str], note: str
    ) -> None:
        """Add rows, and change stored ones for which `where` holds and whose key is in `overtaken`, in one commit.

        `where` speaks of a stored row's columns as `old.name`.
        """
        self._take_back(table)
        self._delta(table).merge(check(rows, table), overtaken, where, change, note)
        self._working[table.name], self._notes[table.name] = self.latest_version(table), note

    def upsert(self, frame: DataFrame, table: Table, where: str) -> None:
        """Update rows by the table's key, insert new ones, and take away those of `where` that the frame lacks.

        One commit. `where` speaks of a stored row's columns as `old.name`. Two rows of one key stop it.
        """
        delta, rows = self._delta(table), check(frame, table)
        self._take_back(table)
        if delta.version() < 0:
            delta.create(rows.schema)
        delta.upsert(rows, where)
        self._working[table.name], self._notes[table.name] = delta.version(), None

    def exchange(self, frame: DataFrame, table: Table, where: str, note: str) -> None:
        """Replace the rows for which `where` holds by others for which it need not, in one commit."""
        self._take_back(table)
        self._delta(table).exchange(check(frame, table), where, {"userMetadata": note})
        self._working[table.name], self._notes[table.name] = self.latest_version(table), note

    def adopt(self, table: Table, note: str) -> bool:
        """Take up what a killed job committed: the latest commit, if ahead of the published one and with that note."""
        delta = self._delta(table)
        latest, published = delta.version(), self._published.get(table.name)
        if latest < 0 or (published and latest <= published.version) or delta.notes(latest - 1) != [note]:
            return False
        self._working[table.name], self._notes[table.name] = latest, note
        return True

    def _write(self, frame: Rows, table: Table, mode: str, options: dict[str, str], note: str | None) -> None:
        delta, rows = self._delta(table), check(frame, table)
        self._take_back(table, anew=mode == "overwrite" and "replaceWhere" not in options)
        if delta.version() < 0:
            delta.create(rows.schema)
            mode, options = "append", {}  # to replace, Delta would look for what there is: two queries for nothing
        elif table.name not in self._working:
            delta.admit_nulls()
        if table.open_ended and "overwriteSchema" not in options:
            options = {**options, "mergeSchema": "true"}
        if note is not None:
            options = {**options, "userMetadata": note}
        delta.write(rows, mode, options)
        self._working[table.name], self._notes[table.name] = delta.version(), note

    def _begin(self) -> None:
        """Before the first write of all: `published` is there before whatever it is to speak of."""
        if not self._sequence and not self._working:
            begin_publications(self._delta(PUBLISHED))

    def _take_back(self, table: Table, *, anew: bool = False) -> None:
        """What an unfinished job committed to the table goes, before this job writes it for the first time."""
        self._begin()
        if table.name not in self._working:
            published = self._published.get(table.name)
            self._delta(table).take_back(published.version if published else None, anew=anew)

    def publish(self, job: str, now: dt.datetime) -> None:
        """Show readers everything that was written since the last publication, in one commit; `now` is UTC.

        Raises PublicationConflict when another job has published in the meantime.
        """
        if not self._working:
            return
        news = {name: Published(v, self._notes.get(name), job, now) for name, v in self._working.items()}
        sequence = self._sequence + 1
        state = {**self._published, **news}
        write_publication(self._delta(PUBLISHED), state, sequence, job)
        self._working, self._notes = {}, {}
        self._published, self._sequence = state, sequence

    def take_back_unfinished(self) -> None:
        """What killed jobs committed goes, with the next publication; a table that was never published goes at once."""
        for table in self.unfinished():
            self._take_back(table)
            if table.name in self._published:
                published = self._published[table.name]
                self._working[table.name], self._notes[table.name] = self.latest_version(table), published.note

    def purge(self) -> None:
        """Delete all files that only earlier versions of the tables need; none where another job is writing one.

        What that job began with would be gone, and so would be what readers see should it be killed.
        """
        if busy := self.unfinished():
            raise InputProblem(
                f"another job is writing {', '.join(self.location(table) for table in busy)}: nothing was purged, so "
                "older files still hold what was erased; give the command again when that job is done"
            )
        for table in TABLES:
            if self.latest_version(table) >= 0:
                self._delta(table).purge()
        if self._catalog is None:
            finish_removals(self._root)

    def unfinished(self) -> list[Table]:
        """The tables whose latest version is neither published nor this job's own: a killed job left it."""
        known = {name: state.version for name, state in self._published.items()} | self._working
        return [t for t in TABLES if t.name not in _AHEAD and self.latest_version(t) > known.get(t.name, -1)]

    def is_ours(self, table: Table) -> bool:
        """Whether the table is this project's; a catalog may hold somebody else's of the same name."""
        return table.name in self._published or self._delta(table).is_ours()
