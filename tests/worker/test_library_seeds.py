"""Libraries with random generators of their own are seeded: those that are loaded, and those that a run loads."""

import random
import sys
import textwrap

import gymnasium
import numpy as np
import pytest

from simmanager import OneShot, SimulationManager
from simmanager.worker.library_seeds import LibrariesSeeded, seed_libraries

#: A library whose numbers differ in each process unless it is seeded.
TORCH = """
import random
_own = random.Random()
def manual_seed(seed):
    _own.seed(seed)
def rand():
    return _own.random()
"""


@pytest.fixture
def torch(tmp_path, monkeypatch):
    """A module of that name, which nobody has imported yet."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    (folder / "torch.py").write_text(textwrap.dedent(TORCH))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield folder
    sys.modules.pop("torch", None)


def draw():
    import torch  # in the run: nothing of it is loaded before

    return {"drawn": torch.rand()}


def sample():
    env = gymnasium.make("CartPole-v1")
    space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Box(0, 1), "b": gymnasium.spaces.Discrete(1000)})
    drawn = space.sample()
    return {"state": env.reset()[0].astype(float), "a": float(drawn["a"][0]), "b": float(drawn["b"])}


def numbers(function, name, **options):
    manager = SimulationManager([OneShot(function, {}, "one")], 4, name, seed=1)
    manager.run_all(**options)
    return [{key: list(map(float, values)) for key, values in loaded(manager, run).items()} for run in range(4)]


def loaded(manager, run):
    history = manager.load_results("one", run)[2]
    return {key: values if hasattr(values, "__len__") else [values] for key, values in history.items()}


def test_a_library_that_a_run_imports_is_seeded(torch):
    one = numbers(draw, "one_worker", n_jobs=1)
    assert one == numbers(draw, "a_worker_for_each_run", n_jobs=1, fresh_process=True)
    assert len({run["drawn"][0] for run in one}) == 4


def test_gymnasium_without_a_seed_draws_what_the_seed_of_the_run_says():
    one = numbers(sample, "one_worker", n_jobs=1)
    assert one == numbers(sample, "a_worker_for_each_run", n_jobs=1, fresh_process=True)
    assert len({tuple(run["state"]) for run in one}) == 4


def test_the_import_hook_is_taken_out_after_the_run(torch):
    before = list(sys.meta_path)
    with LibrariesSeeded(1):
        assert sys.meta_path[1:] == before
        import torch as found

        assert found.__spec__.loader.get_source("torch").strip() == TORCH.strip()  # the loader is what it was
        drawn = found.rand()
    assert sys.meta_path == before
    found.manual_seed(1)
    assert found.rand() == drawn
    with LibrariesSeeded(1):
        seed_libraries(1)
        assert found.rand() == drawn


def test_an_import_that_draws_leaves_the_generators_where_they_were(torch):
    (torch / "torch.py").write_text(TORCH + "import random, numpy\nrandom.random()\nnumpy.random.random()\n")
    states = random.getstate(), np.random.get_state()[1].tolist()
    with LibrariesSeeded(1):
        import torch as _  # noqa: F401
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def test_a_library_that_cannot_be_imported_raises_what_it_raises(torch):
    (torch / "torch.py").write_text("raise RuntimeError('no GPU')")
    with LibrariesSeeded(1), pytest.raises(RuntimeError, match="no GPU"):
        import torch as _  # noqa: F401
    with LibrariesSeeded(1), pytest.raises(ModuleNotFoundError, match="brian2"):
        import brian2  # noqa: F401


def test_gymnasium_is_as_it_was_after_the_run():
    np_random = gymnasium.utils.seeding.np_random
    with LibrariesSeeded(1):
        drawn = gymnasium.spaces.Discrete(10**6).sample()
        seed_libraries(1)  # as before a metric
        assert gymnasium.spaces.Discrete(10**6).sample() == drawn
        assert gymnasium.utils.seeding.np_random(3)[1] == 3
    assert gymnasium.utils.seeding.np_random is np_random


def test_a_seed_of_the_user_counts():
    first = []
    for seed in (1, 2):
        with LibrariesSeeded(seed):
            first.append(gymnasium.spaces.Discrete(10**6, seed=5).sample())
    assert first[0] == first[1]
