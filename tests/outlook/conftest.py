"""Rows of the cube, as for the features."""

from tests.features.conftest import cube, tokens  # noqa: F401
