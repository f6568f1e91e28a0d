"""A report of plain values -> one HTML file that needs nothing else: no network, no fonts, no scripts of others."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from segmentation.reports.blocks import Report

#: beside this module, in a wheel and in a zip as well
_FILES = ("report.html.jinja", "report.css", "report.js")


def render(report: Report) -> str:
    """The page. Whatever comes from tables is text: an account called `<script>` is shown as it is written.

    The browser is told to load nothing and to run no script but the page's own, which it knows by its hash.
    """
    template, style, script = (_packaged(name) for name in _FILES)
    page = Environment(loader=DictLoader({_FILES[0]: template}), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    page.filters["code"] = _code
    return page.get_template(_FILES[0]).render(
        report=report,
        # our own files, and SVG whose texts matplotlib has escaped
        style=Markup(style),
        script=Markup(script),
        script_hash=_hash(script),
        drawn=Markup,
    )


def _packaged(name: str) -> str:
    return resources.files("segmentation.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _code(text: str) -> Markup:
    """The text, escaped, and what stands between backticks set as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # escaped just now


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
