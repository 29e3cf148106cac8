"""What a user reads when a run fails: their file, line and source, as they were when the batch was made."""

import json
import linecache
from pathlib import Path

import pytest
from toys import ToyArena, python, toy_sim

from simmanager import SimulationManager, SingleSim, read_status
from simmanager.base.user_frames import location, traceback_text, users_frame
from simmanager.batch.python_file import load_simulations
from simmanager.disk.sources import keep_sources, kept_sources

RING = """\
from toys import ToyArena, toy_loop
from simmanager import SingleSim, default_training_loop

class Agent:
    def __init__(self, how="act"):
        self.how = how

    def act(self, obs):
        if self.how == "act":
            return self.choose(obs)
        return 0.0

    def choose(self, obs):
        raise ValueError("no such place")  # as it was

    def update(self):
        return {}

def summed(agent, env, history):
    return history["no such key"]  # of a metric

def sim(name, loop=toy_loop, **more):
    return SingleSim(simulation_id=name, agent_class=Agent, env_class=ToyArena, training_loop=loop, **more)

simulation_list = [sim("toys"), sim("ours", default_training_loop, training_loop_params={"n_steps": 3}),
                   sim("metric", agent_params={"how": ""}, metrics={"summed": summed})]
"""

CHOOSE, ACT = RING.splitlines().index('        raise ValueError("no such place")  # as it was') + 1, 10


@pytest.fixture
def ring(tmp_path):
    """A batch of a script that has changed since, at every line."""
    Path("ring.py").write_text(RING)
    _, simulations = load_simulations("ring.py")
    manager = SimulationManager(simulations, 1, "batch", seed=1)
    manager.generate_sim_paths()
    Path("ring.py").write_text("# something else\n" * 60)
    linecache.checkcache()
    manager.run_all(1, progress=False)
    return manager


def test_the_traceback_of_code_by_value_shows_its_source_as_it_was(ring):
    log = ring.runs[0].read_log("error")
    assert (
        f'File "{Path("ring.py").absolute()}", line {CHOOSE}, in choose\n    raise ValueError("no such place")' in log
    )
    assert f"line {ACT}, in act\n    return self.choose(obs)" in log
    assert log.endswith("ValueError: no such place\n")
    assert "something else" not in log


def test_the_reason_begins_with_the_innermost_place_in_the_users_code(ring):
    reason = f"ring.py:{CHOOSE} in choose: ValueError: no such place"
    status = ring.status()
    assert [status.simulation(name)[0].reason for name in ("toys", "ours", "metric")] == [reason, reason, ""]
    assert json.loads(ring.runs[0].record.read_text())["reason"] == reason
    assert reason in str(ring.results().runs[0].error)


def test_frames_of_this_package_are_folded(ring):
    log = ring.runs[1].read_log("error")
    assert log.splitlines()[1].strip().startswith("... ")
    assert log.splitlines()[1].strip().endswith(" frames of simmanager ...")
    assert "simmanager/" not in log
    assert log.count('File "') == 2


def test_the_traceback_of_a_metric_shows_its_source(ring):
    assert 'return history["no such key"]  # of a metric' in ring.runs[2].read_log("error")


def test_each_simulation_keeps_the_source_that_it_was_made_with(tmp_path):
    Path("ring.py").write_text(RING)
    manager = SimulationManager(load_simulations("ring.py")[1][:1], 1, "batch", seed=1)
    manager.run_all(1, progress=False)
    Path("ring.py").write_text("\n\n" + RING.replace("as it was", "newer").replace('"toys"', '"later"'))
    linecache.checkcache()
    manager.add(load_simulations("ring.py")[1][:1])
    manager.run_all(1, progress=False)
    assert "as it was" in Path(manager.runs[0].path, "error.log").read_text()
    assert "newer" in manager.runs[1].read_log("error")
    assert manager.status().simulation("later")[0].reason.startswith(f"ring.py:{CHOOSE + 2} in choose")


def test_an_older_source_is_dropped_with_the_simulation_that_used_it(tmp_path):
    for text in ("def f():\n    return 1\n", "def f():\n    return 2\n"):
        Path("mine.py").write_text(text)
        linecache.checkcache()
        keep_sources(tmp_path, {"a": pickled_name(tmp_path / "mine.py")}, {})
    assert [s.text for s in kept_sources(tmp_path / "a" / "simulation.pkl").values()] == ["def f():\n    return 2\n"]
    assert "return 1" not in (tmp_path / "sources.json").read_text()


def pickled_name(path):
    import pickle

    return pickle.dumps(str(path), protocol=5)


