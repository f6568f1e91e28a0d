"""An MLflow server that is there is never turned away, and one that is not, or no MLflow's, is one line."""

from __future__ import annotations

import errno
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from segmentation.errors import EnvironmentProblem
from segmentation.runtime import Exit, Job, JobSpec, execute
from segmentation.stores.runs import open_runs, require_runs
from segmentation.stores.tracking import require_tracking
from tests.robustness.conftest import STORAGE


def require(address: str) -> None:
    require_tracking(STORAGE.model_copy(update={"tracking_uri": address}))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of a server that says nothing, so that neither its certificate nor its answer can be judged."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("address", ["http://ann:secret@127.0.0.1:{}/", "https://127.0.0.1:{}", "HTTP://127.0.0.1:{}"])
def test_whoever_listens_is_there(listening: int, address: str) -> None:
    """MLflow is told by the address or by variables of its own whom to trust and what to say."""
    require(address.format(listening))


def test_what_can_be_no_hosts_name() -> None:
    with pytest.raises(EnvironmentProblem) as refused:
        require("http://ann:secret@mlflow..example:5000")
    assert str(refused.value).startswith("no MLflow server answers at http://mlflow..example:5000 (")
    assert str(refused.value).endswith("): start it, or correct storage.tracking_uri")


def test_nobody_listens(closed: int) -> None:
    with pytest.raises(EnvironmentProblem) as refused:
        require(f"https://ann:secret@127.0.0.1:{closed}")
    assert str(refused.value) == (
        f"no MLflow server answers at https://127.0.0.1:{closed} ([Errno {errno.ECONNREFUSED}] Connection refused): "
        "start it, or correct storage.tracking_uri"
    )


def test_behind_a_proxy_it_is_not_asked(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    require(f"https://127.0.0.1:{closed}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(EnvironmentProblem):
        require(f"https://127.0.0.1:{closed}")


@pytest.mark.parametrize("address", ["http://", "http://ann:sec/ret@127.0.0.1:5000", "http://[::1"])
def test_no_address_at_all(address: str) -> None:
    with pytest.raises(EnvironmentProblem, match="is no address of an MLflow server: it looks like") as refused:
        require(address)
    assert "sec" not in str(refused.value)


@pytest.mark.parametrize("elsewhere", ["databricks", "sqlite:////tmp/mlflow.db", "file:///tmp/runs"])
def test_what_is_no_server_is_not_asked(elsewhere: str) -> None:
    require(elsewhere)


class Page(BaseHTTPRequestHandler):
    """What anything but MLflow says, or MLflow to whom it does not know."""

    status = 200

    def do_GET(self) -> None:
        page = b"<html>nothing for you</html>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Nothing among the tests' own lines."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "says"), [(200, "not in a valid JSON format"), (401, "error code 401"), (404, "error code 404")]
)
def test_what_answers_otherwise_than_mlflow_is_told_before_any_work(tmp_path: Path, status: int, says: str) -> None:
    with HTTPServer(("127.0.0.1", 0), type("Answer", (Page,), {"status": status})) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(EnvironmentProblem, match=says) as refused:
            require_runs(STORAGE.model_copy(update={"tracking_uri": address}), tmp_path)
        server.shutdown()
    assert str(refused.value).startswith(f"MLflow cannot use storage.tracking_uri={address} (")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("mlruns", "MLflow cannot use storage.tracking_uri=mlruns (The filesystem tracking backend"),
        ("nosuch://x", "MLflow cannot use storage.tracking_uri=nosuch://x ("),
        ("databricks", "MLflow cannot use storage.tracking_uri=databricks (Reading Databricks credential"),
        ("postgresql+nosuch://u@h/x", "MLflow cannot use storage.tracking_uri=postgresql+nosuch://***@h/x ("),
    ],
)
def test_what_mlflow_cannot_use_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # nobody's login
    with pytest.raises(EnvironmentProblem) as refused:
        require_runs(STORAGE.model_copy(update={"tracking_uri": uri}), tmp_path)
    assert str(refused.value).startswith(says)
    assert str(refused.value).endswith("): mend that, or correct storage.tracking_uri")


@pytest.mark.slow
def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"mysql://\*\*\*@h/x needs the Python package MySQLdb: install"):
        require_runs(STORAGE.model_copy(update={"tracking_uri": "mysql://u@h/x"}), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("revision", "says"),
    [
        ("deadbeef9999", "a later MLflow than the one .* is no help"),
        ("451aebb31d03", "an older .*by `mlflow db upgrade`"),
    ],
)
def test_a_database_of_another_release_is_told_with_the_fix_that_helps(
    tmp_path: Path, revision: str, says: str
) -> None:
    open_runs(STORAGE, tmp_path)
    copy = tmp_path / "copy" / "mlflow.db"  # MLflow looks at a database once in a process
    copy.parent.mkdir()
    shutil.copy(tmp_path / "mlflow.db", copy)
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
    with pytest.raises(EnvironmentProblem, match=f"{copy} is a database that {says}"):
        require_runs(STORAGE, copy.parent)


def test_before_the_first_training_there_is_nothing_to_ask(tmp_path: Path) -> None:
    require_runs(STORAGE, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_job_that_tracks_asks_before_its_body(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun: list[Job] = []
    spec = JobSpec("trial", "a trial", lambda _: None, begun.append, tracks=True)
    told = ["--data-dir", str(tmp_path / "data"), "--set", "storage.tracking_uri=mlruns"]
    assert execute(spec, told) == Exit.ENVIRONMENT
    assert capsys.readouterr().err.startswith("segmentation trial: MLflow cannot use storage.tracking_uri=mlruns (")
    assert (begun, list(tmp_path.iterdir())) == ([], [])
