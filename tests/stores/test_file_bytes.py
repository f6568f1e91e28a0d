"""What is told of a text's bytes costs no more memory than its first line may take."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
from pathlib import Path

import pytest

from segmentation.stores.drops import list_drop
from segmentation.stores.file_bytes import LONGEST_FIRST, Hashed, Lines, count_lines
from tests.stores.test_drops import source

ENDLESS = b"x" * (LONGEST_FIRST + (3 << 20))


@pytest.mark.parametrize("end", [b"", b"\n", b"\n1,2\n"], ids=["no line feed", "one", "another line"])
@pytest.mark.parametrize("ending", [".csv", ".gz"])
def test_of_a_first_line_without_end_the_beginning_alone_is_held(ending: str, end: bytes) -> None:
    text = ENDLESS + end
    packed = gzip.compress(text, 1) if ending == ".gz" else text
    file = Hashed(io.BytesIO(packed))
    told = count_lines(file, ending, math.inf)
    assert told.number == (2 if end.endswith(b"2\n") else 1)
    assert LONGEST_FIRST < len(told.first) <= LONGEST_FIRST + (1 << 20)
    assert told.unpacked_id == (hashlib.sha256(text).hexdigest() if ending == ".gz" else None)
    assert file.hexdigest() == hashlib.sha256(packed).hexdigest()


def test_a_first_line_of_many_blocks_is_told_whole() -> None:
    line = b"y" * (LONGEST_FIRST - 1)
    assert count_lines(Hashed(io.BytesIO(line + b"\nz\n")), ".csv", math.inf) == Lines(2, line, None)


def test_a_header_that_is_not_told_whole_is_refused_and_such_a_record_is_not(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(ENDLESS + b"\n1,2\n")
    (tmp_path / "x.jsonl").write_bytes(ENDLESS + b"\n{}\n")
    (csv,) = list_drop(tmp_path / "x.csv", source())
    assert (csv.rows, csv.refusal) == (0, "bad_header: its first line is longer than 8 MiB")
    (lines,) = list_drop(tmp_path / "x.jsonl", source("jsonl"))
    assert (lines.rows, lines.refusal) == (2, None)


def test_lines_that_end_in_carriage_returns_alone_are_known_by_their_beginning(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\r" + b"1,2\r" * (LONGEST_FIRST // 4 + 1))
    (file,) = list_drop(tmp_path, source())
    assert file.refusal == ("old_line_ends: its lines end in a carriage return alone; convert them to line feeds")
