"""Other packages' scripts and folders: what is known of them is known here alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..batch_folder import BatchFolder


def open_batch(path: Path) -> tuple[BatchFolder, list[Any] | None]:
    """Return the folder of a batch, and its simulations if the folder was made by another package.

    Parameters
    ----------
    path : Path
        The folder. One of another package is unpickled: only for your own folders.

    Raises
    ------
    BatchDamaged
        It was made by another package and cannot be read.
    PackageMissing
        The package that made it is not installed.
    """
    folder = BatchFolder(path)
    if not folder.manifest_file.exists():
        from .neuralplayground.batch import PARAMETERS, NeuralPlaygroundBatch

        if (path / PARAMETERS).is_file():
            theirs = NeuralPlaygroundBatch(path)
            return theirs, theirs.simulations
    return folder, None
