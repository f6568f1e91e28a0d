"""What is missing between a job and the servers it needs is one line with the fix, and exit code 4."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from pyspark.errors import PySparkException

from segmentation.checkpoint import settled
from segmentation.errors import EnvironmentProblem
from segmentation.failures import Exit, explain, is_passing
from segmentation.jobs.command import main
from segmentation.stores.capabilities import scan_parallelism, set_if_allowed, setting, setting_if_allowed
from segmentation.stores.connect import DELTA_SETTINGS
from tests.connect.conftest import free_port, start_spark

pytestmark = pytest.mark.slow

WITHOUT_GRPC = "import sys; sys.modules['grpc'] = None; from segmentation.jobs.command import main; "


def segmentation(*arguments: str, first: str = "from segmentation.jobs.command import main; ") -> tuple[int, str]:
    """Exit code and last line on standard error of a command in a Python of its own, which has no session."""
    done = subprocess.run(
        [sys.executable, "-c", f"{first}import sys; sys.exit(main({list(arguments)!r}))"],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


class Doorkeeper(grpc.ServerInterceptor):  # type: ignore[misc]  # gRPC says nothing of its types
    """Refuses every call, as Spark's own does to whoever lacks the token."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.refuse = grpc.unary_unary_rpc_method_handler(
            lambda _, call: call.abort(code, "Invalid authentication token")
        )

    def intercept_service(self, *_: Any) -> Any:
        return self.refuse


def status(tmp_path: Path, address: str, **more: str) -> tuple[int, str]:
    return segmentation("status", "--data-dir", str(tmp_path), "--set", f"session.remote={address}", **more)


def test_nobody_answers(tmp_path: Path) -> None:
    address = f"sc://127.0.0.1:{free_port()}"
    assert status(tmp_path, address) == (
        Exit.ENVIRONMENT,
        f"segmentation status: no Spark Connect server answers at {address}: start one there, or correct "
        "session.remote (SPARK_REMOTE)",
    )


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("spark://127.0.0.1:7077", ": [INVALID_CONNECT_URL] Invalid URL for Spark Connect: "),
        ("sc://127.0.0.1:99999", "; "),
        ("sc://[::1", "; "),
        ("sc://ops:hush@host:now", "; "),
    ],
)
def test_what_is_no_address(tmp_path: Path, address: str, why: str) -> None:
    code, line = status(tmp_path, address)
    assert code == Exit.ENVIRONMENT
    assert line.startswith(
        f"segmentation status: session.remote (or SPARK_REMOTE) is no address of a Connect server{why}"
    )
    assert line.endswith("; it looks like sc://host:15002")
    assert "hush" not in line


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            None,
            "what answers at {} is no Spark Connect server: correct session.remote (SPARK_REMOTE)",
        ),
        *(
            (
                code,
                "the Spark Connect server at {} does not let this client in (Invalid authentication token): have its "
                "token in the environment variable SPARK_CONNECT_AUTHENTICATE_TOKEN, or correct that in session.remote",
            )
            for code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
        ),
    ],
    ids=["no Spark", "no token", "the wrong one"],
)
def test_a_server_that_answers_to_nothing(tmp_path: Path, code: grpc.StatusCode | None, told: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, interceptors=[Doorkeeper(code)] if code else [])
        address = f"sc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            assert status(tmp_path, address) == (Exit.ENVIRONMENT, f"segmentation status: {told.format(address)}")
        finally:
            server.stop(None).wait()


def test_a_client_without_its_packages(tmp_path: Path) -> None:
    assert status(tmp_path, "sc://127.0.0.1:15002", first=WITHOUT_GRPC) == (
        Exit.ENVIRONMENT,
        'segmentation status: sc://127.0.0.1:15002 needs Spark Connect\'s client: pip install "pyspark[connect]" '
        "(grpcio, grpcio-status, googleapis-common-protos, zstandard)",
    )


