"""Whether the MLflow server of the settings answers, asked before the work whose results it is to keep."""

from __future__ import annotations

import urllib.error
import urllib.request

from segmentation.errors import EnvironmentProblem
from segmentation.settings import StorageSettings

ANSWER_SECONDS = 10.0


def require_tracking(storage: StorageSettings) -> None:
    """Raise EnvironmentProblem when `storage.tracking_uri` is a server's address and nobody answers there.

    MLflow's own client would find out after the training, and try for minutes. Whatever the server answers, it is
    there; whether it lets us in is for MLflow to say.
    """
    address = storage.tracking_uri or ""
    if not address.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        raise EnvironmentProblem(
            f"no MLflow server answers at {address} ({why}): start it, or correct storage.tracking_uri"
        ) from error
