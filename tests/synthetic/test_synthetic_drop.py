from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from segmentation.errors import InputProblem
from segmentation.settings import SyntheticSettings
from segmentation.synthetic.drop import DropSummary, OtherDropError, write_drop

MakeSettings = Callable[..., SyntheticSettings]
Names = dict[str, list[str]]
Drop = tuple[Path, DropSummary]
Row = dict[str, str]
GOOD_TIME = re.compile(r"2025-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")


def quiet(_: str) -> None:
    pass


def csv_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def log_rows(out: Path) -> list[Row]:
    return [row for path in sorted((out / "logs").iterdir()) for row in csv_rows(path)]


def content(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def kind_of(row: Row, known: set[str], holders: dict[str, str]) -> str:
    """What a reader of the log would call the row, found without the generator's code."""
    found = [
        kind
        for kind, holds in {
            "bad_timestamp": not GOOD_TIME.fullmatch(row["event_time"]),
            "missing_field": not (row["token"] and row["account"] and row["event_name"]),
            "unknown_event": bool(row["event_name"]) and row["event_name"] not in known,
            "outdated": row["user_state"] == "outdated",
            "second_account": bool(row["token"] and row["account"]) and holders[row["token"]] != row["account"],
        }.items()
        if holds
    ]
    assert len(found) <= 1, row
    return found[0] if found else "good"


def test_mess_found_in_the_files_is_the_mess_counted(drop: Drop, event_names: Names) -> None:
    out, summary = drop
    known = {name for names in event_names.values() for name in names}
    holders = {row["token"]: row["account"] for row in csv_rows(out / "truth" / "tokens.csv")}
    copies = Counter(tuple(row.items()) for row in log_rows(out))
    found = Counter(kind_of(dict(row), known, holders) for row in copies)
    found["duplicate"] = sum(copies.values()) - len(copies)
    truth = json.loads((out / "truth" / "mess.json").read_text(encoding="utf-8"))
    assert found == Counter({**truth["kinds"], "good": truth["good"]})
    assert summary.kinds == truth["kinds"]
    assert truth["rows"] == sum(copies.values()) == sum(found.values())


def test_mess_has_the_shares_asked_for(drop: Drop) -> None:
    assert drop[1].rows == 6000
    assert {k: v for k, v in drop[1].kinds.items() if k != "second_account"} == {
        "duplicate": 30, "bad_timestamp": 24, "missing_field": 36, "unknown_event": 24, "outdated": 5,
    }  # fmt: skip


def test_details_add_up(drop: Drop) -> None:
    truth = json.loads((drop[0] / "truth" / "mess.json").read_text(encoding="utf-8"))
    assert truth["bad_timestamp"] == {"empty": 6, "words": 6, "year_12021": 6, "zero": 6}
    assert truth["missing_field"] == {"account": 12, "event_name": 12, "token": 12}


def test_true_account_keeps_a_clear_majority(drop: Drop) -> None:
    out, _ = drop
    holders = {row["token"]: row["account"] for row in csv_rows(out / "truth" / "tokens.csv")}
    seen = Counter((r["token"], r["account"]) for r in log_rows(out) if r["token"] and r["account"])
    strays = {token: count for (token, account), count in seen.items() if holders[token] != account}
    truth = json.loads((out / "truth" / "mess.json").read_text(encoding="utf-8"))
    assert len(strays) == truth["tokens_under_two_accounts"] > 0
    assert [token for token, count in strays.items() if seen[token, holders[token]] < 4 * count] == []


def test_accounts_file_and_truth_name_the_same_accounts(drop: Drop) -> None:
    given, truth = (csv_rows(drop[0] / name) for name in ("accounts.csv", "truth/accounts.csv"))
    assert [row["account"] for row in given] == [row["account"] for row in truth]
    labels = [(a["industry"], b["industry"]) for a, b in zip(given, truth, strict=True) if a["industry"]]
    assert len(labels) == 32
    assert all(label == planted for label, planted in labels)


def test_files_are_named_by_month_and_hold_that_month(drop: Drop) -> None:
    for path in sorted((drop[0] / "logs").iterdir()):
        months = {r["event_time"][:7] for r in csv_rows(path) if GOOD_TIME.fullmatch(r["event_time"])}
        assert {f"{month}-01.csv" for month in months} == {path.name}


@pytest.mark.slow
def test_same_bytes_whatever_the_number_of_processes(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path
) -> None:
    write_drop(make_settings(processes=2), event_names, tmp_path / "two", quiet)
    assert content(tmp_path / "two") == content(drop[0])


def test_other_seed_gives_other_rows(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path
) -> None:
    write_drop(make_settings(seed=4), event_names, tmp_path / "other", quiet)
    assert content(tmp_path / "other")["logs/2025-01-01.csv"] != content(drop[0])["logs/2025-01-01.csv"]


def test_all_formats_hold_the_same_rows(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path
) -> None:
    rows = {}
    for file_format in ("jsonl", "parquet"):
        write_drop(make_settings(format=file_format), event_names, tmp_path / file_format, quiet)
    rows["jsonl"] = [
        json.loads(line)
        for path in sorted((tmp_path / "jsonl" / "logs").iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    rows["parquet"] = [
        r for path in sorted((tmp_path / "parquet" / "logs").iterdir()) for r in pq.read_table(path).to_pylist()
    ]
    amounts = ("duration_s", "value")
    rows["csv"] = [
        {name: (float(text) if name in amounts else text) if text else None for name, text in row.items()}
        for row in log_rows(drop[0])
    ]
    assert rows["csv"] == rows["parquet"]
    assert rows["jsonl"] == rows["parquet"]


def test_words_with_commas_are_quoted_and_others_are_not(drop: Drop) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((drop[0] / "logs").iterdir()))
    quoted = set(re.findall(r'"[^"]*"', text))
    assert quoted == {'"Preflight: Trim, Bleed or Media Box Missing"'}


def test_finished_drop_is_left_alone_even_with_other_processes(
    drop: Drop, make_settings: MakeSettings, event_names: Names
) -> None:
    before, said = content(drop[0]), list[str]()
    summary = write_drop(make_settings(processes=2), event_names, drop[0], said.append)
    assert (summary.written, summary.kinds, summary.files) == (False, drop[1].kinds, 3)
    assert "left as it is" in said.pop()
    assert said == []
    assert content(drop[0]) == before


def test_a_drop_of_another_release_is_left_alone_and_told(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path
) -> None:
    """Its files may have been ingested; whoever reads its truth must know that the generator was mended since."""
    shutil.copytree(drop[0], tmp_path / "drop")
    known = tmp_path / "drop" / "truth" / "settings.json"
    known.write_text(known.read_text(encoding="utf-8").replace('"generator_sha256": "', '"generator_sha256": "0'))
    before, said = content(tmp_path / "drop"), list[str]()
    assert not write_drop(make_settings(), event_names, tmp_path / "drop", said.append).written
    assert "another release's generator wrote" in said[-1]
    assert content(tmp_path / "drop") == before


def test_drop_of_other_settings_is_refused_with_folder_and_fix(
    drop: Drop, make_settings: MakeSettings, event_names: Names
) -> None:
    with pytest.raises(OtherDropError, match=r"(?s)csv.*\(rows, seed\).*delete the folder or choose another"):
        write_drop(make_settings(seed=4, rows=7000), event_names, drop[0], quiet)


def test_logs_of_somebody_else_are_refused(make_settings: MakeSettings, event_names: Names, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "precious.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(OtherDropError, match="did not write"):
        write_drop(make_settings(), event_names, tmp_path, quiet)


def test_interrupted_drop_is_written_anew(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path
) -> None:
    write_drop(make_settings(), event_names, tmp_path, quiet)
    (tmp_path / "truth" / "mess.json").unlink()
    (tmp_path / "logs" / "2025-02-01.csv").unlink()
    assert write_drop(make_settings(), event_names, tmp_path, quiet).written
    assert content(tmp_path) == content(drop[0])


@pytest.mark.parametrize("cut", ["", '{"rows": 60', "null"])
def test_a_drop_whose_settings_are_cut_is_refused_and_one_whose_report_is_cut_written_anew(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path, cut: str
) -> None:
    shutil.copytree(drop[0], tmp_path / "drop")
    (tmp_path / "drop" / "truth" / "mess.json").write_text(cut, encoding="utf-8")
    assert write_drop(make_settings(), event_names, tmp_path / "drop", quiet).written
    assert content(tmp_path / "drop") == content(drop[0])
    (tmp_path / "drop" / "truth" / "settings.json").write_text(cut, encoding="utf-8")
    with pytest.raises(OtherDropError, match=r"truth/settings\.json is not whole.*delete the folder or choose another"):
        write_drop(make_settings(), event_names, tmp_path / "drop", quiet)


@pytest.mark.parametrize("below", ["", "raw"])
def test_a_file_is_no_folder_to_write_to(
    make_settings: MakeSettings, event_names: Names, tmp_path: Path, below: str
) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(InputProblem, match=r"mine.* is no folder to write to \(.*\): choose another one"):
        write_drop(make_settings(), event_names, tmp_path / "mine" / below, quiet)


@pytest.mark.parametrize("lost", ["logs/2025-02-01.csv", "accounts.csv", "truth/tokens.csv"])
def test_a_drop_of_which_a_file_is_gone_is_written_anew(
    drop: Drop, make_settings: MakeSettings, event_names: Names, tmp_path: Path, lost: str
) -> None:
    shutil.copytree(drop[0], tmp_path / "drop")
    (tmp_path / "drop" / lost).unlink()
    assert write_drop(make_settings(), event_names, tmp_path / "drop", quiet).written
    assert content(tmp_path / "drop") == content(drop[0])


ODD = ({"rows": 1}, {"accounts": 1}, {"months": 1, "files_per_month": 28}, {"duplicate_share": 0.0},
       {"noise": 0.0, "signal": 0.0, "months": 12})  # fmt: skip


MESSY = dict.fromkeys(("duplicate_share", "bad_timestamp_share", "missing_field_share", "unknown_event_share",
                       "outdated_share"), 0.1)  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"rows": 30, "accounts": 30}, {"rows": 100, "accounts": 30}, {"rows": 2000, "files_per_month": 28}],
    ids=str,
)
def test_chunks_with_fewer_rows_than_all_kinds_of_mess_would_take_are_counted_as_they_are(
    make_settings: MakeSettings, event_names: Names, tmp_path: Path, changes: dict[str, float]
) -> None:
    summary = write_drop(make_settings(months=24, **MESSY, **changes), event_names, tmp_path, quiet)
    rows = log_rows(tmp_path)
    assert summary.rows == len(rows) == summary.good + sum(summary.kinds.values())
    assert summary.kinds["outdated"] == sum(row["user_state"] == "outdated" for row in rows)


@pytest.mark.parametrize("changes", ODD, ids=str)
def test_odd_sizes_give_the_rows_asked_for(
    make_settings: MakeSettings, event_names: Names, tmp_path: Path, changes: dict[str, float]
) -> None:
    settings = make_settings(**changes)
    summary = write_drop(settings, event_names, tmp_path, quiet)
    assert summary.rows == settings.rows == len(log_rows(tmp_path))
    assert summary.rows == summary.good + sum(summary.kinds.values())
