"""Writes the reference pages from the code while the site is built, so that they cannot drift from it."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from segmentation import schemas
from segmentation.arguments import add_common_arguments
from segmentation.events.categories import category_names
from segmentation.failures import Exit
from segmentation.features.catalogue import catalogue
from segmentation.features.page import render_page
from segmentation.jobs.command import job_specs
from segmentation.models.catalogue import MODELS
from segmentation.runtime import JobSpec
from segmentation.stores.conf import conf_dir, load_categories
from segmentation.stores.made_by import made_by
from segmentation.table import Table

#: `key: value  # comment`, and a line that goes on with the comment of the key above
_KEY = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?: +(?P<value>[^#\s].*?))?(?: +# ?(?P<said>.*))?$")
_MORE = re.compile(r"^ +# *(?P<said>.*)$")
_SECTION = re.compile(r"^# (?P<title>\d.*?) -{3,}$", re.MULTILINE)
_COLUMN = re.compile(r"^\s*(?P<name>\w+)\s+(?P<kind>\w+)(?P<never>!?)\s*(?:#\s*(?P<said>.*))?$")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs calls this once it knows the written pages; the generated ones are added to them."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Every generated page by its path below docs/."""
    base = (conf_dir() / "base.yml").read_text(encoding="utf-8")
    source = Path(inspect.getfile(schemas)).read_text(encoding="utf-8")
    return {
        "reference/settings.md": settings_page(base),
        "reference/tables.md": tables_page(source, schemas.TABLES),
        "reference/features.md": render_page(catalogue(category_names(load_categories()))),
        "reference/commands.md": commands_page(job_specs()),
    }


def settings_page(text: str) -> str:
    """`conf/base.yml` as a page: a section per section, a line per key with its default and its comment."""
    out = [
        "# Settings",
        "",
        "Every key of `conf/base.yml` with its default. Later layers win over earlier ones: `conf/base.yml`, the",
        "profile `conf/<profile>.yml`, the words of the environment variable `SEGMENTATION_SETTINGS`",
        "(`section.key=value`, for notebooks and others that take no options), `--set section.key=value`.",
        "`--show-settings` prints the outcome.",
    ]
    section, path = "", []
    for depth, key, value, said in _entries(text):
        if depth == 0:
            section, path = key, []
            out += ["", f"## {key} {{ #{key} }}", "", _sentence(said) or f"The settings of `{key}`.", ""]
            out += _models(text) if key == "models" else _head("Key", "Default", "Meaning")
        elif section != "models":
            path = [*path[: depth - 1], key]
            shown = f"`{value}`" if value else ""
            if value or said:  # a group of keys without a word of its own needs no line
                out.append(_row(f"`{'.'.join(path)}`", shown, _plain(said)))
    return "\n".join(out) + "\n"


