"""What is masked is missing: NaN, whatever stands beneath the mask."""

import numpy as np
import pytest

from simmanager.base.float_array import float_array

NAN = np.nan
MASKED = np.ma.array([1, 9999, 3], mask=[False, True, False])


@pytest.mark.parametrize(
    "values, expected",
    [
        (MASKED, [1, NAN, 3]),
        (np.ma.array([[1.5, 2], [3, 4]], mask=True), [[NAN, NAN], [NAN, NAN]]),
        ([MASKED, MASKED + 1], [[1, NAN, 3], [2, NAN, 4]]),
        (([MASKED], [[1, 2, 3]]), [[[1, NAN, 3]], [[1, 2, 3]]]),
        ([1, np.ma.masked, 3], [1, NAN, 3]),
        (np.ma.array([1, 2]), [1, 2]),
        (np.ma.array([2**53 + 0.0, 1], mask=[1, 0]), [NAN, 1]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (np.ma.masked, NAN),
        ([], []),
    ],
)
def test_a_mask_becomes_nan(values, expected):
    found = float_array(values)
    assert type(found) is np.ndarray and found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_it_is_a_copy():
    given = np.ones(3)
    float_array(given)[0] = 5
    assert given[0] == 1 and MASKED.data[1] == 9999


@pytest.mark.parametrize("values", ["text", [[1], [2, 3]], [1j], {"a": 1}, [object()]])
def test_what_is_no_array_of_numbers_raises(values):
    with pytest.raises((TypeError, ValueError)):
        float_array(values)
