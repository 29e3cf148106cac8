"""Notebooks in a real kernel of Jupyter, as a user executes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

#: What Jupyter itself does.
of_jupyter = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def execute(notebook: Any, folder: Path, monkeypatch: Any, timeout: float = 120.0) -> list[Any]:
    """Execute a notebook, or a list of cells, in a folder; return the outputs of each cell of code."""
    import nbformat
    from nbclient import NotebookClient

    for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(folder / variable))
    if isinstance(notebook, list):
        notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, notebook)))
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