def _entries(text: str) -> Iterator[tuple[int, str, str, str]]:
    """(depth, key, value, comment) in order; comments that go on over lines are joined."""
    waiting: tuple[int, str, str, str] | None = None
    for line in text.splitlines():
        if more := _MORE.match(line):
            if waiting:
                waiting = (*waiting[:3], f"{waiting[3]} {more['said']}".strip())
        elif found := _KEY.match(line):
            if waiting:
                yield waiting
            waiting = (len(found["indent"]) // 2, found["key"], found["value"] or "", found["said"] or "")
    if waiting:
        yield waiting


def _models(text: str) -> list[str]:
    numbers: Mapping[str, Any] = yaml.safe_load(text)["models"]
    lines = _head("Model", "For", "What it is", "Parameters", "Grid searched")
    for entry in MODELS:
        own = numbers.get(entry.name, {})
        shown = [f"`{own[kind]}`" if own.get(kind) else "" for kind in ("params", "grid")]
        lines.append(_row(f"`{entry.name}`", entry.task, _plain(entry.meaning), *shown))
    return lines


def tables_page(source: str, tables: Sequence[Table]) -> str:
    """Every table: what one row is, its key, the command that writes it, its columns with schemas.py's comments."""
    out = [
        "# Tables",
        "",
        "In the order in which the data meets them. `account_features` and `basetable` have the columns below and one",
        "per entry of the [features](features.md), `token_features` the measures of `features/measures.py` that those",
        "are made of. Readers take tables at the versions that `published` names.",
    ]
    said, titles = _comments(source), _titles(source)
    shown = ""
    for table in tables:
        title = titles[table.name]
        if title != shown:
            out += ["", f"## {title.split(' ', 1)[1].capitalize()}"]
            shown = title
        facts = [f"{table.one_row[0].upper()}{table.one_row[1:]}."]
        if table.unique_by:
            facts.append(f"Unique by {_listed(table.unique_by)}.")
        if table.partition_by:
            facts.append(f"Partitioned by {_listed(table.partition_by)}.")
        maker = f"`segmentation {made_by(table.name)}`" if table != schemas.PUBLISHED else "every command that writes"
        facts.append(f"Written by {maker}.")
        out += ["", f"### {table.name} {{ #{table.name} }}", "", " ".join(_plain(fact) for fact in facts), ""]
        out += _head("Column", "Type", "Never null", "Meaning")
        for field in table.columns:
            kind, meaning = said[table.name][field.name]
            out.append(_row(f"`{field.name}`", kind, "" if field.nullable else "yes", _plain(meaning)))
    return "\n".join(out) + "\n"


def _calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Each `Table(...)` of the module with the table's name."""
    for node in ast.parse(source).body:
        call = node.value if isinstance(node, ast.Assign) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Table":
            yield ast.literal_eval(call.args[0]), call


def _comments(source: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Table -> column -> (type, comment)."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name, call in _calls(source):
        written = call.args[2]
        assert isinstance(written, ast.Call), name
        lines = ast.literal_eval(written.args[0]).strip().splitlines()
        columns = [match for line in lines if (match := _COLUMN.match(line))]
        found[name] = {match["name"]: (match["kind"], match["said"] or "") for match in columns}
    return found


def _titles(source: str) -> dict[str, str]:
    """Table -> the title of the part of the module in which it stands."""
    starts = [(source[: found.start()].count("\n") + 1, found["title"]) for found in _SECTION.finditer(source)]
    return {name: [title for line, title in starts if line < call.lineno][-1] for name, call in _calls(source)}


def commands_page(specs: Sequence[JobSpec]) -> str:
    """Every command with its own options, the options of all, and the exit codes."""
    out = [
        "# Commands",
        "",
        "In the order in which data walks through them. `segmentation COMMAND --help` says the same.",
    ]
    for spec in specs:
        parser = argparse.ArgumentParser(add_help=False)
        spec.arguments(parser)
        out += ["", f"## segmentation {spec.name} {{ #{spec.name} }}", "", _sentence(spec.help), ""]
        out += _options(parser) if parser._actions else ["No options of its own."]
    common = argparse.ArgumentParser(add_help=False)
    add_common_arguments(common)
    out += ["", "## Options of every command { #options }", "", *_options(common)]
    out += ["", "## Exit codes { #exit-codes }", "", *_head("Code", "Meaning")]
    for code in Exit:
        comment = re.search(rf"{code.name} = \d+ *(?:# (.*))?\n", inspect.getsource(Exit) + "\n")
        meaning = comment[1] if comment and comment[1] else code.name.lower().replace("ok", "done")
        out.append(_row(str(int(code)), _plain(meaning)))
    return "\n".join(out) + "\n"


def _options(parser: argparse.ArgumentParser) -> list[str]:
    lines = _head("Option", "Meaning")
    for action in parser._actions:
        choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else "VALUE"
        value = "" if action.nargs == 0 else f" {action.metavar or choices}"
        name = f"`{', '.join(action.option_strings)}{value}`"
        meaning = f"{action.help or ''}{'; needed' if action.required else ''}"
        lines.append(_row(name, _plain(meaning % vars(action) if "%(" in meaning else meaning)))
    return lines


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _plain(text: str) -> str:
    """Text that Markdown takes as it is: no tags, no emphasis, no attribute lists outside of backticks."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"[*_<{]", lambda found: f"&#{ord(found[0])};", part) for part in parts[::2]]
    return "`".join(parts)


def _sentence(text: str) -> str:
    plain = _plain(text).rstrip(".")
    return f"{plain[0].upper()}{plain[1:]}." if plain else ""
