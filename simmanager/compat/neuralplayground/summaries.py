"""Summaries for results that NeuralPlayground wrote: what tables and figures read without unpickling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...base.public import public
from ...batch.neuralplayground_folder import raise_if_missing
from ...disk.run_folder import RunFolder
from ...disk.state import RunState
from ...disk.summary import write_summary
from ...status.reader import read_status


@public("simmanager.compat.neuralplayground")
def summarise_results(path: str | Path) -> int:
    """Write ``summary.npz`` into every finished run that has none, so that its curves can be read and drawn.

    This unpickles the training histories: only for your own folders. Nothing else in the folder is touched.

    Parameters
    ----------
    path : path-like
        A folder of NeuralPlayground's results, or one run of it.

    Returns
    -------
    int
        How many summaries were written.

    Raises
    ------
    BatchNotFound
        There are no runs.
    ResultsMissing
        A finished run has no training history.
    SimManagerError
        A training history is damaged; names the file.
    PackageMissing
        NeuralPlayground is not installed, and a history holds objects of it.
    """
    folders = [RunFolder(run.path) for run in read_status(path).runs if run.state is RunState.FINISHED]
    without = [folder for folder in folders if not folder.summary.exists()]
    for folder in without:
        _summarise(folder)
    return len(without)


def _summarise(folder: RunFolder) -> None:
    try:
        history = folder.load(folder.history)
    except ModuleNotFoundError as error:
        raise_if_missing(error)
        raise
    curves = history if isinstance(history, Mapping) else {}  # a model that records nothing, or TEM
    folder.write(folder.summary.name, lambda scratch: write_summary(scratch, curves))
