"""The house rules that a script can enforce, and the linters, so that one command tells whether a change fits."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = sorted((ROOT / "segmentation").rglob("*.py"))
STAGES = (
    "events", "features", "basetable", "models", "segments", "industries", "outlook", "exploration", "reports",
)  # fmt: skip
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_linter_has_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_modules_stay_small() -> None:
    """All but the tables' shapes, which are one page to be read from top to bottom."""
    modules = [p for p in PACKAGE if p != ROOT / "segmentation" / "schemas.py"]
    assert {str(p.relative_to(ROOT)): _lines(p) for p in modules if _lines(p) > 280} == {}


def test_functions_stay_small() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in PACKAGE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno >= 40
    }
    assert long == {}


def test_names_say_something() -> None:
    assert [p for p in PACKAGE if p.stem in {"utils", "helpers", "common", "misc"}] == []


def test_what_is_imported_is_declared() -> None:
    """Others may cease to bring it along; these three come with whatever calls for them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {canonicalize_name(Requirement(one).name) for one in asked}
    trees = [ast.parse(p.read_text(encoding="utf-8")) for p in [*PACKAGE, *(ROOT / "tests").rglob("*.py")]]
    nodes = list(chain(*map(ast.walk, trees)))
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    modules, bring = {name.partition(".")[0] for name in named}, packages_distributions()
    others = modules - {*sys.stdlib_module_names, "segmentation", "tests", "benchmarks"}
    undeclared = {one for one in others if not declared.intersection(map(canonicalize_name, bring.get(one, [])))}
    assert undeclared == {"IPython", "grpc", "py4j"}


def test_entry_points_only_start_a_job() -> None:
    assert {p.name: _lines(p) for p in (ROOT / "jobs").glob("*.py") if _lines(p) > 15} == {}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\.sparkContext|\.rdd\b|\._jvm|\._jdf", "Spark Connect has none of it"),
        (r"getOrCreate|SparkSession\.builder", "sessions start in stores/spark.py"),
        (r"datetime\.now|time\.time\(|current_timestamp|current_date", "the job hands the time in"),
        (r"\.write\b|\bspark\.read\b|open\(", "stages neither read nor write"),
        (r"countDistinct|(?<!approx_)count_distinct", "masks merge, distinct counts do not; estimates do"),
    ],
)
def test_stages_keep_to_frames_and_values(pattern: str, why: str) -> None:
    stage_files = [p for p in PACKAGE if p.relative_to(ROOT / "segmentation").parts[0] in STAGES]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in stage_files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line.split("#")[0])
    ]
    assert found == [], why


def test_only_the_session_factory_reaches_into_the_jvm() -> None:
    """So that everything else runs as a client of Spark Connect, which has no JVM to reach into."""
    factory = {"spark.py", "submitted.py"}
    inner = re.compile(r"\.sparkContext\b|\bSparkContext\b|\._jvm\b|\._jdf\b|\.rdd\b|\b_sc\b|\bpy4j\.")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*PACKAGE, *(ROOT / "jobs").glob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]
        if path.name not in factory
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if inner.search(line.split("#")[0])
    ]
    assert found == []
