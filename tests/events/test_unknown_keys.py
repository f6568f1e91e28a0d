"""JSON lines with keys that their source does not name: nothing of them is lost."""

from __future__ import annotations

import json
from typing import Any

from tests.events.conftest import Ingest

ROW = {"time": "2025-03-04 05:06:07", "token": "t1", "account": "a1", "name": "Started", "seconds": 1}


def line(seconds: int, **more: Any) -> str:
    return json.dumps({**ROW, "seconds": seconds, **more}) + "\n"


def test_unknown_keys_are_kept_in_attributes_and_flagged(ingest: Ingest) -> None:
    lines = [
        line(1),
        json.dumps(dict(reversed(ROW.items())) | {"seconds": 2}) + "\n",
        line(3, colour="red", size={"w": [1, 2]}, Token="t9", none=None),
        line(4, token="", colour="blue"),
        line(5, colour="x").replace('"x"', '"x", "colour": "y"'),
        '{"time": "2025-03-04 05:06:07", "token": "t1", "seconds": NaN, "more": Infinity}\n',
    ]
    rows = ingest({"a.jsonl": "".join(lines)}, format="jsonl", duplicates="keep", attributes=["seconds"]).collect()
    found = {(row["attributes"]["seconds"], row["rule"]): row for row in rows}
    assert len(found) == len(lines)
    assert found["1", None]["flags"] is found["2", None]["flags"] is None
    assert found["2", None]["attributes"] == {"seconds": "2"}
    assert found["3", None]["flags"] == ["unknown_json_key"]
    odd = {"seconds": "3", "colour": "red", "size": '{"w":[1,2]}', "Token": "t9", "none": None}
    assert (found["3", None]["attributes"], found["3", None]["token"]) == (odd, "t1")
    assert found["4", "missing_token"]["flags"] == ["unknown_json_key"]
    assert found["4", "missing_token"]["attributes"] == {"seconds": "4", "colour": "blue"}
    assert found["5", "duplicate_json_key"]["attributes"] == {"seconds": "5"}
    assert "unknown_json_key" in found["NaN", "missing_account"]["flags"]


def test_sql_may_read_into_an_object_that_is_a_value(ingest: Ingest) -> None:
    """Taken as it is an object is no value: only where the column alone is named it is a fault."""
    within = {"token": "get_json_object(token, '$.id')", "time": {"column": "get_json_object(time, '$.at')"}}
    within["time"] |= {"formats": ["yyyy-MM-dd HH:mm:ss"]}
    lines = [line(n, token={"id": f"t{n}"}, time={"at": ROW["time"]}) for n in (1, 2)]
    lines[1] = lines[1].replace('"a1"', '{"of": "a1"}')
    rows = ingest({"a.jsonl": "".join(lines)}, format="jsonl", **within).collect()
    assert {(row["token"], row["rule"]) for row in rows} == {("t1", None), ("t2", "nested_value")}
    assert {str(row["event_ts"]) for row in rows} == {ROW["time"]}


def test_what_any_key_names_alone_may_not_hold_an_object_nor_a_nul(ingest: Ingest) -> None:
    lines = [line(1, build="7"), line(2, build={"of": 7}), line(3, build="7\0"), line(4, build=[7])]
    rows = ingest({"a.jsonl": "".join(lines)}, format="jsonl", columns=[*ROW, "build"], product="build").collect()
    assert sorted(row["rule"] or "" for row in rows) == ["", "nested_value", "nested_value", "nul_character"]


def test_a_source_without_attributes_gets_them_for_unknown_keys_alone(ingest: Ingest) -> None:
    rows = ingest({"a.jsonl": line(1) + line(2, colour="red")}, format="jsonl").collect()
    assert {row["duration_s"]: row["attributes"] for row in rows} == {1.0: None, 2.0: {"colour": "red"}}
