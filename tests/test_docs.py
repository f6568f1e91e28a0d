"""Pages that repeat what the code says are generated; `REWRITE=1 pytest tests/test_docs.py` writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.features.page import render_page
from segmentation.jobs.command import job_specs
from segmentation.stores.conf import load_categories

ROOT = Path(__file__).resolve().parents[1]


def test_the_feature_page_is_the_catalogue() -> None:
    page = ROOT / "docs" / "features.md"
    rendered = render_page(catalogue(category_names(load_categories())))
    if os.environ.get("REWRITE"):
        page.write_text(rendered, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == rendered


def test_the_readme_names_every_command_and_only_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [spec.name for spec in job_specs() if f"`segmentation {spec.name}`" not in readme] == []
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_promise_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []
