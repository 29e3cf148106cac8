"""Makes the pictures of the README from real batches: ``python scripts/pictures/make.py``.

The picture of the page needs playwright and Chromium (see tests/test_report_browser.py).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

SCRIPT = """
from simmanager import SimulationManager
from simmanager.cli.demo import demo_simulations
custom, weber, stachenfeld = demo_simulations()
broken = weber.copy(simulation_id="weber_broken", agent_params={**weber.agent_params, "etaexc": "fast"})
stachenfeld = stachenfeld.copy(training_loop_params={"t_episode": 1000, "n_episode": 200})
SimulationManager([custom, broken, stachenfeld], 4, "tonight", seed=1).run_all(2, progress=False)
"""


COMPARED = """
from simmanager import SimulationManager, sweep
from simmanager.default_simulation import stachenfeld_in_2d
from simmanager.analysis.grid_score import best_grid_score
learning_rates = sweep(
    stachenfeld_in_2d.copy(
        simulation_id="SR",
        training_loop_params={"t_episode": 100, "n_episode": 100},
        metrics={"grid_score": best_grid_score},
    ),
    {"agent_params.lr_td": [0.001, 0.01, 0.1, 0.5]},
)
learning_rates[1].agent_params["lr_td"] = "0.01"
SimulationManager(learning_rates, 10, "learning_rates", seed=2018).run_all(2, progress=False)
"""


def main() -> None:
    """Make both pictures."""
    picture_status()
    picture_report()


def picture_status() -> None:
    """Run a batch in another process and draw its status as a second terminal sees it in the middle."""
    from rich.console import Console

    from simmanager.status.reader import read_status
    from simmanager.status.tree import status_view

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        batch = subprocess.Popen([sys.executable, "-c", SCRIPT])
        while not Path("tonight/manager.json").exists():
            time.sleep(0.05)
        status = read_status("tonight")
        while status.counts["running"] < 2 or status.counts["finished"] < 6 or (status.runs[-2].fraction or 0) < 0.2:
            time.sleep(0.1)
            status = read_status("tonight")
        console = Console(record=True, width=118, file=io.StringIO(), highlight=False, markup=False, emoji=False)
        console.print("$ simmanager status tonight", style="bold")
        console.print(status_view(status))
        batch.wait()
    svg = console.export_svg(title="a second terminal, while the batch runs")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # no fonts from the network
    (HERE / "status.svg").write_text(svg, encoding="utf-8")


def picture_report() -> None:
    """Compare four learning rates, one of them mistyped, and take a picture of the upper part of the page."""
    from playwright.sync_api import sync_playwright

    from simmanager.report import write_report

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run([sys.executable, "-c", COMPARED], cwd=folder, check=True)
        os.chdir(folder)
        page = write_report("learning_rates").absolute()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": 1180, "height": 1400})
        tab.goto(page.as_uri())
        tab.screenshot(path=HERE / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
