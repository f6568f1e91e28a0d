"""Settings come from files; whatever is wrong with them is said with file, key and the likely fix."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import yaml

from segmentation.settings import Settings
from segmentation.stores.conf import (
    ConfError,
    conf_dir,
    default_profile,
    dump_settings,
    load_categories,
    load_settings,
    load_source,
)

PROFILES = ("base", "local", "cluster", "databricks")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_loads(profile: str) -> None:
    assert isinstance(load_settings(profile), Settings)


def test_a_profile_holds_only_what_differs() -> None:
    base = load_settings("base").model_dump()
    for profile in PROFILES[1:]:
        own = yaml.safe_load((conf_dir() / f"{profile}.yml").read_text(encoding="utf-8"))
        for section, keys in own.items():
            same = [key for key, value in keys.items() if base[section][key] == value]
            assert same == [], f"{profile}.yml repeats {section}.{same}"


def test_later_layers_win() -> None:
    settings = load_settings("local", ["segments.k_max=6", "basetable.as_of=2026-01-01", "segments.k_max=7"])
    assert settings.session.driver_memory == "3g"
    assert (settings.segments.k_max, settings.basetable.as_of) == (7, dt.date(2026, 1, 1))


def test_the_environment_wins_over_files_and_set_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTATION_SETTINGS", "segments.k_max=8 'segments.methods=[kmeans, gmm]' segments.k_min=3")
    settings = load_settings("local", ["segments.k_min=4"]).segments
    assert (settings.k_min, settings.k_max, settings.methods) == (4, 8, ("kmeans", "gmm"))
    monkeypatch.setenv("SEGMENTATION_SETTINGS", "segments.kmax=8")
    with pytest.raises(ConfError, match=r"\$SEGMENTATION_SETTINGS, segments.kmax=8: segments.kmax: unknown key"):
        load_settings("local")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("segments.kmax=6", r"--set segments.kmax=6: segments.kmax: unknown key: did you mean 'k_max'"),
        ("segmints.k_max=6", r"segmints: unknown key: did you mean 'segments'"),
        ("models.lasso.foo=1", r"models.lasso.foo: unknown key: known are .*grid"),
        ("models.lasso.grib={}", r"models.lasso.grib: unknown key: did you mean 'grid'"),
        ("segments.k_max=many", r"--set segments.k_max=many: segments.k_max: Input should be a valid integer"),
        ("industry.models=[]", r"industry.models: Tuple should have at least 1 item"),
        ("models.lasso.grid={regParam: []}", r"models.lasso.grid.regParam: Tuple should have at least 1 item"),
        ("segments.k_max=1", r"segments.k_max: Input should be greater than or equal to 2"),
        ("basetable.as_of=2026-01-15", r"basetable.as_of: .*not the first day of a month.*use 2026-01-01"),
        ("synthetic.end=2026-01-15", r"synthetic.end: .*not the first day of a month.*use 2026-01-01"),
        ("synthetic.duplicate_share=0.6", r"synthetic: .*shares of mess add up to 0.61 of the rows; at most 0.5"),
        ("synthetic.files_per_month=29", r"synthetic.files_per_month: Input should be less than or equal to 28"),
        ("synthetic.noise=1000", r"synthetic.noise: Input should be less than or equal to 10"),
        ("synthetic.end=0001-01-01", r"synthetic.end: .*0001-01-01 is too early: 1980-01-01"),
        ("synthetic.seed=-1", r"synthetic.seed: Input should be greater than or equal to 0"),
        ("industry.seed=20260101120000", r"industry.seed: Input should be less than 2147483648"),
        ("ingest.max_number=.inf", r"ingest.max_number: Input should be less than or equal to 1000000000000"),
        ("ingest.max_number=.nan", r"ingest.max_number: Input should be"),
        ("basetable.as_of=soon", r"basetable.as_of: Input should be a valid date"),
        ("basetable.as_of=0", r"basetable.as_of: 0 is a number: write it as 2026-01-01"),
        ("basetable.as_of='20260101'", r"basetable.as_of: 20260101 is a number: write it as 2026-01-01"),
        ("synthetic.end=1.5", r"synthetic.end: 1.5 is a number: write it as 2026-01-01"),
        ("ingest.earliest=19900101", r"ingest.earliest: 19900101 is a number: write it as 2026-01-01"),
        (
            "basetable.as_of=2025-02-30",
            r"--set basetable.as_of=2025-02-30: the value is not YAML \(day is out of range",
        ),
        ("session.master=yarrn", r"session.master: String should match pattern"),
        ("session.master=local[0]", r"session.master: String should match pattern"),
        ("session.driver_memory=200m", r"session.driver_memory: .*200m is less than the 512m that Spark needs"),
        ("session.driver_memory=3gb", r"session.driver_memory: String should match pattern"),
        ("segments", r"write section.key=value"),
        ("segments.k_max=[1", r"the value is not YAML \(expected ',' or '\]'"),
        ("segments={k_max: 4, k_max: 5}", r"the value is not YAML \(given twice: k_max\)"),
    ],
)
def test_a_wrong_override_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfError, match=message):
        load_settings("local", [override])


NUMBER = "Input should be a valid number or a valid integer"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("models.lasso.params.x=[1, 2]", f"models.lasso.params.x: {NUMBER} or a valid string or a valid boolean"),
        ("models.lasso.params.a.b=1", f"models.lasso.params.a: {NUMBER} or a valid string or a valid boolean"),
        ("models.lasso.grid.regParam=[0.1, a]", f"models.lasso.grid.regParam.1: {NUMBER}"),
        ("industry.learning_shares=[0.1, 7]", "industry.learning_shares.1: Input should be less than 1"),
        ("models.own={params: {}}", "models.own.grid: Field required"),
        ("models.lasso=5", "models.lasso.grid: Field required"),  # nothing that stood there is left
    ],
)
def test_a_wrong_value_is_told_once_with_a_key_that_exists_and_of_who_gave_it(override: str, said: str) -> None:
    with pytest.raises(ConfError) as problem:
        load_settings("local", [override, "segments.k_max=5", "models.lasso.params.tol=0.1"])
    assert str(problem.value) == f"--set {override}: {said}"


def test_what_base_lacks_is_not_told_of_the_last_word(own_conf: Path) -> None:
    base = (own_conf / "base.yml").read_text(encoding="utf-8")
    (own_conf / "base.yml").write_text(base.replace("  k_min:", "  # k_min:"), encoding="utf-8")
    with pytest.raises(ConfError, match=r"^conf/base\.yml: segments\.k_min: Field required$"):
        load_settings("base", ["segments.k_max=5"])


def test_an_empty_value_empties(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = load_settings("base").models
    assert grids["lasso"].grid
    emptied = load_settings("base", ["models.lasso.grid={}"]).models
    assert emptied["lasso"].grid == {}
    assert emptied["lasso"].params == grids["lasso"].params
    filled = load_settings("base", ["models.lasso.grid={}", "models.lasso.grid.regParam=[0.5]"]).models
    assert filled["lasso"].grid == {"regParam": (0.5,)}
    with pytest.raises(ConfError, match=r"^--set segments={}: segments\.methods: Field required"):
        load_settings("base", ["segments={}", "segments.k_max=5"])


@pytest.mark.parametrize(("word", "what"), [("foo", "write section.key=value"), ("a.b=[1", "the value is not YAML")])
def test_a_wrong_word_of_the_variable_is_told_as_one_of_it(
    monkeypatch: pytest.MonkeyPatch, word: str, what: str
) -> None:
    monkeypatch.setenv("SEGMENTATION_SETTINGS", word)
    with pytest.raises(ConfError, match=rf"^\$SEGMENTATION_SETTINGS, {re.escape(word)}: {what}"):
        load_settings("local")


@pytest.fixture
def own_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings that holds base.yml alone, taken for this test."""
    (tmp_path / "base.yml").write_bytes((conf_dir() / "base.yml").read_bytes())
    monkeypatch.setenv("SEGMENTATION_CONF", str(tmp_path))
    return tmp_path


