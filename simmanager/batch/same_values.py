"""Whether two results hold the same values, whatever their bytes: arrays, weights, attributes, one by one."""

from __future__ import annotations

import io
import types
import zipfile
from collections import deque
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from ..disk.pickling import loads


def same_files(one: Path, other: Path) -> bool:
    """Return whether two results hold the same values; this unpickles what is a pickle."""
    if one.is_dir() or other.is_dir():
        if not (one.is_dir() and other.is_dir()):
            return False
        names = [
            sorted(str(file.relative_to(top)) for file in top.rglob("*") if file.is_file()) for top in (one, other)
        ]
        return names[0] == names[1] and all(same_files(one / name, other / name) for name in names[0])
    return _same_content(one.read_bytes(), other.read_bytes())


def _files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def _same_content(one: bytes, other: bytes) -> bool:
    """Return whether two files, or members of archives, hold the same values."""
    if one == other:
        return True
    try:
        if one.startswith(b"PK") and other.startswith(b"PK"):
            return _same_archives(one, other)
        if one.startswith(b"\x93NUMPY"):
            import numpy as np

            return same_values(np.load(io.BytesIO(one)), np.load(io.BytesIO(other)))
        return same_values(loads(one), loads(other))
    except Exception:  # of another format, or what it needs is not here: the bytes are all that can be compared
        return False


def _same_archives(one: bytes, other: bytes) -> bool:
    """Compare archives by their members: ``.npz``, PyTorch's files, models of Stable-Baselines3."""
    members = []
    for content in (one, other):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            tops = {name.partition("/")[0] for name in names}
            # PyTorch names the folder inside after the file, which had a scratch name when it was written.
            skip = len(next(iter(tops))) if len(tops) == 1 else 0
            members.append({name[skip:]: archive.read(name) for name in names})
    return members[0].keys() == members[1].keys() and all(
        _same_content(content, members[1][name]) for name, content in members[0].items()
    )


def same_values(one: Any, other: Any) -> bool:
    """Return whether two objects hold the same values, also where their classes were made anew by a pickle.

    Arrays and tensors are the same if type, shape and all numbers are; NaN is the same as NaN. Other objects are
    compared by what pickle would save of them.
    """
    return _Comparison().same(one, other)


class _Comparison:
    """Two objects are compared part by part; pairs that are met again (cycles) are taken for the same."""

    def __init__(self) -> None:
        self._met: dict[tuple[int, int], tuple[Any, Any]] = {}  # keeps them alive: ids are not given again

    def same(self, one: Any, other: Any) -> bool:
        if one is other:
            return True
        if _kind(one) != _kind(other):
            return False
        if (id(one), id(other)) in self._met:
            return True
        self._met[id(one), id(other)] = one, other
        if isinstance(one, (bool, int, float, complex, str, bytes, bytearray, range)):
            return bool(one == other or (one != one and other != other))  # NaN
        if isinstance(one, (type, types.FunctionType, types.ModuleType)):
            return self._same_code(one, other)
        if hasattr(one, "identical") or hasattr(one, "equals"):  # xarray, pandas
            equals = getattr(one, "identical", None) or one.equals
            return bool(equals(other))
        if hasattr(one, "__array__"):
            return self._same_arrays(_array(one), _array(other))
        return self._same_parts(one, other)

    def _same_parts(self, one: Any, other: Any) -> bool:
        if isinstance(one, Mapping) and type(one).__reduce_ex__ is object.__reduce_ex__:
            if len(one) != len(other) or not self._all(one.keys(), other.keys()):
                return False
            return self._all(one.values(), other.values()) and self._same_state(one, other)
        if isinstance(one, (list, tuple, deque)):
            return len(one) == len(other) and self._all(one, other) and self._same_state(one, other)
        if isinstance(one, Set):
            return len(one) == len(other) and (
                one == other or self._all(sorted(one, key=repr), sorted(other, key=repr))
            )
        return self._same_reduced(one, other)

    def _all(self, one: Iterable[Any], other: Iterable[Any]) -> bool:
        return all(self.same(a, b) for a, b in zip(one, other, strict=True))

    def _same_state(self, one: Any, other: Any) -> bool:
        """Compare the attributes of a class derived from a container."""
        return not hasattr(one, "__dict__") or self.same(vars(one), vars(other))

    def _same_code(self, one: Any, other: Any) -> bool:
        if not isinstance(one, types.FunctionType):
            return bool(one.__name__ == other.__name__)
        a, b = one.__code__, other.__code__
        names = ("co_code", "co_names", "co_varnames", "co_freevars")
        if any(getattr(a, name) != getattr(b, name) for name in names):
            return False
        constants = ([c for c in code.co_consts if not isinstance(c, types.CodeType)] for code in (a, b))
        cells = ([cell.cell_contents for cell in function.__closure__ or ()] for function in (one, other))
        return self.same(*constants) and self.same(*cells) and self.same(one.__defaults__, other.__defaults__)

    def _same_arrays(self, one: Any, other: Any) -> bool:
        import numpy as np

        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype == object:
            return self._all(one.ravel().tolist(), other.ravel().tolist())
        if isinstance(one, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(one)
            if not np.array_equal(mask, np.ma.getmaskarray(other)):
                return False
            one, other = one.data[~mask], other.data[~mask]
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fcmM"))

    def _same_reduced(self, one: Any, other: Any) -> bool:
        """Compare what pickle would save."""
        try:
            parts, others = one.__reduce_ex__(4), other.__reduce_ex__(4)
        except TypeError:  # it cannot be pickled; that its like was in a pickle is all that is known
            return bool(one == other)
        if isinstance(parts, str) or isinstance(others, str):
            return bool(parts == others)
        return len(parts) == len(others) and self._all(map(_listed, parts), map(_listed, others))


def _listed(part: Any) -> Any:
    """Return an iterator over items, as `object.__reduce_ex__` gives it, as a list."""
    return list(part) if hasattr(part, "__next__") else part


def _kind(thing: Any) -> tuple[str, str]:
    """Return the name of a class: one that travelled by value is another object each time it is loaded."""
    return type(thing).__module__, type(thing).__qualname__


def _array(thing: Any) -> Any:
    """Return an array, a tensor or the like as a NumPy array."""
    import numpy as np

    if hasattr(thing, "detach"):
        thing = thing.detach().cpu()
    return thing if isinstance(thing, np.ndarray) else np.asarray(thing)
