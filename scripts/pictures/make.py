"""Makes the pictures of the README from a real batch: ``python scripts/pictures/make.py``."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

SCRIPT = """
from simmanager import SimulationManager
from simmanager.demo import demo_simulations
custom, weber, stachenfeld = demo_simulations()
broken = weber.copy(simulation_id="weber_broken", agent_params={**weber.agent_params, "etaexc": "fast"})
stachenfeld = stachenfeld.copy(training_loop_params={"t_episode": 1000, "n_episode": 200})
SimulationManager([custom, broken, stachenfeld], 4, "tonight", seed=1).run_all(2, progress=False)
"""


def main() -> None:
    """Run a batch in another process and draw its status as a second terminal sees it in the middle."""
    from rich.console import Console

    from simmanager.display import status_view
    from simmanager.status import read_status

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


if __name__ == "__main__":
    main()
