"""Arrays as the bytes of an .npz file, in one piece: for a run of a millisecond, zipfile is a good part of it."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: Members and bytes from which an archive needs the larger fields that zipfile knows.
_MANY, _LARGE = 0xFFFF, 1 << 31

# As zipfile writes them: stored, made by version 2.0 on a Unix system, of 1 January 1980, readable by its owner.
_MEMBER = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _UNIX, _DATE, _MODE = 20, 3 << 8, 0x21, 0o600 << 16

#: Flag of a member whose name is UTF-8.
_UTF8 = 0x800


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Return the content of an .npz file, byte for byte what zipfile would write.

    Parameters
    ----------
    arrays : mapping
        Name -> array. Any name that can be that of a file; ``np.savez`` refuses the names of its own parameters.
    """
    members = [(f"{name}.npy", _header(array.dtype, array.shape) + array.tobytes()) for name, array in arrays.items()]
    if len(members) >= _MANY or sum(len(content) for _, content in members) >= _LARGE:
        return _with_zipfile(members)
    parts, entries, offset = list[bytes](), list[bytes](), 0
    for name, content in members:
        encoded = name.encode()
        facts = (0 if name.isascii() else _UTF8, 0, 0, _DATE, zlib.crc32(content), len(content), len(content))
        head = _MEMBER.pack(b"PK\3\4", _VERSION, *facts, len(encoded), 0) + encoded
        entries.append(
            _ENTRY.pack(b"PK\1\2", _UNIX | _VERSION, _VERSION, *facts, len(encoded), 0, 0, 0, 0, _MODE, offset)
            + encoded
        )
        parts += (head, content)
        offset += len(head) + len(content)
    directory = b"".join(entries)
    end = _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), offset, 0)
    return b"".join((*parts, directory, end))


def _with_zipfile(members: list[tuple[str, bytes]]) -> bytes:
    import zipfile  # takes longer to import than most runs need it

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content)
    return archive.getvalue()


@functools.lru_cache(maxsize=128)
def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what comes before the bytes of an array, in C order, in an .npy file; many runs have arrays alike."""
    import numpy as np

    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()
