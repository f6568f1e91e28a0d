"""An MLflow server that is there is never turned away, and one that is not is one line without a password."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from segmentation.errors import EnvironmentProblem
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
