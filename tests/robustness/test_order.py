"""The same files in one batch or several, in any order: the same tables."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import ACTIVITY_FILES, BASETABLE, EVENTS, LEDGER, PLATFORMS, ROW_BALANCE
from tests.robustness.conftest import contents, require_whole
from tests.robustness.logs import COLUMNS, Logs, line

#: these count by file, and of equal rows in two files the one that came first is kept
PER_FILE = {LEDGER.name, ROW_BALANCE.name, ACTIVITY_FILES.name}
NAMES = ("pdf.open", "pdf.save", "odd", "never heard of", "Pdf.Open", "n\u0303", "\u00f1")
ACCOUNTS = ("acct-1", "acct-2", "acct-3")


def some_line(dice: random.Random) -> str:
    """Few tokens, ids and times, so that much is repeated, corrected or wrong, and tokens change their account."""
    token, account = f"t{dice.randrange(5)}", dice.choice(ACCOUNTS)
    time = f"2025-0{dice.randint(1, 3)}-{dice.randint(1, 28):02d} 12:00:0{dice.randrange(3)}"
    event_id, version = f"e{dice.randrange(40)}", dice.choice(("", "1", "1", "2", "2", "3", "3", "3", "two"))
    fields = [time, token, account, dice.choice(NAMES), dice.choice(("0.1", "0.7", "1e9", "")), event_id, version]
    if dice.random() < 0.15:
        fields[dice.randrange(6)] = dice.choice(("", "x", "-1"))
    return ",".join(fields) if dice.random() < 0.95 else f'"{",".join(fields)}'


def write_files(folder: Path, seed: int) -> list[Path]:
    """Five files; one with its columns the other way round, where its lines are nobody's copies."""
    dice = random.Random(seed)
    pool, files = [some_line(dice) for _ in range(45)], []
    folder.mkdir()
    for number in range(5):
        lines = [",".join(COLUMNS.split(",")[:: 1 if number else -1])]
        lines += [",".join(one.split(",")[::-1]) if number == 0 else one for one in dice.choices(pool, k=20)]
        files.append(folder / f"{number}.csv")
        files[-1].write_text("\n".join(lines) + "\n")
    # something of each account is kept in any case, on the last day
    with files[-1].open("a") as more:
        more.write("".join(f"2025-03-31 12:00:00,of-{name},{name},pdf.open,1,{name},\n" for name in ACCOUNTS))
    return files


def walk(spark: SparkSession, folder: Path, batches: Sequence[Sequence[Path]]) -> tuple[dict[str, str], Any]:
    """(content hash by table, rows by month, disposition and rule) after these batches and one basetable."""
    logs = Logs(spark, folder, event_id="id", revision="version")
    for number, batch in enumerate(batches):
        for path in batch:
            (logs.drop / str(number)).mkdir(exist_ok=True)
            shutil.copy(path, logs.drop / str(number))
        if batch:
            assert logs.ingest(logs.drop / str(number)) == Exit.OK
    accounts = folder / "accounts.csv"
    accounts.write_text("account,industry\n" + "".join(f"{name},I{name[-1]}\n" for name in ACCOUNTS))
    assert main(["basetable", "--accounts", str(accounts), "--data-dir", str(logs.data)]) == Exit.OK
    assert logs.read(BASETABLE).count() == len(ACCOUNTS)
    assert require_whole(spark, logs.data) == 100 + len(ACCOUNTS)
    counted = logs.read(ROW_BALANCE).groupBy("event_month", "disposition", "rule").agg(F.sum("rows")).collect()
    hashes = {name: text for name, text in contents(spark, logs.data).items() if name not in PER_FILE}
    return hashes, sorted((tuple(row) for row in counted), key=str)


def split(files: Sequence[Path], dice: random.Random) -> list[list[Path]]:
    """The files in up to three batches at random."""
    batches: list[list[Path]] = [[], [], []]
    for path in dice.sample(files, len(files)):
        dice.choice(batches).append(path)
    return batches


@pytest.mark.parametrize("batches", [pytest.param(1, marks=pytest.mark.long), 2])
def test_platforms_know_an_overtaken_row_however_it_came(spark: SparkSession, tmp_path: Path, batches: int) -> None:
    logs = Logs(spark, tmp_path, event_id="id", revision="version", product="concat(id, version)")
    for number in (1, 2):
        version = line("2025-03-01 12:00:00", "t", event_id="e", version=str(number))
        logs.write(f"{number}.csv", version)
        if number == 2 or batches == 2:
            assert logs.ingest() == Exit.OK
    assert {row["product"] for row in logs.read(PLATFORMS).collect()} == {"e1", "e2"}
    kept = logs.read(EVENTS).where("disposition = 'kept'").select("product").collect()
    assert [row["product"] for row in kept] == ["e2"]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(7))
def test_batches_and_their_order_change_nothing(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    files, dice = write_files(tmp_path / "files", seed), random.Random(seed)
    (tmp_path / "whole").mkdir()
    hashes, counted = walk(spark, tmp_path / "whole", [files])
    assert {"duplicate", "superseded", "bad_revision", "quoted_newline"} <= {rule for _, _, rule, _ in counted}
    splits = [split(files, dice), split(files, dice)] if seed else [[files[3:], files[1:3], files[:1]]]
    for number, batches in enumerate(splits):
        (tmp_path / str(number)).mkdir()
        assert walk(spark, tmp_path / str(number), batches) == (hashes, counted)
