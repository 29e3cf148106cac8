"""Histories that stay in their file until they are looked at."""

import functools
import io
import mmap
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from toys import toy_sim

from simmanager import SimulationManager, SingleSim
from simmanager.base.errors import ResultsMissing, SimManagerError
from simmanager.disk.mapped_pickle import MAP_ABOVE, load
from simmanager.disk.pickling import dump
from simmanager.training.model_state import same

pytestmark = pytest.mark.python_versions

LARGE = np.arange(20_000.0).reshape(100, 200)
READ_ONLY = LARGE.copy()
READ_ONLY.flags.writeable = False


class Odd:
    """Holds a buffer that is no array."""

    def __init__(self, content):
        self.content = content

    def __reduce__(self):
        return Odd, (self.content,)

    def __eq__(self, other):
        return type(self.content) is type(other.content) and self.content == other.content


THINGS = {
    "a history": {"vector": LARGE, "number": np.arange(30_000.0), "few": np.arange(5)},
    "columns first": {"a": np.asfortranarray(LARGE)},
    "read-only": {"a": READ_ONLY},
    "not contiguous": {"a": LARGE[::2, ::3]},
    "whole numbers": {"a": np.arange(100_000, dtype=np.int8), "b": np.arange(70_000) > 3},
    "structured": {"a": np.zeros(9000, dtype=[("x", float), ("n", np.int16)])},
    "large other things": {"text": "x" * 100_000, "bytes": b"y" * 70_000, "changeable": bytearray(90_000), "a": LARGE},
    "buffers of objects": {"odd": [Odd(b"z" * 100_000), Odd(bytearray(100_000))], "a": LARGE},
    "objects": {"a": np.array([LARGE, None, "text"], dtype=object)},
    "twice the same": {"a": LARGE, "b": LARGE},
    "long lists": {"list": list(map(float, range(60_000))), "a": LARGE},
    "nothing": {},
}


def written(thing, how, path):
    if how == "dump":
        dump(thing, path)
    else:
        path.write_bytes(pickle.dumps(thing, protocol=how))
    return path


def loaded(path):
    with path.open("rb") as file:
        return load(file)


def is_mapped(array):
    content = array
    while content is not None and not isinstance(content, mmap.mmap):
        content = content.obj if isinstance(content, memoryview) else getattr(content, "base", None)
    return content is not None


def n_open():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("how", ["dump", 5, 4, 2])
@pytest.mark.parametrize("name", THINGS)
def test_a_mapped_history_is_what_a_loaded_one_is(name, how, tmp_path):
    path = written(THINGS[name], how, tmp_path / "history")
    mine, theirs = loaded(path), pickle.loads(path.read_bytes())
    assert list(mine) == list(theirs)
    for one, other in zip(mine.values(), theirs.values(), strict=True):
        assert type(one) is type(other)
        assert same(one, other)
        if isinstance(one, np.ndarray):
            assert (one.dtype, one.strides) == (other.dtype, other.strides)
            assert one.flags.writeable == other.flags.writeable
    if name == "twice the same":
        assert mine["a"] is mine["b"]


@pytest.mark.parametrize("how", ["dump", 5])
def test_only_large_arrays_stay_in_the_file(how, tmp_path):
    history = loaded(written(THINGS["a history"], how, tmp_path / "history"))
    assert {key: is_mapped(array) for key, array in history.items()} == {"vector": True, "number": True, "few": False}
    assert LARGE.nbytes > MAP_ABOVE


def test_arrays_that_we_saved_are_aligned(tmp_path):
    history = loaded(written(THINGS["a history"], "dump", tmp_path / "history"))
    assert all(array.flags.aligned for array in history.values())


def test_changes_do_not_get_into_the_file(tmp_path):
    path = written({"a": LARGE}, "dump", tmp_path / "history")
    before = path.read_bytes()
    history = loaded(path)
    history["a"][:] = 7
    assert history["a"].min() == 7
    assert path.read_bytes() == before
    assert loaded(path)["a"][5, 5] == LARGE[5, 5]


@pytest.mark.parametrize("end", [os.unlink, lambda path: dump({"a": np.zeros(9)}, path.with_name("new")), None])
def test_the_file_may_be_removed_or_replaced_meanwhile(end, tmp_path):
    path = written({"a": LARGE}, "dump", tmp_path / "history")
    history = loaded(path)
    if end is not None:
        end(path)
    if (tmp_path / "new").exists():
        (tmp_path / "new").replace(path)
    np.testing.assert_array_equal(history["a"], LARGE)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x05", b"\x80\x05.", pickle.dumps(LARGE, protocol=5)[:-1]])
def test_a_damaged_file_is_told_as_plain_pickle_tells_it(content, tmp_path):
    (tmp_path / "history").write_bytes(content)
    with pytest.raises(Exception) as plain:
        pickle.loads(content)
    with pytest.raises(plain.type):
        loaded(tmp_path / "history")


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_damaged(fraction, tmp_path):
    path = written(THINGS["a history"], "dump", tmp_path / "history")
    os.truncate(path, int(path.stat().st_size * fraction))
    with pytest.raises((pickle.UnpicklingError, EOFError)):
        loaded(path)


def test_what_is_no_file_on_disk_is_loaded():
    np.testing.assert_array_equal(load(io.BytesIO(pickle.dumps(LARGE, protocol=5))), LARGE)


def test_no_file_is_left_open(tmp_path):
    path = written({"a": LARGE}, "dump", tmp_path / "history")
    before = n_open()
    history = loaded(path)
    assert n_open() == before + 1
    del history
    assert n_open() == before


# Results -------------------------------------------------------------------------------------------------------


def long_loop(agent, env, n_steps=2):
    return agent, env, {"long": np.arange(50_000.0) * n_steps, "short": np.arange(3)}


@pytest.fixture
def batch(tmp_path):
    manager = SimulationManager([toy_sim("long", long_loop)], 1, "batch")
    assert manager.run_all(1, progress=False).all_finished
    return manager


def test_results_of_a_run_are_mapped_when_asked_for(batch):
    path = batch.runs[0].path
    for results in (
        functools.partial(batch.load_results, "long", 0),
        functools.partial(SingleSim().load_results, path),
    ):
        agent, env, history = results(mmap=True)
        plain = results()
        assert (agent.updates, env.position) == (plain[0].updates, plain[1].position)
        np.testing.assert_equal(history, plain[2])
        assert is_mapped(history["long"]) and not is_mapped(plain[2]["long"])


def test_mapped_results_that_are_missing_or_damaged_are_told_as_others_are(batch):
    file = batch.runs[0].history
    os.truncate(file, 1000)
    with pytest.raises(SimManagerError, match="damaged"):
        batch.load_results("long", 0, mmap=True)
    file.unlink()
    with pytest.raises(ResultsMissing, match=r"training_hist\.dict"):
        batch.load_results("long", 0, mmap=True)
