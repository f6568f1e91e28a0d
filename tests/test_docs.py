"""The site builds with warnings as errors, its reference says what the code says, every promise names its test."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import logging
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config

from segmentation import schemas
from segmentation.features import catalogue as features
from segmentation.jobs.command import job_specs
from segmentation.runtime import fill_parser
from segmentation.settings import CategorySettings, Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
GENERATED = ("settings", "tables", "features", "commands")


def last_value(block: str, names: dict[str, Any]) -> Any:
    """What the last line of a page's Python gives, run as a part of the module with these names."""
    *before, last = ast.parse(block).body
    assert isinstance(last, ast.Expr)
    there = dict(names)
    exec(compile(ast.Module(before, []), "page", "exec"), there)
    return eval(compile(ast.Expression(last.value), "page", "eval"), there)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it; a warning (a dead link or anchor, a page outside the nav) raises."""
    folder = tmp_path_factory.mktemp("site")
    logging.getLogger("mkdocs").setLevel(logging.WARNING)  # not higher: a warning that is not logged is not counted
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder))
    assert config.strict
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_reference", DOCS / "hooks" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _html(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield str(path.relative_to(site)), path.read_text(encoding="utf-8")


def test_the_site_is_whole_and_needs_no_network(site: Path) -> None:
    pages = dict(_html(site))
    written = {str(path.relative_to(DOCS).with_suffix(".html")) for path in DOCS.rglob("*.md")}
    generated = {f"reference/{name}.html" for name in GENERATED}
    assert set(pages) == {"404.html"} | written | generated
    # what a browser would fetch by itself: scripts, styles, pictures, fonts; links that one follows are no matter
    fetched = [
        (page, address)
        for page, text in pages.items()
        for address in re.findall(r'<(?:script|img|iframe|link)\b[^>]*?(?:src|href)="(https?://[^"]+)"', text)
    ]
    assert fetched == []
    assert not list(site.rglob("*.py"))


def test_no_page_links_into_nothing(site: Path) -> None:
    """Every link within the site leads to a page and, where it names one, to a place on it."""
    pages = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in _html(site)}
    dead = []
    for page, text in _html(site):
        if page == "404.html":  # its links are absolute, for whatever address was wrong
            continue
        for link in re.findall(r'<a\b[^>]*?href="([^"]+)"', text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (site / page).parent.joinpath(path).resolve() if path else site / page
            name = str(target.relative_to(site.resolve())) if target.is_relative_to(site.resolve()) else link
            name = name.removeprefix("./") or "index.html"
            known = pages.get(name if name != "." else "index.html")
            if known is None or (anchor and anchor not in known):
                dead.append(f"{page} -> {link}")
    assert dead == []


def test_no_sentence_stands_on_two_pages() -> None:
    """Every fact once: no two pages (nor the README) share a sentence of ten words or more."""
    seen: dict[str, str] = {}
    twice = []
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for sentence in re.split(r"(?<=[.:;])\s|\n\n|\|", text):
            words = " ".join(sentence.split()).lower()
            if len(words.split()) < 10:
                continue
            if words in seen and seen[words] != path.name:
                twice.append(f"{seen[words]}, {path.name}: {words}")
            seen[words] = path.name
    assert twice == []


def test_the_reference_says_every_setting(reference: ModuleType) -> None:
    page = reference.pages()["reference/settings.md"]
    for section, field in Settings.model_fields.items():
        part = page.split(f"## {section} {{")[1].split("\n## ")[0]
        keys = getattr(field.annotation, "model_fields", {})
        named = re.findall(r"^\| `([\w.]+)`", part, re.MULTILINE)
        top = {key.split(".")[0] for key in named}
        assert set(keys) - top == set(), section
        unexplained = re.findall(r"^\| `([\w.]+)` \| `[^|]+` \|  \|$", part, re.MULTILINE)
        assert unexplained == [], f"{section}: say in conf/base.yml what these are"
    assert "| `k_max` | `10` |" in page
    assert "| `space.log1p` | `true` | logarithms of heavy-tailed features |" in page
    assert "drop accounts of whose features a larger share is missing" in page
    assert "such as &#123;spark.executor.memory: 4g}" in page  # a brace would be taken for attributes, and vanish


def test_the_reference_says_every_table_and_column(reference: ModuleType) -> None:
    page = reference.pages()["reference/tables.md"]
    for table in schemas.TABLES:
        part = page.split(f"### {table.name} {{")[1].split("\n### ")[0]
        assert re.findall(r"^\| `(\w+)`", part, re.MULTILINE) == table.columns.names
        assert "Written by" in part
    assert "| `token_key` | long |  | xxhash64(token) |" in page
    assert "Unique by `as_of`, `account_id`, `method`. Partitioned by `as_of`." in page


def test_the_reference_says_every_command_and_option(reference: ModuleType) -> None:
    page = reference.pages()["reference/commands.md"]
    assert re.findall(r"^## segmentation (\w+) ", page, re.MULTILINE) == [spec.name for spec in job_specs()]
    assert "| `--source NAME` | a file in conf/sources, or a path to one; needed |" in page
    assert "| 5 | done, but some files could not be taken in; the ledger names each |" in page


def test_the_readme_names_every_command_and_only_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [spec.name for spec in job_specs() if f"`segmentation {spec.name}`" not in readme] == []
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_command_that_a_page_shows_is_taken() -> None:
    specs = {spec.name: spec for spec in job_specs()}
    checked, wrong = 0, []
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        for line in lines:
            found = re.search(r"(?:^|&& |bin/)segmentation (\w+)(.*?)(?: (?:\d?>|\||&).*)?$", line)
            if found is None or "COMMAND" in line:
                continue
            parser = argparse.ArgumentParser(exit_on_error=False)
            checked += 1
            try:
                fill_parser(parser, specs[found[1]])
                parser.parse_args(shlex.split(found[2], comments=True))
            except (KeyError, SystemExit, argparse.ArgumentError) as problem:
                wrong.append(f"{path.relative_to(ROOT)}: {line.strip()}: {problem}")
    assert wrong == []
    assert checked > 15


def test_every_option_named_in_passing_exists() -> None:
    specs = {spec.name: spec for spec in job_specs()}
    wrong = []
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        for name, rest in re.findall(r"`segmentation (\w+)([^`]*)`", path.read_text(encoding="utf-8")):
            parser = argparse.ArgumentParser()
            if name in specs:
                fill_parser(parser, specs[name])
            known = set(parser._option_string_actions)
            wrong += [
                f"{path.name}: {name} {option}" for option in re.findall(r"--[\w-]+", rest) if option not in known
            ]
            wrong += [f"{path.name}: {name}"] * (name not in specs and name != "COMMAND")
    assert wrong == []


def test_the_examples_of_a_category_and_a_feature_are_taken() -> None:
    def example(page: str, language: str) -> str:
        text = (DOCS / "how-to" / page).read_text(encoding="utf-8")
        [block] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        return str(block)

    [listed] = yaml.safe_load(example("new-category.md", "yaml"))["categories"]
    assert CategorySettings.model_validate(listed).prefixes == ("Comment ",)
    entry = example("new-feature.md", "python")
    ours = next(one for one in features.PER_CATEGORY if one.name == "error_rate_year")
    assert replace(last_value(entry, vars(features)), build=ours.build) == ours


def is_long(node: ast.stmt) -> bool:
    """Whether a test, some of its rows, or all tests of a module wait for `make test-long`."""
    marks = node.decorator_list if isinstance(node, ast.FunctionDef) else [node] if isinstance(node, ast.Assign) else []
    return any("mark.long" in ast.unparse(mark) for mark in marks)


def test_every_promise_says_where_its_test_waits_for_make_test_long() -> None:
    page = (DOCS / "how-it-works" / "promises.md").read_text(encoding="utf-8")
    silent = []
    for line in page.splitlines():
        for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", line):
            body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
            looked = [one for one in body if not (name and isinstance(one, ast.FunctionDef) and one.name != name)]
            silent += [f"{path}::{name}"] * ("*long*" not in line and any(map(is_long, looked)))
    assert silent == []


def test_every_promise_names_a_test_that_exists() -> None:
    page = (DOCS / "how-it-works" / "promises.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []
