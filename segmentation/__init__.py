"""Usage logs to account segments and industries."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python would fail further on, in a less readable way
    sys.exit(f"segmentation: Python {sys.version.split()[0]} is too old: use Python 3.11 or newer")
