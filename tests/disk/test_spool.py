"""Arrays that are a temporary file."""

import gc

import numpy as np
import pytest
from toys import resident_mb

from simmanager.disk.spool import Spool, release, take


@pytest.mark.parametrize("dtype", ["float64", "int16", "complex128", "bool"])
def test_what_was_written_is_read_back(dtype):
    rows = np.arange(60).reshape(20, 3).astype(dtype)
    spool = Spool()
    for start in range(0, 20, 5):
        spool.write(start * rows.strides[0], rows[start : start + 5])
    np.testing.assert_array_equal(spool.array((20, 3), rows.dtype), rows)
    np.testing.assert_array_equal(spool.array((7, 3), rows.dtype), rows[:7])


def test_nothing_at_all_can_be_written():
    Spool().write(0, np.empty((0, 3)))


def test_an_array_outlives_its_spool_and_can_be_changed():
    spool = Spool()
    spool.write(0, np.zeros(1000))
    array = spool.array((1000,), np.dtype(float))
    del spool
    gc.collect()
    array[3] = 7
    assert array.sum() == 7
    assert array.flags.writeable and array.flags.aligned


def test_giving_back_its_memory_loses_nothing_of_an_array():
    spool = Spool()
    spool.write(0, np.ones((1000, 2)))
    array = spool.array((1000, 2), np.dtype(float))
    array[5] = 3
    for content in (array, array[3:8].T, memoryview(array), array.reshape(-1)):
        release(content)
        assert array.sum() == 2004


@pytest.mark.parametrize("other", [np.ones(3), memoryview(b"abc"), b"abc", None])
def test_of_other_things_nothing_is_given_back(other):
    release(other)
    assert other is None or len(other) == 3


def test_a_column_that_is_written_needs_no_memory():
    before = resident_mb()
    spool, block = Spool(), np.ones(1 << 16)
    for number in range(128):  # 64 MB
        spool.write(number * block.nbytes, block)
    array = spool.array((128 << 16,), block.dtype)
    assert resident_mb() - before < 16
    assert array[-1] == 1


@pytest.mark.parametrize("shape", [(300,), (300, 2), (300, 2, 0)])
@pytest.mark.parametrize("in_memory", [True, False])
def test_rows_that_are_taken_are_those_of_the_array(shape, in_memory):
    array = np.arange(300 * np.prod(shape[1:], dtype=int), dtype=float).reshape(shape)
    if not in_memory and array.size:
        spool = Spool()
        spool.write(0, array)
        array = spool.array(shape, array.dtype)
    for rows in (np.arange(300), np.array([5, 3, 299]), np.array([], dtype=int)):
        np.testing.assert_array_equal(take(array, rows), array[rows])
    assert take(np.array(["a", None], dtype=object), np.array([1, 0])).tolist() == [None, "a"]


def test_rows_that_are_taken_do_not_bring_the_others_into_memory():
    spool, block = Spool(), np.ones(1 << 16)
    for number in range(128):  # 64 MB
        spool.write(number * block.nbytes, block)
    array = spool.array((128 << 10, 64), block.dtype)
    before = resident_mb()
    assert take(array, np.arange(0, 128 << 10, 128)).sum() == 64 << 10
    assert resident_mb() - before < 16