def test_a_wrong_file_is_named(own_conf: Path) -> None:
    (own_conf / "local.yml").write_text("segments: {k_mox: 3}\n", encoding="utf-8")
    with pytest.raises(ConfError, match=r"conf/local.yml: segments.k_mox: unknown key: did you mean"):
        load_settings("local")
    with pytest.raises(ConfError, match=r"no profile 'locel'.*did you mean 'local'"):
        load_settings("locel")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "storage: {catalog: a}\nstorage: {schema_name: b}\n",
            r"own.yml is not YAML: given twice: storage in .*line 1",
        ),
        ("basetable: {as_of: 2025-02-30}\n", r"own.yml is not YAML: day is out of range"),
        ("session:\n", r"conf/own.yml: session: Input should be a valid dictionary"),
    ],
)
def test_what_a_file_says_twice_or_not_at_all_is_told_of_that_file(own_conf: Path, text: str, message: str) -> None:
    (own_conf / "own.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfError, match=message):
        load_settings("own")


def test_a_broken_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTATION_SETTINGS", "storage.experiment=Peter's")
    with pytest.raises(ConfError, match=r"\$SEGMENTATION_SETTINGS: No closing quotation"):
        load_settings("local")


def test_what_cannot_be_read_is_named(own_conf: Path) -> None:
    (own_conf / "own.yml").write_text("storage: {experiment: M\u00fcller}\n", encoding="latin-1")
    with pytest.raises(ConfError, match=r"own.yml is not UTF-8"):
        load_settings("own")
    with pytest.raises(ConfError, match=r"unknown source 'generated': known are ; a new one is a file in .*sources"):
        load_source("generated")


def test_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(ConfError, match=r"unknown source 'generatd': did you mean 'generated'"):
        load_source("generatd")


def test_unknown_key_of_a_source_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    text = (conf_dir() / "sources" / "generated.yml").read_text(encoding="utf-8")
    own.write_text(text.replace("duplicates: drop", "duplicate: drop"), encoding="utf-8")
    with pytest.raises(ConfError, match=r"own.yml: duplicate: unknown key: did you mean 'duplicates'"):
        load_source(str(own))


def test_a_source_read_as_another_format_needs_what_that_one_needs(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    columns = "columns: [t, a]\ntime: {column: t}\ntoken: a\naccount_id: a\nevent_name: a\n"
    own.write_text("format: parquet\n" + columns, encoding="utf-8")
    assert load_source(str(own)).format == "parquet"
    with pytest.raises(ConfError, match=r"own.yml, read as csv: .*time.formats or time.epoch: how is the text"):
        load_source(str(own), "csv")


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("zone: Europe/Brusels", "time.zone: no time zone 'Europe/Brusels': did you mean 'Europe/Brussels'"),
        ("formats: [YYYY-MM-dd]", "time.formats: 'YYYY-MM-dd': Spark reads no Y (a year is yyyy"),
        ("formats: [yyyy-mm-dd]", "time.formats: 'yyyy-mm-dd': m is the minute, which stands behind the hour; a month"),
        (
            "formats: ['yyyy-mm-dd HH:MM:ss']",
            "time.formats: 'yyyy-mm-dd HH:MM:ss': m is the minute, which stands behind the hour; a month",
        ),
        ("formats: ['HH:mm dd/mm/yyyy']", "time.formats: 'HH:mm dd/mm/yyyy': m is the minute, which stands behind"),
        ("formats: ['HH:MM dd/mm/yyyy']", "time.formats: 'HH:MM dd/mm/yyyy': m is the minute, which stands behind"),
        ("formats: [yyyy-dd]", "time.formats: 'yyyy-dd': there is a day (d) and no month, which is M, as in MM"),
        ("formats: [yyyyMMddHHmmss]", None),
        ("formats: ['dd.MM.yyyy hh:mm a']", None),
        ("formats: ['[yyyy-MM-dd HH:mm:ss][dd/MM/yyyy HH:mm]']", None),
        ("formats: [yyyy-MM-ddTHH:mm]", "time.formats: 'yyyy-MM-ddTHH:mm': Spark reads no T"),
        ("formats: [\"yyyy-MM-dd'T'HH:mm:ss[.SSS]XXX\"]", None),
        ("formats: [yyyy年MM月dd日]", None),
        ("zone: +01:00", None),
        ("zone: PST", None),
    ],
)
def test_formats_and_zones_that_spark_does_not_know_are_named(tmp_path: Path, time: str, said: str | None) -> None:
    own = tmp_path / "own.yml"
    columns = "columns: [t, a]\ntoken: a\naccount_id: a\nevent_name: a\n"
    own.write_text(f"format: parquet\n{columns}time:\n  column: t\n  {time}\n", encoding="utf-8")
    if said is None:
        assert load_source(str(own)).time.column == "t"
    else:
        with pytest.raises(ConfError, match=f"own.yml: {re.escape(said)}"):
            load_source(str(own))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("attributes: [t, vresion]", "attributes: 'vresion' is not among the columns: did you mean 'version'?"),
        ("attributes: [t, VRESION]", "attributes: 'VRESION' is not among the columns: did you mean 'version'?"),
        ("attributes: [t, t]", "attributes: t stands there more than once"),
        ("attributes: [t, T]", "attributes: t stands there more than once"),
        ("columns: [t, a, T]", "columns: T, t stands there more than once (capitals make no other name)"),
        ("types: {t: bigint}", "types: only Parquet has types: the columns of csv are text; leave it out"),
        ("time: {column: t, epoch: seconds, formats: [yyyy]}", "time.epoch: it reads numbers, and formats read texts"),
    ],
)
def test_what_a_source_cannot_mean_is_named(tmp_path: Path, line: str, said: str) -> None:
    own = tmp_path / "own.yml"
    keys = {"format": "csv", "columns": "[t, a, version]", "time": "{column: t, epoch: seconds}"}
    keys |= {"token": "a", "account_id": "a", "event_name": "a"} | dict([line.split(": ", 1)])
    own.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()), encoding="utf-8")
    with pytest.raises(ConfError, match=f"own.yml: {re.escape(said)}"):
        load_source(str(own))


def test_a_source_is_called_as_its_file_is(tmp_path: Path) -> None:
    own = tmp_path / "web shop.yml"
    text = (conf_dir() / "sources" / "generated.yml").read_text(encoding="utf-8")
    for name in ("", "name: web shop\n"):
        own.write_text(name + text, encoding="utf-8")
        assert load_source(str(own)).name == "web shop"
    own.write_text("name: generated\n" + text, encoding="utf-8")
    fix = "rename the file to generated.yml, or leave the key out if no row was stored as generated yet"
    said = f"{own}: name: a source is called as its file is, web shop: {fix}"
    with pytest.raises(ConfError, match=f"^{re.escape(said)}$"):
        load_source(str(own))


def test_attributes_and_types_are_spelled_as_the_columns_are(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    keys = {"columns": "[t, a, version]", "time": "{column: t, epoch: seconds}", "types": "{Version: bigint}"}
    keys |= {"token": "a", "account_id": "a", "event_name": "a", "format": "parquet", "attributes": "[VERSION, T]"}
    own.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()), encoding="utf-8")
    source = load_source(str(own))
    assert source.attributes == ("version", "t")
    assert source.types == {"version": "bigint"}


@pytest.mark.parametrize("name", sorted(p.stem for p in (conf_dir() / "sources").glob("*.yml")))
def test_every_source_loads_with_eight_categories(name: str) -> None:
    assert len(load_categories(load_source(name))) == 8


