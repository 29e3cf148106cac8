"""What a notebook shows of simulations, batches and runs: small, escaped pieces of HTML."""

from __future__ import annotations

import dataclasses
import sys

from kernels import execute, of_jupyter
from pages import EVIL, Page, many_runs
from places import HELPERS
from toys import BOOM, failing_loop, python, toy_sim

import simmanager.status.progress_bar as shown
from simmanager import SimulationManager, SingleSim
from simmanager.results.results import read_results
from simmanager.status.html import progress_html
from simmanager.status.progress_bar import Progress
from simmanager.status.reader import read_status


def text_of(thing):
    return Page(thing._repr_html_()).text()


def test_a_simulation_shows_its_parts_and_parameters():
    text = text_of(toy_sim("mine", n_steps=7))
    for word in ("mine", "agent_class", "toys:ToyAgent", "gain", "2.0", "n_steps", "7"):
        assert word in text
    assert "SingleSim without an id" in text_of(SingleSim())


def test_a_batch_shows_what_it_will_be_and_then_how_it_stands(tmp_path):
    manager = SimulationManager([toy_sim("good"), toy_sim("bad", failing_loop)], 2, "batch", seed=1)
    text = text_of(manager)
    assert "2 simulations, 2 runs of each; not made yet" in text
    assert list(tmp_path.iterdir()) == []
    manager.run_all(1, progress=False)
    text = text_of(manager)
    for word in ("2 finished, 2 error of 4 runs", "good", "2 finished", f"2 failed: {BOOM}", "mean duration"):
        assert word in text, word
    assert manager.results_path in text
    assert text_of(manager.status()) in text


def test_a_run_shows_its_record(page_batch):
    status = read_status(page_batch)
    text = text_of(status.runs[0])
    assert "gain=0.5 run 0: finished" in text
    assert "duration_s" in text
    assert "reason" not in text, "what is not set is not shown"
    run = read_results(page_batch).runs[0]
    assert "last_position" in text_of(run)
    assert "agent_params.gain 0.5" in text_of(run)
    assert "ValueError: lr_td must be a number" in text_of(status.runs[-1])


def test_a_large_batch_is_shown_in_part():
    text = text_of(many_runs(100, 3).status)
    assert "sim_29" in text
    assert "sim_30" not in text
    assert "and 70 more" in text


def test_whatever_a_name_or_value_holds_is_text(tmp_path):
    sim = toy_sim(EVIL).copy(agent_params={EVIL: EVIL, "nested": {EVIL: [EVIL]}})
    for thing in (sim._repr_html_(), progress_html(EVIL, 0.5, [EVIL])):
        page = Page(thing)
        assert not {tag for tag, _ in page.elements} & {"img", "script", "pre"}
        assert "<script>alert(2)</script>" in page.text()
    folder = tmp_path / "b"
    run = folder / "<img src=x>" / "run_0_22-11-2026_14-15-33-591"
    run.mkdir(parents=True)
    (run / "state.log").write_text(f"2026-11-22T14:15:33.591Z\trunning\t\n2026-11-22T14:15:33.700Z\terror\t{EVIL}\n")
    status = read_status(folder)
    for thing in (status, status.runs[0], read_results(folder).runs[0]):
        page = Page(thing._repr_html_())
        assert not {tag for tag, _ in page.elements} & {"img", "script", "pre"}
        assert EVIL in page.text()
        assert "<img src=x>" in page.text()


def test_long_values_and_long_lists_are_cut():
    sim = toy_sim().copy(agent_params={f"p{i}": "x" * 500 for i in range(50)})
    html = sim._repr_html_()
    assert len(html) < 15_000
    assert "…" in html
    assert "and 20 more" in Page(html).text()


class Handle:
    """Takes the place of IPython's display handle."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, html) -> None:
        self.shown.append(html.data)


def test_failures_are_part_of_the_one_display(monkeypatch, capsys):
    from rich.console import Console

    handle = Handle()
    monkeypatch.setattr(shown, "console", lambda file=None: Console(force_jupyter=True))
    monkeypatch.setattr(shown, "_jupyter_display", lambda: handle)
    progress = Progress(3)
    with progress.shown():
        progress.ended("/b/sim/run_0", "finished", "")
        assert "failed" not in handle.shown[-1]
        progress.ended("/b/sim/run_1", "error", "ValueError: <b>")
    page = Page(handle.shown[-1])
    assert "2 of 3 runs done, 1 failed" in page.text()
    assert "error: /b/sim/run_1: ValueError: <b>" in page.text("code")
    assert ("progress", {"value": "0.6667", "max": "1", "style": "width:60ex"}) in page.elements
    assert capsys.readouterr().out == "", "nothing is printed beside it"


def test_ipython_is_not_loaded_where_there_is_none(tmp_path):
    done = python(
        "import sys; from toys import toy_sim; from simmanager import SimulationManager\n"
        "manager = SimulationManager([toy_sim()], 1, 'b'); manager.run_all(1); manager._repr_html_()\n"
        "print('loaded:', *[name for name in sys.modules if name.partition('.')[0] == 'IPython'])"
    )
    assert done.stdout.endswith("loaded:\n"), done.stdout + done.stderr


def test_damage_is_named(page_batch):
    status = dataclasses.replace(read_status(page_batch), damage=("manager.json is damaged", EVIL))
    assert "damaged: manager.json is damaged" in text_of(status)


def test_a_notebook_needs_no_jinja2(monkeypatch, page_batch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "9 finished, 3 error" in text_of(read_status(page_batch))


@of_jupyter
def test_a_cell_shows_a_bar_then_the_status_as_html(tmp_path, monkeypatch):
    code = (
        f"import sys; sys.path.insert(0, {str(HELPERS)!r})\nfrom toys import failing_loop, toy_sim\n"
        "from simmanager import SimulationManager\n"
        "sims = [toy_sim('good'), toy_sim('bad', failing_loop)]\n"
        "SimulationManager(sims, 2, 'batch', seed=1).run_all(2)"
    )
    (outputs,) = execute([code], tmp_path, monkeypatch)
    bars = [o for o in outputs if "<progress" in o.get("data", {}).get("text/html", "")]
    assert len(bars) == 1, "one display, updated in place"
    assert "4 of 4 runs done, 2 failed" in bars[0]["data"]["text/html"]
    assert "ValueError: boom" in bars[0]["data"]["text/html"]
    assert "2 failed: " in outputs[-1]["data"]["text/html"]
    assert "2 finished, 2 error" in outputs[-1]["data"]["text/plain"]
