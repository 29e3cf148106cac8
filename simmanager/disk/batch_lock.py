"""The locks of a batch: of who runs it, whose text says who that is and whether it pauses; and of who changes it."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.clock import utc_now
from .json_file import read_json
from .locks import holders, is_held, who_holds

#: Name of the file in the folder of a batch.
LOCK = "batch.lock"

#: That of the lock that is held, if but for a moment, by whoever changes what the batch consists of.
CHANGE_LOCK = "change.lock"

#: What a manager that pauses says: the runs at hand end, or they are stopped, too.
PAUSED, FROZEN = "paused", "frozen"

#: Bytes of the text: one of the same length takes the place of another in one write.
_LENGTH = 240


class Signature(NamedTuple):
    """Who holds the lock of a batch, or was the last who did."""

    host: str = ""
    pid: int = 0
    since: str = ""  #: UTC, ISO-8601; a later holder has another one.
    paused: str = ""  #: `PAUSED`, `FROZEN`, or "".

    @property
    def holder(self) -> tuple[str, int, str]:
        """What tells it from any other holder."""
        return self.host, self.pid, self.since

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}" if self.pid else "an unknown process"


def sign(lock: Path, *, paused: str = "", since: str = "") -> Signature:
    """Write into a lock that is held here who holds it; a full disk is no harm, the lock itself holds all the same."""
    signature = Signature(socket.gethostname(), os.getpid(), since or utc_now(), paused)
    with suppress(OSError):
        descriptor = os.open(lock, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            text = json.dumps(signature._asdict()).ljust(_LENGTH).encode()
            os.pwrite(descriptor, text, 0)
            os.ftruncate(descriptor, len(text))
        finally:
            os.close(descriptor)
    return signature


def signature_in(lock: Path) -> Signature:
    """Return who holds a lock, or was the last who did, as its text says."""
    content = read_json(lock)
    known = {name: content.get(name) for name in Signature._fields}
    pid, paused = known["pid"], known["paused"]
    return Signature(
        host=str(known["host"]),
        pid=pid if isinstance(pid, int) else 0,
        since=str(known["since"]),
        paused=paused if paused in (PAUSED, FROZEN) else "",
    )


def owner(lock: Path) -> str:
    """Return in words who holds the lock of a batch, or, if nobody does, who was the last."""
    if is_held(lock) and not is_held_by_its_signer(lock):
        return who_holds(lock)
    return str(signature_in(lock))


def is_held_by_its_signer(lock: Path) -> bool:
    """Return False if the system says that another process holds the lock than the one that signed it."""
    known = [holder.pid for holder in holders(lock)]
    return not known or signature_in(lock).pid in known


def why_paused(lock: Path) -> str:
    """Return how the manager that holds a lock pauses: `PAUSED`, `FROZEN`, or "" if it does not or there is none."""
    paused = signature_in(lock).paused
    return paused if paused and is_held(lock) is not False else ""