def test_a_parameter_with_an_exponent_is_a_number() -> None:
    """YAML takes what has no point for a text, and Spark would refuse it."""
    given = [f"models.lasso.params.{name}={value}" for name, value in (("tol", "1e-5"), ("maxIter", "2.5e1"))]
    params = load_settings("local", given).models["lasso"].params
    assert (params["tol"], params["maxIter"]) == (1e-5, 25.0)


def test_a_prefix_of_two_categories_is_refused_in_whatever_spelling(tmp_path: Path) -> None:
    """The rows would go to the one that is first by name, whichever stands first."""
    two = [{"name": "System", "prefixes": ["caf\u00e9."]}, {"name": "Event", "prefixes": ["x.", "cafe\u0301."]}]
    own = tmp_path / "own.yml"
    columns = "columns: [t, a]\ntoken: a\naccount_id: a\nevent_name: a\n"
    own.write_text(f"format: parquet\n{columns}time: {{column: t}}\n{yaml.safe_dump({'categories': two})}")
    with pytest.raises(ConfError, match=r"own.yml: categories: prefix .* stands in 'System' and in 'Event'; leave it"):
        load_source(str(own))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Pre-flight", "Pre Flight"], "categories 'Pre-flight' and 'Pre Flight' would give the same columns, pre_fl"),
        (["others"], "categories 'others' and 'Others' would give the same columns, others_...; rename one"),
        (["Document", "Document"], "category 'Document' stands twice; make it one"),
        (["ALL"], "columns cannot be named after category 'ALL': 'all' stands for all of them; name it otherwise"),
        (["文書"], "columns cannot be named after category '文書': it has no letter a to z and no digit"),
        ([""], "columns cannot be named after category ''"),
    ],
)
def test_categories_whose_columns_could_not_be_told_apart_are_refused_when_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], said: str
) -> None:
    listed = yaml.safe_dump({"categories": [{"name": name} for name in names]}, allow_unicode=True)
    own, common = tmp_path / "own.yml", tmp_path / "categories.yml"
    columns = "columns: [t, a]\ntoken: a\naccount_id: a\nevent_name: a\n"
    own.write_text(f"format: parquet\n{columns}time: {{column: t}}\n{listed}", encoding="utf-8")
    with pytest.raises(ConfError, match=f"own.yml: categories.*: {re.escape(said)}"):
        load_source(str(own))
    common.write_text(listed, encoding="utf-8")
    monkeypatch.setenv("SEGMENTATION_CONF", str(tmp_path))
    with pytest.raises(ConfError, match=f"categories.yml: categories.*: {re.escape(said)}"):
        load_categories()


