"""Pickles that are written: what plain pickle refuses, and large arrays."""

import pickle
import pickletools
import sys
import threading

import numpy as np
import pytest
from toys import resident_mb

from simmanager.disk.pickling import ALIGNMENT, dump, load
from simmanager.disk.spool import Spool

pytestmark = pytest.mark.python_versions

LARGE = np.arange(20_000.0).reshape(100, 200)
READ_ONLY = LARGE.copy()
READ_ONLY.flags.writeable = False

THINGS = {
    "nothing": None,
    "a large array": LARGE,
    "columns first": LARGE.T,
    "read-only": READ_ONLY,
    "not contiguous": LARGE[::2, ::3],
    "many": {f"key {i}": LARGE[: 50 + i] for i in range(40)},
    "among others": {"text": "x" * 100_000, "bytes": b"y" * 70_000, "changeable": bytearray(90_000), "array": LARGE},
    "twice the same": [LARGE, LARGE],
    "small": [np.arange(3), np.float32(2.5), np.zeros((0, 4)), np.array("text"), np.array([None, {}], dtype=object)],
    "structured": np.zeros(9000, dtype=[("x", float), ("n", np.int16)]),
}


def arrays_in(thing):
    if isinstance(thing, np.ndarray):
        return [thing]
    inner = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else []
    return [array for part in inner for array in arrays_in(part)]


@pytest.mark.parametrize("name", THINGS)
def test_whoever_unpickles_gets_back_what_was_pickled(name, tmp_path):
    dump(THINGS[name], tmp_path / "file")
    again = pickle.loads((tmp_path / "file").read_bytes())
    plain = pickle.loads(pickle.dumps(THINGS[name], protocol=5))
    assert len(arrays_in(again)) == len(arrays_in(plain))
    for mine, theirs in zip(arrays_in(again), arrays_in(plain), strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert (mine.dtype, mine.strides, mine.flags.writeable) == (
            theirs.dtype,
            theirs.strides,
            theirs.flags.writeable,
        )
    if not arrays_in(plain):
        assert again == plain
    if name == "twice the same":
        assert again[0] is again[1]


def test_large_arrays_begin_where_they_can_be_mapped(tmp_path):
    dump(THINGS["many"], tmp_path / "file")
    starts = [
        place + 9
        for operation, content, place in pickletools.genops((tmp_path / "file").read_bytes())
        if operation.name == "BYTEARRAY8" and len(content) >= 1 << 16
    ]
    assert len(starts) == 40
    assert not any(start % ALIGNMENT for start in starts)


def test_the_same_thing_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        dump({"a": LARGE.copy(), "b": [1, 2]}, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_class_of_a_function_is_pickled_by_value(tmp_path):
    class Local:
        array = LARGE

    dump([Local, LARGE], tmp_path / "file")
    again, array = pickle.loads((tmp_path / "file").read_bytes())
    assert again.__name__ == "Local"
    np.testing.assert_array_equal(again.array, array)


def test_what_cannot_be_pickled_at_all_is_told(tmp_path):
    with pytest.raises((TypeError, pickle.PicklingError), match="lock"):
        dump(threading.Lock(), tmp_path / "file")


def test_a_history_on_disk_is_saved_without_being_in_memory(tmp_path):
    spool, block = Spool(), np.ones(1 << 16)
    for number in range(128):  # 64 MB
        spool.write(number * block.nbytes, block)
    array = spool.array((128 << 16,), block.dtype)
    before = resident_mb()
    dump({"history": array}, tmp_path / "file")
    assert resident_mb() - before < 16
    assert pickle.loads((tmp_path / "file").read_bytes())["history"].sum() == len(array)


# Deep objects --------------------------------------------------------------------------------------------------


class Link:
    """As the agents of a Mesa model: each knows the next."""

    def __init__(self, following, value):
        self.following, self.value = following, value


def chain(kind, n_links):
    link = None
    for number in range(n_links):
        link = kind(link, np.full(3, number))
    return link


@pytest.mark.parametrize("by_value", [False, True])
def test_a_chain_of_very_many_objects_is_saved_and_loaded(by_value, tmp_path):
    class Local(Link):
        pass

    limit = sys.getrecursionlimit()
    dump(chain(Local if by_value else Link, 8_000), tmp_path / "deep")
    assert sys.getrecursionlimit() == limit
    with (tmp_path / "deep").open("rb") as file:
        link = load(file)
    values = []
    while link is not None:
        values.append(link.value.tolist())
        link = link.following
    assert values == [[number] * 3 for number in range(7_999, -1, -1)]


def test_what_recurses_without_end_is_refused_all_the_same(tmp_path):
    class Endless:
        def __reduce__(self):
            return list, ([Endless()],)

    with pytest.raises(RecursionError):
        dump(Endless(), tmp_path / "endless")
