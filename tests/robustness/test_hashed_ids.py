"""Identifiers as keyed hashes, through the jobs: no name and no key anywhere, and no run under another key."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.events.identifiers import ACCOUNT, key_frame, keyed_id, open_sealed
from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import BASETABLE, EVENTS, INGEST_PLANS, LEDGER
from tests.robustness.conftest import require_whole, store
from tests.robustness.drop import CANARY, HEADER, TOKENS, line, usage, write_accounts
from tests.robustness.test_privacy import keys
from tests.robustness.traces import traces

KEY = "a key of the tests, 32 characters at least"
HASHED = ("--set", "privacy.hash_ids=true")
ELSE = "other-0"
pytestmark = pytest.mark.long


@dataclass
class Walk:
    """A data directory whose identifiers are hashed, and all that was printed while it was made."""

    folder: Path
    source: Path
    said: str

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def command(self, name: str) -> list[str]:
        own = {
            "ingest": ["--source", "generated", "--input", str(self.folder / "drop.csv")],
            "basetable": ["--accounts", str(self.folder / "accounts.csv"), "--as-of", "2025-04-01"],
            "replay": ["--source", str(self.source)],
            "forget": ["--account", CANARY],
            "ingest wider": ["--source", "generated", "--input", str(self.folder / "wider.csv")],
            "ingest headless": ["--source", "generated", "--input", str(self.folder / "headless.csv")],
            "ingest strict": ["--source", str(self.folder / "strict.yml"), "--input", str(self.folder / "strict.csv")],
        }[name]
        return [name.split(maxsplit=1)[0], *own, "--data-dir", str(self.data_dir)]


def damaged() -> list[str]:
    """Lines that are not kept; the second one will be, once its format of time is known."""
    return [f'2025-02-07 08:09:10.000,{TOKENS[0]},"{CANARY}', line("07.02.2025 08:09", TOKENS[1], ELSE)]


def forms(secret: bytes) -> list[str]:
    """The key as somebody might find it: itself, in hex, and in the forms in which RFC 2104 uses it."""
    short = secret.ljust(64, b"\0")
    pads = (bytes(byte ^ pad for byte in short) for pad in (0x36, 0x5C))
    derived = (hmac.digest(secret, b"seal:", "sha256"), hashlib.sha256(secret).digest())
    return [secret.decode(), *(form.hex() for form in (secret, *pads, *derived))]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTATION_ID_KEY", KEY)


@pytest.fixture(scope="module")
def walk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder, said = tmp_path_factory.mktemp("hashed"), list[str]()
    walk = Walk(folder, folder / "generated.yml", "")
    source = Path("conf/sources/generated.yml").read_text()
    walk.source.write_text(source.replace('SSS"]', 'SSS", "dd.MM.yyyy HH:mm"]'))
    rows = [*usage(CANARY, TOKENS[:2]), *usage(ELSE, ("other-0-t1",)), *damaged()]
    (folder / "drop.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    write_accounts(folder / "accounts.csv")
    wider = [f"{one},somebody@{CANARY}.example" for one in usage(ELSE, ("other-0-t1",))[:2]]
    (folder / "wider.csv").write_text("\n".join([f"{HEADER},mail", *wider]) + "\n")
    (folder / "headless.csv").write_text(f"{CANARY},{TOKENS[0]}\n" * 2)
    (folder / "strict.csv").write_text("\n".join([HEADER, *usage(CANARY, TOKENS[1:2])]) + "\n")
    (folder / "strict.yml").write_text(source.replace("duration_s: duration_s", "duration_s: CAST(token AS double)"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGMENTATION_ID_KEY", KEY)
        patch.setattr("sys.stdout.write", said.append)
        patch.setattr("sys.stderr.write", said.append)
        for name in ("ingest", "ingest wider", "basetable"):
            assert main([*walk.command(name), *HASHED]) == Exit.OK
        walk.said = "".join(said)
        # what is wrong with a file or a value is said on the screen, where the value has to be seen, and stored nowhere
        assert main([*walk.command("ingest headless"), *HASHED]) == Exit.PARTIAL
        assert main([*walk.command("ingest strict"), *HASHED]) == Exit.USAGE
    assert f"it has {CANARY}, {TOKENS[0]}" in "".join(said)
    assert f"'{TOKENS[1]}'" in "".join(said)
    return walk


def test_no_name_and_no_key_is_in_any_file_or_line(spark: SparkSession, walk: Walk) -> None:
    hidden = [CANARY, *TOKENS, "other-0-t1", *keys(spark), *forms(KEY.encode())]
    assert traces(walk.data_dir, hidden) == {}
    assert [word for word in hidden if word in walk.said] == []
    assert "rows in" in walk.said
    tables = store(spark, walk.data_dir)
    (refused,) = tables.read(LEDGER).where("status = 'refused'").collect()
    assert (refused["reason"], refused["layout"]) == ("missing_column", None)
    plans = tables.read_latest(INGEST_PLANS)
    assert plans is not None
    (given_up,) = plans.where("state = 'given_up'").collect()
    assert given_up["reason"] == "Py4JJavaError CAST_INVALID_INPUT"
    hashed = keyed_id(KEY.encode(), ACCOUNT, CANARY)
    assert {path.split("/")[1] for path in traces(walk.data_dir, [hashed])[hashed]} >= {"events", "basetable"}


def test_no_plan_shows_a_name_or_the_key(spark: SparkSession, walk: Walk) -> None:
    executions = spark._jsparkSession.sharedState().statusStore().executionsList()
    shown = "\n".join(executions.apply(n).physicalPlanDescription() or "" for n in range(executions.size()))
    assert f"{walk.data_dir}/tables/events" in shown
    hidden = [*forms(KEY.encode()), "other-0-t1"]
    assert [word for word in hidden if word.lower() in shown.lower()] == []


def test_a_label_finds_its_account_and_sealed_lines_open_again(spark: SparkSession, walk: Walk) -> None:
    tables = store(spark, walk.data_dir)
    labels = {r["account_id"]: r["industry"] for r in tables.read(BASETABLE).select("account_id", "industry").collect()}
    assert labels == {keyed_id(KEY.encode(), ACCOUNT, a): i for a, i in ((CANARY, "Media"), (ELSE, "Print"))}
    sealed = tables.read(EVENTS).where(F.col("raw").isNotNull())
    raws = {bytes(row["raw"]).decode() for row in open_sealed(sealed, key_frame(spark, KEY.encode())).collect()}
    assert raws == set(damaged())


@pytest.mark.parametrize(
    ("name", "hashed", "key", "says"),
    [
        ("ingest", HASHED, "x" * 32, "set SEGMENTATION_ID_KEY to that key"),
        ("basetable", (), KEY, "set privacy.hash_ids and SEGMENTATION_ID_KEY"),
        ("replay", (), KEY, "set privacy.hash_ids and SEGMENTATION_ID_KEY"),
        ("forget", HASHED, "x" * 32, "set SEGMENTATION_ID_KEY to that key"),
        ("ingest", HASHED, "", "variable SEGMENTATION_ID_KEY is not set"),
    ],
)
def test_another_key_or_none_is_refused_in_one_line(
    spark: SparkSession, walk: Walk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    name: str, hashed: tuple[str, ...], key: str, says: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("SEGMENTATION_ID_KEY", key)
    before = store(spark, walk.data_dir).published
    assert main([*walk.command(name), *hashed]) == Exit.INPUT
    said = capsys.readouterr().err.splitlines()
    assert says in said[-1]
    assert [other for other in said if not other.startswith("[")] == said[-1:]
    assert store(spark, walk.data_dir).published == before


def test_replay_opens_the_lines_and_forget_takes_the_plain_id(
    spark: SparkSession, walk: Walk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Last in the file, since it changes the tables."""
    assert main([*walk.command("replay"), *HASHED]) == Exit.OK
    assert "replayed 2 quarantined rows of 'generated': now kept 1, quarantined 1" in capsys.readouterr().out
    assert main([*walk.command("forget"), *HASHED]) == Exit.OK
    # twelve kept rows and the damaged line that names it; the replayed row of one of its tokens is another's
    assert "events 13, " in (said := capsys.readouterr().out)
    assert "1 of its tokens are others' too and stay with what others have of them, 1 rows of " in said
    assert traces(walk.data_dir, [keyed_id(KEY.encode(), ACCOUNT, CANARY)]) == {}
    require_whole(spark, walk.data_dir)
