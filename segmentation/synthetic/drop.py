"""Write a drop: log files, accounts file and planted truth, in one folder."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from segmentation.code_digest import code_digest
from segmentation.errors import InputProblem
from segmentation.settings import SyntheticSettings
from segmentation.synthetic.events import ChunkTruth, Maker, make_chunk, maker
from segmentation.synthetic.formats import write_log
from segmentation.synthetic.plan import Chunk, chunks_of, month_rows
from segmentation.synthetic.truth import mess_report, write_accounts, write_json, write_truth
from segmentation.synthetic.world import build_world, months_of

#: what truth/settings.json says of the generator's own code
GENERATOR = "generator_sha256"


class OtherDropError(InputProblem):
    """The folder holds logs that these settings did not make."""


@dataclass(frozen=True)
class DropSummary:
    """What a folder holds after `write_drop`: the counts of truth/mess.json, and whether they were written just now."""

    rows: int
    good: int
    kinds: Mapping[str, int]
    files: int
    written: bool


def write_drop(
    settings: SyntheticSettings,
    names_by_category: Mapping[str, Sequence[str]],
    out: Path,
    progress: Callable[[str], None],
) -> DropSummary:
    """Write `logs/<yyyy-MM>-<nn>.<format>`, `accounts.csv` and `truth/` into `out`, or leave a finished drop alone.

    A log row is one event with the columns of rows.COLUMNS; `names_by_category` holds the event names to draw from.
    The same settings, names and code of the generator give the same bytes. A drop that was interrupted, or of which a
    file is gone, is written anew; one that other code made is left alone, too, as its files may have been ingested, and
    `progress` is told. Raises OtherDropError if the folder holds logs made from other settings, InputProblem for a
    folder that cannot be made and for a category without event names.
    """
    files = _files(settings)
    fingerprint = _fingerprint(settings, names_by_category)
    finished = _finished(out, fingerprint)
    if finished is not None and _whole(settings, files, out):
        progress(f"{out} already holds this drop of {finished['rows']:,} rows; left as it is")
        if _read_json(out / "truth" / "settings.json") != {**fingerprint, GENERATOR: _code()}:
            progress(f"another release's generator wrote {out}: delete the folder to have it written by this one")
        return _summary(finished, len(files), written=False)
    make = maker(build_world(settings), settings, names_by_category)
    _make_folders(out)
    (out / "truth" / "mess.json").unlink(missing_ok=True)
    write_json(out / "truth" / "settings.json", {**fingerprint, GENERATOR: _code()})
    write_accounts(make.world, out / "accounts.csv")
    write_truth(make.world, out / "truth")
    report = mess_report(_write_files(make, names_by_category, out, files, progress))
    # Last, because a folder with this file counts as finished.
    write_json(out / "truth" / "mess.json", report)
    return _summary(report, len(files), written=True)


def _make_folders(out: Path) -> None:
    try:
        for folder in (out / "logs", out / "truth"):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputProblem(f"{out} is no folder to write to ({problem.strerror}): choose another one") from None


def _summary(report: Mapping[str, Any], files: int, *, written: bool) -> DropSummary:
    return DropSummary(report["rows"], report["good"], report["kinds"], files, written)


def _fingerprint(settings: SyntheticSettings, names_by_category: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Everything that the bytes of a drop depend on but the code; the number of processes is not part of it."""
    names = json.dumps({category: list(names) for category, names in names_by_category.items()})
    return {
        "settings": settings.model_dump(mode="json", exclude={"processes"}),
        "event_names_sha256": hashlib.sha256(names.encode()).hexdigest(),
    }


def _code() -> str:
    return code_digest(["segmentation.synthetic"])


