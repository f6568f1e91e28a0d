"""The job that builds the basetable, by its command."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.features.months import first_in_turn, last_in_turn, months_before
from segmentation.jobs import build_basetable
from segmentation.jobs.command import main
from segmentation.notebook import open_house
from segmentation.runtime import Exit
from segmentation.schemas import ACCOUNT_FEATURES, ACTIVITY, BASETABLE, EVENT_NAMES, TOKEN_FEATURES
from segmentation.stores.conf import load_categories
from segmentation.stores.content import content_hash
from tests.robustness.conftest import store

CONF = Path(__file__).resolve().parents[2] / "conf"
TABLES = (TOKEN_FEATURES, ACCOUNT_FEATURES, BASETABLE)
LOG = """event_time,token,account,event_name,product,version,os,user_state,duration_s,value,status
2025-03-04 05:06:07.000,t1,a1,PDF Opened,P,1,OS,active,1.5,,ok
2025-03-05 05:06:07.000,t2,a1,PDF Saved,Q,1,OS,active,,2.5,ok
2025-02-05 05:06:07.000,t3,a2,PDF Opened,P,1,OS,active,,,ok
"""


def ingested(tmp_path: Path, log: str, *settings: str) -> list[str]:
    """Take the log in; the arguments that build its basetable, from a file that calls accounts otherwise."""
    (tmp_path / "log.csv").write_text(log)
    (tmp_path / "accounts.csv").write_text("customer,industry\na1,Print\n")
    data = ["--data-dir", str(tmp_path / "data")]
    take_in = ["ingest", "--source", "generated", "--input", str(tmp_path / "log.csv"), *data]
    assert main([*take_in, *settings]) == Exit.OK
    return ["basetable", "--accounts", str(tmp_path / "accounts.csv"), "--account-column", "customer", *data]


@pytest.mark.parametrize("policy", ["basetable", pytest.param("logs", marks=pytest.mark.long)])
def test_where_no_rows_are_kept_the_tables_are_the_same(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Serverless compute keeps no frames: features are read back once they are stored."""
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "accounts.csv").write_text("account,industry\na1,Print\n")
    data = ["--data-dir", str(tmp_path / "data")]
    assert main(["ingest", "--source", "generated", "--input", str(tmp_path / "log.csv"), *data]) == Exit.OK
    build = ["basetable", "--force", "--as-of", "2025-04-01", "--set", f"basetable.imputation={policy}", *data]

    def built() -> list[str]:
        assert main([*build, "--accounts", str(tmp_path / "accounts.csv")]) == Exit.OK
        tables = store(spark, tmp_path / "data")
        return [content_hash(tables.read(table), table) for table in TABLES]

    kept = built()
    monkeypatch.setattr(build_basetable, "settled", lambda frame: frame)
    assert built() == kept
    assert [store(spark, tmp_path / "data").read(table).count() for table in TABLES] == [3, 2, 2]


