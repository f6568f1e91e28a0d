"""Reads, parametrises and runs the notebooks, as Jupyter and papermill do."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARAMETERS = "parameters"


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(cell: NotebookNode) -> bool:
    return PARAMETERS in cell.metadata.get("tags", [])


def with_parameters(notebook: NotebookNode, **values: object) -> NotebookNode:
    """The notebook with these values set behind the cell that names its parameters."""
    (place,) = [number for number, cell in enumerate(notebook.cells) if tagged(cell)]
    set_them = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(set_them))
    return notebook


def run(
    paths: Sequence[Path], data_dir: Path, go_on: bool = False, timeout: int = 300, **values: object
) -> NotebookNode:
    """All cells of the notebooks one after the other in one new kernel; the result holds them with their outputs.

    Raises CellExecutionError as Jupyter shows it, unless it is to go on behind a cell that fails.
    """
    together = nbformat.v4.new_notebook(metadata=read(paths[0]).metadata)
    for path in paths:
        together.cells += with_parameters(read(path), data_dir=str(data_dir), **values).cells
    for number, cell in enumerate(together.cells):
        cell.id = f"cell-{number}"  # unique in the whole
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}  # a notebook works in its own folder
    with tempfile.TemporaryDirectory() as scratch:
        # sockets in a folder: ports could be taken, and what goes over them could be read
        sockets = {"transport": "ipc", "connection_file": str(Path(scratch) / "kernel.json")}
        settings = Config(KernelManager=sockets)
        client = NotebookClient(
            together, config=settings, timeout=timeout, startup_timeout=180, allow_errors=go_on, resources=resources
        )
        return client.execute()


def printed(notebook: NotebookNode) -> str:
    """All that the cells have put out as text, below each other."""
    texts = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream":
                texts.append(output.text)
            elif output.output_type == "error":
                texts += output.traceback
            else:
                texts.append(output.data.get("text/plain", ""))
    return "\n".join(texts)


def images(notebook: NotebookNode) -> int:
    """How many figures the cells have drawn."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs if "data" in output]
    return sum("image/png" in output.data for output in outputs)
