"""Runs all benchmarks and rewrites RESULTS.md."""

from __future__ import annotations

import importlib
import traceback

from . import MODULES
from .harness import HERE, Record, Settings, machine_header, read_settings, run_module, say

_HOW = """\
How to reproduce: `pip install -e .`, then `python -m benchmarks.peers` (makes the peers' environments under `.envs/`;
GNU parallel is the Debian package `parallel`), then `python -m benchmarks` on a quiet machine. One module:
`python -m benchmarks.status`. Contenders take turns A B A B; ratios are taken turn by turn. The raw samples are in
`benchmarks/results/*.json`.
"""


def results_page(records: list[Record]) -> str:
    """Return RESULTS.md: the machine, the targets that were missed, then each module."""
    missed = [(record.name, figure) for record in records for figure in record.figures if figure.verdict == "MISSED"]
    judged = [figure for record in records for figure in record.figures if figure.target]
    reached = sum(figure.verdict == "reached" for figure in judged)
    lines = ["# Benchmarks", "", machine_header(records[0].machine), "", _HOW]
    lines += [f"{reached} of {len(judged)} targets reached.", ""]
    if missed:
        lines += ["Missed:", ""]
        for name, figure in missed:
            reason = f". {figure.if_missed}" if figure.if_missed else ""
            lines += [f"- {name}: {figure.what}: {figure.median:.3g}, target {figure.target}{reason}"]
        lines += [""]
    return "\n".join(lines) + "\n" + "\n".join(record.as_markdown() for record in records)


def run_all(settings: Settings) -> list[Record]:
    """Run every module; one that fails is told and does not end the others."""
    records = []
    for name in MODULES:
        say(f"== {name}")
        try:
            records.append(run_module(importlib.import_module(f"benchmarks.{name}").measure, settings))
        except Exception as error:
            traceback.print_exc()
            records.append(Record(name, "failed", f"**It failed: {type(error).__name__}: {error}**", settings.size))
    return records


def main() -> None:
    """Run all from the command line."""
    settings = read_settings(description=__doc__ or "")
    page = results_page(run_all(settings))
    target = HERE / ("RESULTS.md" if settings.size == "full" else "RESULTS-quick.md")
    target.write_text(page, encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
