"""What every notebook keeps to: it reads and shows, whoever opens it and wherever."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from nbformat import NotebookNode

from segmentation import schemas
from segmentation.notebook import open_house
from tests.notebooks.running import NOTEBOOKS, code_cells, read, tagged

#: what notebooks may use beside the package
ALLOWED = ("pandas", "IPython.display")
#: of DataFrames, writers, files and sessions: whatever leaves something behind
WRITES = re.compile(
    r"^(write\w*|save\w*|insertInto|to_(?!dict|list|numpy|string|frame)\w+|create\w*|sql|publish|replace\w*)$"
)
DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Global)
#: tables that `segmentation run` does not write
LATER = ("ACCOUNT_POSITIONS", "SEGMENT_MOVES", "CHURN_SCORES", "CHURN_METRICS", "ACCOUNT_VALUES", "INDUSTRY_SUSPECTS")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def trees(notebook: NotebookNode) -> list[ast.AST]:
    """Every node of every code cell; a cell with a magic does not parse."""
    return [node for cell in code_cells(notebook) for node in ast.walk(ast.parse(cell.source))]


def test_the_five_are_there_in_order() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_logs",
        "02_basetable",
        "03_segments",
        "04_industries",
        "05_what_to_do_next",
    ]


@every_notebook
def test_it_is_committed_as_if_never_run(path: Path) -> None:
    notebook = read(path)
    assert [cell.outputs for cell in code_cells(notebook) if cell.outputs] == []
    assert {cell.execution_count for cell in code_cells(notebook)} == {None}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert {key for cell in notebook.cells for key in cell.metadata} == {"tags"}


@every_notebook
def test_it_defines_nothing_and_writes_nothing(path: Path) -> None:
    nodes = trees(read(path))
    assert [ast.unparse(node) for node in nodes if isinstance(node, DEFINES)] == []
    called = [node for node in nodes if isinstance(node, ast.Call)]
    methods = {call.func.attr for call in called if isinstance(call.func, ast.Attribute)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert {name for name in methods if WRITES.match(name)} == set()
    assert attributes & {"write", "writeTo", "writeStream", "rdd", "sparkContext", "_jvm", "_job"} == set()
    functions = {call.func.id for call in called if isinstance(call.func, ast.Name)}
    assert functions & {"open", "exec", "eval", "globals", "setattr", "get_ipython"} == set()


@every_notebook
def test_it_uses_the_package_pandas_and_display_alone(path: Path) -> None:
    nodes = trees(read(path))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    modules = plain | {str(node.module) for node in named}
    assert {name for name in modules if name not in ALLOWED and not name.startswith("segmentation.")} == set()
    for node in named:
        module = import_module(str(node.module))
        # a package's modules are names of it too
        inside = {file.stem for place in getattr(module, "__path__", []) for file in Path(place).glob("*.py")}
        missing = [alias.name for alias in node.names if not hasattr(module, alias.name) and alias.name not in inside]
        assert missing == [], f"{node.module} has not {missing}"


@every_notebook
def test_it_names_no_place_of_one_machine(path: Path) -> None:
    notebook = read(path)
    texts = [node.value for node in trees(notebook) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if re.match(r"/|~|[A-Za-z]:\\|dbfs:|file:|s3", text)] == []


@every_notebook
def test_its_parameters_are_plain_values_in_the_first_code_cell(path: Path) -> None:
    first, *others = code_cells(read(path))
    assert tagged(first)
    assert not any(tagged(cell) for cell in others)
    set_there = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(first.source).body}
    assert set_there == {"data_dir": "../data", "as_of": None, "profile": None, "settings": []}
    assert set(set_there) == set(open_house.__annotations__) - {"return"}
    assert first.source == code_cells(read(NOTEBOOKS[0]))[0].source


@every_notebook
def test_it_is_to_be_read(path: Path) -> None:
    cells = read(path).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {int(path.stem[:2])} · ")
    sections = [cell for cell in cells if cell.cell_type == "markdown" and "\n## " in f"\n{cell.source}"]
    assert len(sections) >= 3
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    assert words >= 300
    assert max(cell.source.count("\n") for cell in cells if cell.cell_type == "code") < 20
    kinds = "".join(cell.cell_type[0] for cell in cells)
    assert "ccc" not in kinds[3:]  # after the opening, code does not run on without a word


@every_notebook
def test_a_table_that_may_be_missing_is_asked_for_first(path: Path) -> None:
    nodes = trees(read(path))
    of_house = [
        (node.func.attr, arg.id)
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        for arg in node.args
        if isinstance(arg, ast.Name) and hasattr(schemas, arg.id)
    ]
    asked = {table for method, table in of_house if method == "has"}
    read_here = {table for method, table in of_house if method in {"at", "read", "rows_at"}}
    assert (read_here & set(LATER)) - asked - ({"CHURN_METRICS"} & asked) == set()
    assert read_here, "a notebook reads tables"


@every_notebook
def test_the_next_one_is_there(path: Path) -> None:
    named = [name for cell in read(path).cells for name in re.findall(r"`(\d\d_\w+\.ipynb)`", cell.source)]
    assert [name for name in named if not (path.parent / name).is_file()] == []
