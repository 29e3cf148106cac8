"""Arrays in an .npz file: byte for byte what zipfile writes, and what NumPy reads back."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from simmanager.disk import npz
from simmanager.disk.npz import npz_bytes

names = st.text("aZ0 :,=.é名", min_size=1, max_size=20)
arrays = arrays_of.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.bool_]), arrays_of.array_shapes(min_dims=0, max_side=4)
)


@given(st.dictionaries(names, arrays, max_size=4))
def test_it_is_what_zipfile_writes_and_numpy_reads(content):
    written = npz_bytes(content)
    members = [
        (f"{name}.npy", npz._header(array.dtype, array.shape) + array.tobytes()) for name, array in content.items()
    ]
    assert written == npz._with_zipfile(members)
    with np.load(io.BytesIO(written), allow_pickle=False) as read:
        assert set(read.files) == set(content)
        for name, array in content.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == array.dtype


@pytest.mark.parametrize("limit", ["_MANY", "_LARGE"])
def test_what_needs_larger_fields_is_left_to_zipfile(monkeypatch, limit):
    content = {"a": np.arange(3.0), "b": np.arange(2)}
    expected = npz_bytes(content)
    monkeypatch.setattr(npz, limit, 1)
    monkeypatch.setattr(npz, "_with_zipfile", lambda members: [name for name, _ in members])
    assert npz_bytes(content) == ["a.npy", "b.npy"]
    assert expected.startswith(b"PK")