@pytest.mark.spark
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({}, "is not set up for Delta", marks=pytest.mark.long),
        (DELTA_SETTINGS, "cannot load Delta (Cannot find catalog plugin class"),
    ],
    ids=["neither jars nor settings", "settings without jars"],
)
def test_a_server_without_delta(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    server = start_spark(tmp_path, "512m", (), settings)
    try:
        code, line = status(tmp_path, server.address)
    finally:
        server.stop()
    assert code == Exit.ENVIRONMENT
    assert line.startswith(f"segmentation status: the Spark Connect server at {server.address} {told}")
    assert "start it with Delta's jars (--jars) and spark.sql.extensions=" in line


@pytest.mark.parametrize("command", ["segments", "industry", "churn", "value", "score", "rollback --model industry"])
def test_a_tracking_server_that_does_not_answer_is_told_before_any_work(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    said = [*command.split(), "--data-dir", str(tmp_path / "data"), "--set", f"storage.tracking_uri={address}"]
    assert main(said) == Exit.ENVIRONMENT
    line = capsys.readouterr().err
    assert f"no MLflow server answers at {address} ([Errno 111] Connection refused): start it, or correct" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "API request to http://h:5000/api failed with exception HTTPConnectionPool(host='h', port=5000): Max "
            "retries exceeded with url: /api (Caused by NewConnectionError: [Errno 111] Connection refused)",
            "the MLflow server at h:5000 does not answer",
        ),
        (
            "exception HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /api (Caused by "
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
            "self-signed certificate in certificate chain (_ssl.c:1006)')))",
            "the certificate of the MLflow server at h:443 is not trusted here: name the file",
        ),
        (
            "exception HTTPSConnectionPool(host='h', port=5000): Max retries exceeded with url: /api (Caused by "
            "SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)')))",
            "the MLflow server at h:5000 cannot be spoken to by https (wrong version number): mend that",
        ),
        (
            "exception HTTPSConnectionPool(host='h', port=5000): Max retries exceeded with url: /api (Caused by "
            "SSLError(CertificateError(\"hostname 'h' doesn't match 'x'\")))",
            "the MLflow server at h:5000 cannot be spoken to by https: mend that",
        ),
        (
            "exception HTTPConnectionPool(host='h', port=5000): Max retries exceeded with url: /api (Caused by "
            "ResponseError('too many 500 error responses'))",
            "the MLflow server at h:5000 answers with error 500",
        ),
        (
            "<_MultiThreadedRendezvous of RPC that terminated with: status = StatusCode.UNAVAILABLE details = "
            '"failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused">',
            "the Spark Connect server is gone",
        ),
        ("[INVALID_HANDLE.SESSION_CHANGED] The handle is invalid.", "the Spark Connect server no longer knows"),
        ("[DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta.", "this Spark does not know Delta"),
    ],
)
def test_servers_that_go_away_in_the_midst(text: str, told: str, tmp_path: Path) -> None:
    line, code, with_trace = explain(RuntimeError(text), tmp_path)
    assert line.startswith(told)
    assert (code, with_trace) == (Exit.ENVIRONMENT, False)
    assert is_passing(RuntimeError(text), tmp_path)


class Refusing:
    """A session, its settings and a frame of compute that allows none of it."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.conf = self.sparkSession = self

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise PySparkException(self.says)

    get = set = localCheckpoint = _refuse  # noqa: N815  # Spark's name


def test_a_setting_that_may_not_be_changed_is_named() -> None:
    session: Any = Refusing("[CONFIG_NOT_AVAILABLE] Configuration is not available.")
    with (
        pytest.raises(EnvironmentProblem, match="does not let a session set a_key, which a merge needs"),
        setting(session, "a_key", "1", "a merge"),
    ):
        pass
    set_if_allowed(session, "a_key", "1")  # nothing depends on it
    with setting_if_allowed(session, "a_key", "1"):  # but speed
        pass


class Serverless(Refusing):
    """Tells of one setting alone."""

    def get(self, key: str, *_: Any) -> str:
        return "7" if key == "spark.sql.shuffle.partitions" else self._refuse()


Serverless.__module__ = "pyspark.sql.connect.session"


def test_where_settings_are_not_told_files_are_cut_for_the_parts_of_a_shuffle() -> None:
    session: Any = Serverless("[CONFIG_NOT_AVAILABLE] Configuration is not available.")
    assert scan_parallelism(session) == "7"


def test_where_nothing_is_kept_a_frame_stays_as_it_is() -> None:
    frame: Any = Refusing("[NOT_SUPPORTED_WITH_SERVERLESS] PERSIST TABLE is not supported on serverless compute.")
    assert settled(frame) is frame


def test_another_error_is_not_swallowed() -> None:
    with pytest.raises(PySparkException, match="OUT_OF_SOMETHING"):
        settled(cast(Any, Refusing("[OUT_OF_SOMETHING]")))


@pytest.mark.slow
def test_a_server_that_is_gone_is_not_asked_again_at_the_end() -> None:
    """Spark's client would ask for ten minutes; in a process of its own, as it knows one session alone."""
    code = (
        "from pyspark.sql.connect.session import SparkSession\nfrom segmentation.stores.connect import _leave\n"
        f"_leave(SparkSession('sc://127.0.0.1:{free_port()}'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True)
