"""Whether the MLflow server of the settings is there, asked before the work whose results it is to keep."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from segmentation.errors import EnvironmentProblem
from segmentation.settings import StorageSettings

ANSWER_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}


def require_tracking(storage: StorageSettings) -> None:
    """Raise EnvironmentProblem when `storage.tracking_uri` is a server's address and nobody listens there.

    MLflow's own client would find out after the training, and try for minutes. Whoever listens is not asked for more:
    certificates, users and passwords are MLflow's matter, which has settings of its own for them.
    """
    try:
        address = urlsplit(storage.tracking_uri or "")
        if address.scheme not in _PORTS:
            return
        host, port = address.hostname, address.port or _PORTS[address.scheme]
    except ValueError:
        host = None
    if not host:
        # what is wrong with it is not said: it may be a password
        raise EnvironmentProblem(
            "storage.tracking_uri is no address of an MLflow server: it looks like http://host:5000"
        )
    if {address.scheme, "all"} & getproxies().keys() and not proxy_bypass(host):
        return  # only the proxy need know the way
    try:
        socket.create_connection((host, port), ANSWER_SECONDS).close()
    except (OSError, UnicodeError) as error:  # the latter of what can be no host's name
        shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
        raise EnvironmentProblem(
            f"no MLflow server answers at {shown} ({error}): start it, or correct storage.tracking_uri"
        ) from error
