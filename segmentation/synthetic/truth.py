"""What a drop says about itself: the accounts file that customers would bring, and the planted truth beside it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from segmentation.synthetic import profiles as P
from segmentation.synthetic.mess import KINDS
from segmentation.synthetic.world import World


def write_accounts(world: World, path: Path) -> None:
    """One row per account: account, industry (empty where unknown), country, since."""
    names = [industry.name for industry in P.INDUSTRIES]
    columns = (world.account, world.industry, world.labelled, world.country, world.since)
    _write_csv(
        path,
        ("account", "industry", "country", "since"),
        (
            (account, names[industry] if labelled else "", country, since)
            for account, industry, labelled, country, since in zip(*(c.tolist() for c in columns), strict=True)
        ),
    )


def write_truth(world: World, folder: Path) -> None:
    """`accounts.csv`: one row per account with what was planted; `tokens.csv`: one row per token with its holder."""
    columns = (world.account, world.industry, world.segment, world.learnable, world.churned)
    _write_csv(
        folder / "accounts.csv",
        ("account", "industry", "segment", "learnable", "churned"),
        (
            (account, P.INDUSTRIES[i].name, P.SEGMENTS[s].name, str(learnable).lower(), str(churned).lower())
            for account, i, s, learnable, churned in zip(*(c.tolist() for c in columns), strict=True)
        ),
    )
    holders = world.account[world.tokens.account].tolist()
    _write_csv(folder / "tokens.csv", ("token", "account"), zip(world.tokens.name.tolist(), holders, strict=True))


def mess_report(counts: Counter[str]) -> dict[str, Any]:
    """The counts of a drop for `mess.json`: `rows` = `good` + the sum over `kinds`; details of two kinds below."""
    details = {
        kind: {key.partition(".")[2]: counts[key] for key in sorted(counts) if key.startswith(f"{kind}.")}
        for kind in ("bad_timestamp", "missing_field")
    }
    return {
        "rows": counts["rows"],
        "good": counts["good"],
        "kinds": {kind: counts[kind] for kind in KINDS},
        **details,
        "tokens_under_two_accounts": counts["tokens_under_two_accounts"],
        "accounts_without_rows": counts["accounts_without_rows"],
    }


def write_json(path: Path, content: object) -> None:
    """Write as indented JSON, complete or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(json.dumps(content, indent=2, sort_keys=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