def _finished(out: Path, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """The report of a finished drop with this fingerprint, or None if there is still something to write."""
    known, report = out / "truth" / "settings.json", out / "truth" / "mess.json"
    fix = "delete the folder or choose another one"
    if not known.exists():
        if (out / "logs").is_dir() and any((out / "logs").iterdir()):
            raise OtherDropError(f"{out} holds logs that the generator did not write: {fix}")
        return None
    was = _read_json(known)
    if was is None:
        raise OtherDropError(f"{known} is not whole, so that nothing says what made {out}: {fix}")
    before, now = (_flat(each) for each in (was, fingerprint))
    if before != now:
        differing = sorted(key for key in before | now if before.get(key) != now.get(key))
        raise OtherDropError(f"{out} holds a drop made with other settings ({', '.join(differing)}): {fix}")
    return _read_json(report) if report.exists() else None


def _read_json(path: Path) -> dict[str, Any] | None:
    """What `write_json` wrote, None if the file was cut since."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _whole(settings: SyntheticSettings, files: Sequence[tuple[Chunk, ...]], out: Path) -> bool:
    """Whether nothing of a finished drop was deleted since."""
    truth = (out / "truth" / name for name in ("accounts.csv", "tokens.csv"))
    logs = (out / "logs" / _file_name(settings, chunks[0]) for chunks in files)
    return all(path.is_file() for path in (out / "accounts.csv", *truth, *logs))


def _flat(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    return {**fingerprint.get("settings", {}), "event names": fingerprint.get("event_names_sha256")}


def _files(settings: SyntheticSettings) -> list[tuple[Chunk, ...]]:
    """The chunks of each file, in order."""
    return [tuple(chunks) for _, chunks in groupby(chunks_of(settings), key=lambda chunk: (chunk.month, chunk.file))]


def _file_name(settings: SyntheticSettings, chunk: Chunk) -> str:
    return f"{months_of(settings)[chunk.month]:%Y-%m}-{chunk.file + 1:02d}.{settings.format}"


def _write_files(
    make: Maker,
    names_by_category: Mapping[str, Sequence[str]],
    out: Path,
    files: Sequence[tuple[Chunk, ...]],
    progress: Callable[[str], None],
) -> Counter[str]:
    """Write all log files in as many processes as the settings say, and add up their counts."""
    total: Counter[str] = Counter()
    strays: set[int] = set()
    accounts: NDArray[np.bool_] = np.zeros(make.settings.accounts, dtype=np.bool_)
    for done, (chunks, truth) in enumerate(zip(files, _results(make, names_by_category, out, files), strict=True), 1):
        total.update(truth.counts)
        strays.update(truth.strayed_tokens.tolist())
        accounts[truth.accounts] = True
        progress(
            f"{_file_name(make.settings, chunks[0])}: {truth.counts['rows']:,} rows ({done} of {len(files)} files)"
        )
    total["tokens_under_two_accounts"] = len(strays)
    total["accounts_without_rows"] = int((~accounts).sum())
    return total


def _results(
    make: Maker, names_by_category: Mapping[str, Sequence[str]], out: Path, files: Sequence[tuple[Chunk, ...]]
) -> Iterator[ChunkTruth]:
    """The truth of each file, in order, as files get written."""
    processes = min(make.settings.processes, len(files))
    if processes == 1:
        yield from (_write_file(make, out, chunks) for chunks in files)
        return
    # Spawned, not forked: the caller may hold a JVM or threads. Each process builds the same world for itself.
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(make.settings, {category: tuple(names) for category, names in names_by_category.items()}, out),
    ) as pool:
        yield from pool.map(_write_file_in_worker, files)


_worker: dict[str, tuple[Maker, Path]] = {}


def _start_worker(settings: SyntheticSettings, names_by_category: Mapping[str, Sequence[str]], out: Path) -> None:
    pa.set_cpu_count(1)  # the processes are the parallelism
    _worker["this"] = (maker(build_world(settings), settings, names_by_category), out)


def _write_file_in_worker(chunks: tuple[Chunk, ...]) -> ChunkTruth:
    make, out = _worker["this"]
    return _write_file(make, out, chunks)


def _write_file(make: Maker, out: Path, chunks: tuple[Chunk, ...]) -> ChunkTruth:
    """Write the log file that these chunks make up."""
    rows = month_rows(make.world, make.settings, chunks[0].month)
    truths: list[ChunkTruth] = []

    def tables() -> Iterator[pa.Table]:
        for chunk in chunks:
            table, truth = make_chunk(make, rows, chunk)
            truths.append(truth)
            yield table

    write_log(out / "logs" / _file_name(make.settings, chunks[0]), make.settings.format, tables())
    return ChunkTruth.joined(truths)