def test_the_name_of_a_file_is_found_behind_bytes_that_look_like_one(tmp_path):
    (tmp_path / "mine.py").write_text("1\n")
    for before in (b"X", b"XX", b"\x8c", b"X\x8cX", b""):
        keep_sources(tmp_path, {"a": before + pickled_name(tmp_path / "mine.py")[2:]}, {})
        assert list(kept_sources(tmp_path / "a" / "simulation.pkl")) == [str(tmp_path / "mine.py")], before


def test_long_paths_are_found(tmp_path):
    folder = tmp_path / ("d" * 200) / ("e" * 200)
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text("1\n")
    keep_sources(tmp_path, {"a": pickled_name(folder / "mine.py")}, {})
    assert list(kept_sources(tmp_path / "a" / "simulation.pkl")) == [str(folder / "mine.py")]


def test_a_batch_whose_code_is_imported_keeps_no_source(tmp_path):
    SimulationManager([toy_sim()], 1, "batch", seed=1).run_all(1, progress=False)
    assert not Path("batch/sources.json").exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"texts": {}, "simulations": {"toys": {"x.py": {"sha256": "1"}}}}']
)
def test_damaged_sources_cost_the_lines_of_the_traceback_only(content, tmp_path):
    Path("ring.py").write_text(RING)
    manager = SimulationManager(load_simulations("ring.py")[1][:1], 1, "batch", seed=1)
    manager.generate_sim_paths()
    Path("batch/sources.json").write_text(content)
    manager.run_all(1, progress=False)
    assert f"line {CHOOSE}, in choose" in manager.runs[0].read_log("error")


def test_the_cells_of_a_notebook_are_shown_by_their_number(tmp_path):
    pytest.importorskip("IPython")
    run = "from simmanager import SimulationManager as M; M([sim('toys')], 1, 'batch').run_all(1, progress=False)"
    program = f"""
from IPython.core.interactiveshell import InteractiveShell
for cell in ("first = 1", {RING.partition("simulation_list")[0]!r}, {run!r}):
    InteractiveShell.instance().run_cell(cell, store_history=True)
"""
    done = python(program, environ={"IPYTHONDIR": str(tmp_path / "ipython")})
    assert done.returncode == 0, done.stderr
    (run,) = read_status("batch").runs
    assert run.reason == f"In[2]:{CHOOSE} in choose: ValueError: no such place"
    log = Path(run.path, "error.log").read_text()
    assert f'Cell In[2], line {CHOOSE}, in choose\n    raise ValueError("no such place")  # as it was' in log


def test_a_run_in_this_process_leaves_the_lines_that_it_knows_alone(tmp_path, capfd):
    Path("ring.py").write_text(RING)
    manager = SimulationManager(load_simulations("ring.py")[1][:1], 1, "batch", seed=1)
    manager.generate_sim_paths()
    Path("ring.py").write_text("# something else\n")
    name = str(Path("ring.py").absolute())
    linecache.checkcache(name)
    with pytest.raises(ValueError, match="no such place"):
        manager.run_all(1, progress=False, in_process=True)
    assert "as it was" in capfd.readouterr().err
    assert linecache.getlines(name) == ["# something else\n"]


# The pieces ----------------------------------------------------------------------------------------------------


def raised(function, *arguments):
    try:
        function(*arguments)
    except BaseException as error:
        return error
    raise AssertionError("it did not raise")


def fails_with_a_cause():
    try:
        json.loads("{")
    except ValueError as error:
        raise RuntimeError("no settings") from error


def test_the_place_is_that_in_the_users_code_also_if_a_library_raised():
    error = raised(lambda: json.loads("{"))
    assert location(error, {}).startswith("test_tracebacks.py:")
    assert location(error, {}).endswith(" in <lambda>")
    frame = users_frame(error, {})
    while frame.tb_next is not None:
        frame = frame.tb_next
    assert frame.tb_frame.f_code.co_name == "<lambda>"


def test_an_error_that_was_raised_in_this_package_has_no_place():
    from simmanager.base.checks import check_integer

    error = raised(check_integer, "n", "x")
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # without the frames of the test
    assert location(error, {}) == ""
    assert users_frame(error, {}) is error.__traceback__


def test_causes_and_groups_are_told():
    text = traceback_text(raised(fails_with_a_cause), {})
    assert "JSONDecodeError" in text
    assert "direct cause" in text
    assert text.endswith("RuntimeError: no settings\n")
    group = ExceptionGroup("two", [ValueError("one"), KeyError("other")])
    assert "ValueError: one" in traceback_text(group, {})
    assert "KeyError: 'other'" in traceback_text(group, {})


def test_the_innermost_frame_is_shown_even_if_it_is_ours():
    assert isinstance(raised(SingleSim(env_class=ToyArena, agent_class=ToyArena, training_loop=max).run_sim), TypeError)
    assert 'recipe["training_loop"]' in Path("results_sim/error.log").read_text()