def test_an_odd_id_meets_its_label_and_a_label_of_nobody_is_told(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "p\u00e4\u00a0"
    build = ingested(tmp_path, LOG.replace(",a1,", f",{odd},"))
    (tmp_path / "accounts.csv").write_text(f"customer,industry\n{odd},Print\n")
    groups = "basetable.label_groups={Paper: [Print, Prnt]}"
    assert main([*build, "--as-of", "2025-04-01", "--set", groups]) == Exit.OK
    said = capsys.readouterr().out
    assert "features, 1 labelled by 'industry'" in said
    assert "basetable.label_groups names labels that no account has: 'Prnt'" in said
    # a misspelt label, of accounts that are stored already, is told before any feature is computed
    assert main([*build, "--as-of", "2025-04-01", "--label", "industri"]) == Exit.INPUT
    told = capsys.readouterr().err
    assert "has no column 'industri'" in told
    assert "token features" not in told
    twice = "basetable.label_groups={Paper: [Print], Ink: [Print]}"
    assert main([*build, "--as-of", "2025-04-01", "--set", twice]) == Exit.INPUT
    told = capsys.readouterr().err
    assert "both 'Paper' and 'Ink' claim the label 'Print'" in told
    assert "token features" not in told


@pytest.mark.long
def test_a_cube_that_knows_an_account_too_many_is_computed_anew(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = [*ingested(tmp_path, LOG), "--as-of", "2025-04-01"]
    assert main(build) == Exit.OK
    tables = store(spark, tmp_path / "data")
    right = [content_hash(tables.read(table), table) for table in (*TABLES, ACTIVITY)]
    cube = tables.read(ACTIVITY)
    foreign = cube.withColumns({"token_key": F.lit(7).cast("long"), "account_key": F.lit(8).cast("long")})
    tables.replace(cube.unionByName(foreign), ACTIVITY)
    tables.publish("ingest", dt.datetime(2025, 4, 2, tzinfo=dt.UTC))
    assert main(build) == Exit.OK
    assert "lacks an account of the table activity: computing both anew" in capsys.readouterr().err
    tables.refresh()
    assert [content_hash(tables.read(table), table) for table in (*TABLES, ACTIVITY)] == right


@pytest.mark.long
def test_one_wrong_clock_does_not_make_everybody_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stray = "2025-06-15 05:06:07.000,t4,a3,PDF Opened,P,1,OS,active,,,ok\n"
    march = "".join(f"2025-03-{day:02d} 23:59:59.000,t3,a2,PDF Saved,P,1,OS,active,,,ok\n" for day in range(10, 32))
    build = ingested(tmp_path, LOG + march + stray)
    assert main(build) == Exit.OK
    said = capsys.readouterr().out
    assert "the logs end on 2025-03-31, but for few rows until 2025-06-15: a wrong clock?" in said
    assert "basetable as of 2025-04-01: 2 accounts" in said
    assert main([*build, "--as-of", "2025-07-01"]) == Exit.OK  # whoever says so is believed
    assert "basetable as of 2025-07-01: 3 accounts" in capsys.readouterr().out
    assert main(build) == Exit.OK  # another date has been built since: that is no change of this one
    assert "basetable as of 2025-04-01: nothing has changed, kept as it is" in capsys.readouterr().out


def test_a_month_that_was_not_delivered_holds_nothing_up() -> None:
    may, march = dt.date(2025, 5, 1), dt.date(2025, 3, 1)
    assert last_in_turn({dt.date(2025, 2, 1): 90, march: 90, may: 80}) == may
    assert last_in_turn({dt.date(2001, 1, 1): 1, march: 90}) == march
    assert last_in_turn({march: 1}) == march


def test_neighbours_of_a_wrong_clock_do_not_vouch_for_each_other() -> None:
    months = {dt.date(2025, month, 1): 10_000 for month in range(7, 13)}
    early, late = (dict.fromkeys([dt.date(year, 1, 1), dt.date(year, 2, 1)], 1) for year in (2000, 2027))
    assert first_in_turn(early | months) == dt.date(2025, 7, 1)
    assert last_in_turn(months | late) == dt.date(2025, 12, 1)
    adjoining = {months_before(dt.date(2025, 7, 1), back): 1 for back in range(1, 40)}
    assert first_in_turn(adjoining | months) == dt.date(2025, 7, 1)
    begun = {dt.date(2025, 5, 1): 20, dt.date(2025, 6, 1): 300}
    assert first_in_turn(begun | months) == dt.date(2025, 5, 1)  # a small beginning of the same logs


def test_logs_that_shrink_month_by_month_end_in_their_last_month() -> None:
    months = {dt.date(year, month, 1): 100 ** (2028 - year) for year in (2024, 2025, 2026) for month in range(1, 13)}
    assert last_in_turn(months) == dt.date(2026, 12, 1)


@pytest.mark.long
def test_a_new_category_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = [*ingested(tmp_path, LOG), "--as-of", "2025-04-01"]
    assert main(build) == Exit.OK
    assert f"x {len(catalogue(category_names(load_categories())))} features" in capsys.readouterr().out
    shutil.copytree(CONF, tmp_path / "conf")
    with (tmp_path / "conf" / "categories.yml").open("a") as categories:
        categories.write("  - name: Collaboration\n    names: [Review Requested]\n")
    monkeypatch.setenv("SEGMENTATION_CONF", str(tmp_path / "conf"))
    assert main(build) == Exit.OK
    assert f"x {len(catalogue(category_names(load_categories())))} features" in capsys.readouterr().out
    assert main(build) == Exit.OK
    assert "nothing has changed, kept as it is" in capsys.readouterr().out


def test_what_reads_the_cube_refuses_one_that_is_behind_the_logs(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that nobody has brought into it would look like silence."""
    data = ["--as-of", "2025-04-01", "--data-dir", str(tmp_path / "data")]
    assert main([*ingested(tmp_path, LOG), "--as-of", "2025-04-01"]) == Exit.OK
    ingested(tmp_path, LOG.replace("2025-02-05", "2025-02-06").replace("2025-03-0", "2025-04-0"))
    for command in ("churn", "value", "explore"):
        assert main([command, *data]) == Exit.INPUT
        told = "rows of 2025-02 came or changed since the cube was computed"
        assert f"{told}: give `segmentation basetable` first" in capsys.readouterr().err
    [caution] = open_house(tmp_path / "data").cautions
    fix = "`segmentation basetable --as-of 2025-04-01` builds it anew"
    assert caution.startswith(told)
    assert caution.endswith(fix)
    assert main(["basetable", "--as-of", "2025-05-01", "--data-dir", str(tmp_path / "data")]) == Exit.OK
    assert open_house(tmp_path / "data").cautions == ()
    # the cube is as it should be again, the basetable of the month before is not
    [caution] = open_house(tmp_path / "data", as_of="2025-04-01").cautions
    assert caution == f"the basetable would be built otherwise today (other tables, settings or code): {fix}"


@pytest.mark.long
def test_a_basetable_of_nobody_is_not_published(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = ["--set", "basetable.imputation=logs", "--set", "basetable.max_missing_share=0.0"]
    assert main([*ingested(tmp_path, LOG), "--as-of", "2025-04-01", *policy]) == Exit.INPUT
    assert "all 2 accounts miss more than 0% of their values: raise basetable.max" in capsys.readouterr().err
    assert BASETABLE.name not in store(spark, tmp_path / "data").published


@pytest.mark.long
def test_a_raised_number_of_exact_names_holds_for_names_that_came_before(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = LOG + "".join(f"2025-03-06 05:06:07.000,t1,a1,Odd {n:02d},P,1,OS,active,,,ok\n" for n in range(70))
    build = [*ingested(tmp_path, log, "--set", "features.max_names_per_category=64"), "--as-of", "2025-04-01"]
    fewer, more = (["--set", f"features.max_names_per_category={limit}"] for limit in (64, 128))
    assert main([*build, *fewer]) == Exit.OK
    tables = store(spark, tmp_path / "data")
    assert tables.read(ACTIVITY).where("name_sketch IS NOT NULL").count() == 1
    assert main([*build, *more]) == Exit.OK
    tables.refresh()
    odd = tables.read(EVENT_NAMES).where("event_name LIKE 'Odd%'")
    assert sorted(row["bit"] for row in odd.collect()) == list(range(70))
    assert tables.read(ACTIVITY).where("name_sketch IS NOT NULL").count() == 0
    assert "was raised to 128: computing the cube anew" in capsys.readouterr().err
    assert main([*build, *more]) == Exit.OK
    assert "nothing has changed, kept as it is" in capsys.readouterr().out
