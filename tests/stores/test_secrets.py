"""The key comes from the environment alone, and no message repeats it."""

from __future__ import annotations

import pytest

from segmentation.errors import InputProblem
from segmentation.settings import PrivacySettings
from segmentation.stores.conf import ConfError, load_settings
from segmentation.stores.secrets import key_fingerprint, read_key, veiled, veiled_value

ON = PrivacySettings(hash_ids=True, key_variable="ID_KEY_OF_TESTS")
GOOD = "0123456789abcdef0123456789abcdef"


def test_hashing_is_off_by_default_and_then_no_key_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings("base").privacy
    monkeypatch.setenv(settings.key_variable, GOOD)
    assert (settings.hash_ids, settings.key_variable) == (False, "SEGMENTATION_ID_KEY")
    assert read_key(settings) is None


def test_the_key_is_the_variable_without_blanks_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ON.key_variable, f"{GOOD}\n")
    assert read_key(ON) == GOOD.encode()


@pytest.mark.parametrize(("value", "found"), [(None, "is not set"), (" ", "is not set"), (GOOD[1:], "holds 31 char")])
def test_no_key_or_a_short_one_is_named_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, value: str | None, found: str
) -> None:
    monkeypatch.delenv(ON.key_variable, raising=False)
    if value is not None:
        monkeypatch.setenv(ON.key_variable, value)
    with pytest.raises(InputProblem, match=rf"variable ID_KEY_OF_TESTS {found}.*export ID_KEY_OF_TESTS=") as problem:
        read_key(ON)
    assert GOOD[1:] not in str(problem.value)


def test_a_key_in_place_of_the_variables_name_is_refused() -> None:
    with pytest.raises(ConfError, match=r"privacy\.key_variable: String should match pattern"):
        load_settings("base", ["privacy.key_variable=not-a-name"])


def test_the_fingerprint_tells_keys_apart() -> None:
    assert key_fingerprint(GOOD.encode()) == "1fb06d85"
    assert key_fingerprint(GOOD.encode()) != key_fingerprint(GOOD[::-1].encode())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('session.spark={fs.azure.sas.fixed.token.acct: "sv=2022&ss=b&sig=REAL"}',
         "session.spark={fs.azure.sas.fixed.token.acct: ***}"),
        ("fs.azure.sas.fixed.token.acct=sv=2022&sig=REAL%3D", "fs.azure.sas.fixed.token.acct=***&sig=***"),
        ("keyPassword: 'my REAL, pw', keep: 1", "keyPassword: ***, keep: 1"),
        ("sc://127.0.0.1:1/;token=REAL;user_id=me", "sc://127.0.0.1:1/;token=***;user_id=me"),
        ("postgresql://me:REAL@host/runs?password=REAL&sslmode=require",
         "postgresql://***@host/runs?password=***&sslmode=require"),
        ("postgresql://mlflow:aREAL/xREAL+z@db/mlflow of me@home", "postgresql://***@db/mlflow of me@home"),
        ("postgresql://me:12/REAL@db/x", "postgresql://***@db/x"),
        ("postgresql://me@corp:a/REAL@db/x", "postgresql://***@db/x"),
        ("mysql+mysqldb://me:1/REAL@db/x", "mysql+mysqldb://***@db/x"),
        ("POSTGRESQL://me:a/b,REAL?REAL'REAL@db/x", "POSTGRESQL://***@db/x"),
        ("https://me:a/REAL@host:443/x", "https://***@host:443/x"),
        *((text, text) for text in (
            "hdfs://nn:8020/data/mail=ann@corp/x.parquet", 'a {"uri":"hdfs://nn:8020/d","mail":"a@b.c"}',
            "hdfs://nn:8020/a.jar,hdfs://nn:8020/b@1.jar", "mlflow-artifacts://h:5000/x@y",
            "HTTP://h:5000/a@b", "abfss://c@acc.dfs.core.windows.net/x", "s3a://bucket/key@x",
        )),
        ("sc://host:15002/;user_id=me@home", "sc://host:15002/;user_id=me@home"),
        ('x.password: "ab\\"REAL"', "x.password: ***"),
        ('password="abc"REAL', "password=***"),
        ('fs.azure.account.key="A"B==', "fs.azure.account.key=***"),
        ("event token: T1", "event token: T1"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_whole_and_the_rest_is_shown(text: str, shown: str) -> None:
    assert veiled(text) == shown


def test_long_secrets_are_hidden_and_long_texts_without_one_are_shown() -> None:
    """Not among the texts above, as each of those is the name of its own test."""
    assert veiled(f"https://oauth2:{'REAL' * 200}@host/x") == "https://***@host/x"
    text = "://a:" * 20_000
    assert veiled(text) == text


def test_the_name_of_a_setting_tells_that_it_is_a_secret() -> None:
    for name in ("spark.executorEnv.MLFLOW_TRACKING_TOKEN", "spark.hadoop.fs.s3a.secret.key", "my.password"):
        assert veiled_value(name, "REAL") == "***"
    assert veiled_value("spark.executorEnv.MLFLOW_TRACKING_TOKEN_FILE", "/run/it") == "/run/it"
