"""Draws the pictures that test_plots.py compares with, anew: ``python tests/baseline/make.py``. Look at them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = next(folder for folder in HERE.parents if folder.name == "tests")
(TEST_PLOTS,) = TESTS.rglob("test_plots.py")
sys.path[:0] = [str(TEST_PLOTS.parent), str(TESTS), str(TESTS.parent)]


def main() -> None:
    """Write one PNG for each picture."""
    import matplotlib as mpl
    from test_plots import PICTURES, a_batch, picture

    from simmanager import read_results

    with tempfile.TemporaryDirectory() as folder, mpl.style.context("default"):
        results = read_results(a_batch(Path(folder, "batch")))
        for name, draw in PICTURES.items():
            picture(lambda ax, draw=draw: draw(results, ax), HERE / f"{name}.png")


if __name__ == "__main__":
    main()
