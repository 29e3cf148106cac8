"""The benchmarks run and give well-formed records; how fast anything is, is not for tests."""

from __future__ import annotations

import importlib
import json
import re

import pytest

from benchmarks import MODULES, harness, peers
from benchmarks.__main__ import results_page
from benchmarks.harness import Figure, Record, Settings, at_least, at_most

pytestmark = pytest.mark.slow

TINY = Settings("tiny", pairs=1, peers=False)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_measures_without_peers_and_gives_a_well_formed_record(name, tmp_path):
    module = importlib.import_module(f"benchmarks.{name}")
    record = harness.run_module(module.measure, TINY, results=tmp_path)
    content = json.loads((tmp_path / f"{name}-tiny.json").read_text())
    assert content["name"] == record.name == name
    assert set(content["machine"]) >= {"cpu", "cores", "kernel", "python", "versions", "date"}
    assert any(row["who"].startswith(harness.OURS) for row in content["rows"])
    for row in content["rows"]:
        assert len(row["samples"]) == 1
        assert row["min"] <= row["median"] <= row["max"]
        assert row["who"] and row["what"] and row["unit"]
    assert content["figures"], "a module judges something"
    for figure in content["figures"]:
        assert figure["verdict"] in ("", "reached", "MISSED", "not measured")
    table = record.as_markdown()
    assert record.question in table
    assert "these numbers do not count" in table
    widths = [re.sub(r"\\\|", "", line).count("|") for line in table.splitlines() if line.startswith("|")]
    assert set(widths) <= {6, 7}, "all rows of a table have as many cells as its head"


def test_a_figure_says_whether_it_reached_its_target():
    assert Figure("x", "s", [0.2, 0.3, 9.0], at_most(0.3)).verdict == "reached"
    assert Figure("x", "s", [0.2, 0.31, 9.0], at_most(0.3)).verdict == "MISSED"
    assert Figure("x", "x", [61.0], at_least(60)).verdict == "reached"
    assert Figure("x", "x", [], at_least(60)).verdict == "not measured"
    assert Figure("x", "x", [1.0]).verdict == ""


def test_contenders_take_turns_and_a_peer_that_fails_is_named():
    order = []

    def contender(name):
        def work():
            order.append(name)
            if name == "peer" and order.count("peer") == 2:
                raise RuntimeError("traceback\nit broke")
            return {"wall_s": 2.0 if name == "peer" else 1.0}

        return work

    record = Record("x", "?", "", "tiny")
    contenders = {name: contender(name) for name in ("simmanager", "peer")}
    measured = harness.in_turns(contenders, 3, record, warm_up="simmanager")
    assert order == ["simmanager", "simmanager", "peer", "simmanager", "peer", "simmanager"]
    assert measured.ratios("peer", "simmanager", "wall_s") == []
    assert record.missing == ["peer: it failed (it broke)"]
    assert "it broke" in record.as_markdown()


def test_ratios_are_taken_turn_by_turn():
    measured = harness.Measured({"a": {"s": [1.0, 9.0]}, "b": {"s": [2.0, 3.0]}})
    assert measured.ratios("a", "b", "s") == [0.5, 3.0]


def test_a_missing_peer_is_named_and_not_silently_skipped(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMMANAGER_NPG_PYTHON", str(tmp_path / "nowhere" / "python"))
    record = Record("x", "?", "", "tiny")
    assert not peers.present(peers.NPG, Settings(), record)
    assert "NeuralPlayground" in record.missing[0]
    assert "python -m benchmarks.peers" in record.missing[0]


def test_a_program_that_fails_is_told_with_what_it_said(tmp_path):
    with pytest.raises(RuntimeError, match="tell"):
        harness.run_program("python", "tell_nothing", folder=tmp_path)


def test_the_page_names_the_machine_and_what_was_missed():
    record = Record("status", "how long?", "This with that.", "full", machine=harness.machine())
    record.judge("a call", "s", [2.0], at_most(1))
    page = results_page([record])
    assert record.machine["cpu"] in page
    assert "0 of 1 targets reached" in page
    assert "- status: a call: 2, target ≤ 1" in page