def test_settings_survive_their_own_dump() -> None:
    settings = load_settings("local")
    assert Settings.model_validate(yaml.safe_load(dump_settings(settings))) == settings


def test_a_dump_hides_what_nobody_else_should_see() -> None:
    secret = (
        "spark.hadoop.fs.s3a.secret.key: 'HUSH,b;HUSH c'",
        "fs.azure.account.key.ours.dfs.core.windows.net: HUSH",
        "spark.hadoop.fs.s3a.session.token: HUSH",
        "spark.ui.port: '4040'",
    )
    settings = load_settings("local", [
        f"session.spark={{{', '.join(secret)}}}", "session.remote=sc://host:443/;use_ssl=true;token=HUSH",
        "storage.tracking_uri=https://ops:HUSH@mlflow.example",
    ])  # fmt: skip
    said = dump_settings(settings)
    assert "HUSH" not in said
    shown = yaml.safe_load(said)
    assert shown["session"]["spark"]["spark.ui.port"] == "4040"
    assert shown["session"]["remote"] == "sc://host:443/;use_ssl=true;token=***"
    assert shown["storage"]["tracking_uri"] == "https://***@mlflow.example"


def test_the_profile_follows_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARK_ENV_LOADED", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(name, raising=False)
    assert default_profile() == "local"
    monkeypatch.setenv("SPARK_ENV_LOADED", "1")
    assert default_profile() == "cluster"
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert default_profile() == "databricks"
