"""Orders to the manager that runs a batch, from any process that may write in the batch's folder.

An order is a file in ``orders/``, addressed to one holder of the batch's lock. The manager takes it by removing it,
does what it says, and writes the answer beside it, for the one who asked to take.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..base.advice import command
from ..base.errors import BatchDamaged, BatchNotWritable, OrderNotAnswered, OrderRefused
from .batch_lock import LOCK, Signature, signature_in
from .files import SCRATCH, remove_all, write_file
from .json_file import json_bytes, read_json
from .locks import is_held

#: Name of the folder in the folder of a batch.
ORDERS = "orders"

#: Seconds to wait until a manager has done what it was asked.
PATIENCE_S = 5.0

#: Seconds between two looks for the answer.
_TICK_S = 0.02

#: Seconds after which nobody reads an answer any more that is still there.
_UNREAD_S = 1.0

#: An order, and the answer to it: the number makes them come in the order in which they were given.
_ORDER = re.compile(r"\d{20}-\d+-\d+\.json")
_ANSWER = ".answer"

#: What is removed when nobody needs it any more, nothing else: a batch of earlier days may have a simulation "orders".
_OURS = re.compile(rf"({re.escape(SCRATCH)})?{_ORDER.pattern}({re.escape(_ANSWER)})?")

_numbers = itertools.count()


class Order(NamedTuple):
    """What a manager is asked."""

    path: Path
    verb: str
    arguments: dict[str, Any]
    is_awaited: bool  #: Whether somebody waits for the answer.

    def answer(self, said: str, error: str = "") -> None:
        """Tell whoever asked what was done, or why it was not."""
        if self.is_awaited:
            with suppress(OSError):
                write_file(_answer_to(self.path), json_bytes({"said": said, "error": error}))


def _answer_to(order: Path) -> Path:
    return order.with_name(order.name + _ANSWER)


# Asking ----------------------------------------------------------------------------------------------------------


def ask(batch: Path, verb: str, *, patience_s: float | None = None, **arguments: Any) -> str | None:
    """Ask the manager that runs a batch to do something, and return what it says; None if no manager is running it.

    It is waited for `PATIENCE_S` seconds by default; with no patience, "" is returned at once, and nothing is known of
    what becomes of it.

    Raises
    ------
    OrderRefused
        It could not do so; says why.
    OrderNotAnswered
        It has not answered in time, since it is stopped, say; the order stays.
    BatchNotWritable, BatchDamaged
        It cannot be asked.
    """
    lock = batch / LOCK
    holder = signature_in(lock)
    patience_s = PATIENCE_S if patience_s is None else patience_s
    if is_held(lock) is False:
        return None
    path = _write(batch, holder, verb, arguments, is_awaited=patience_s > 0)
    if patience_s <= 0:
        return ""
    deadline = time.monotonic() + patience_s
    while True:
        is_gone = is_held(lock) is False or (is_held(lock) and signature_in(lock).holder != holder.holder)
        if answer := read_json(_answer_to(path)):
            _remove(_answer_to(path), lock)
            if answer.get("error"):
                raise OrderRefused(str(answer["error"]))
            return str(answer.get("said", ""))
        if is_gone:  # known before the answer was looked for
            _remove(path, lock)
            return None
        if time.monotonic() >= deadline:
            raise OrderNotAnswered(
                f"{_who(holder)} has not answered for {patience_s:g} s (it may be stopped, or busy with another "
                f"thing); it will do so as soon as it can. Look: {command('status', batch)}"
            )
        time.sleep(_TICK_S)


def _remove(path: Path, lock: Path) -> None:
    """Remove a file, and the folder of the orders, if no manager uses it any more."""
    remove_all([path])
    if is_held(lock) is False:
        with suppress(OSError):  # others have asked, too
            path.parent.rmdir()


def _who(holder: Signature) -> str:
    return str(holder)[:1].upper() + str(holder)[1:]


def _write(batch: Path, holder: Signature, verb: str, arguments: dict[str, Any], *, is_awaited: bool) -> Path:
    folder = batch / ORDERS
    name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}.json"
    content = {"to": holder.holder, "verb": verb, "arguments": arguments, "is_awaited": is_awaited}
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BatchDamaged(f"{folder} is in the way of orders to the manager: remove it, and ask again.")
    error: OSError = FileNotFoundError()
    for _ in range(3):
        try:
            folder.mkdir(exist_ok=True)
            write_file(folder / name, json_bytes(content))
            return folder / name
        except FileNotFoundError as gone:  # a manager that ends removes the folder
            error = gone
        except OSError as why:
            error = why
            break
    raise BatchNotWritable(f"{batch} cannot be written ({error.strerror or error}).") from error


# Obeying ---------------------------------------------------------------------------------------------------------


def orders_to(batch: Path, holder: Signature) -> Iterator[Order]:
    """Take the orders that were given to a holder of the lock, the first first."""
    for path in _orders_in(batch):
        content = read_json(path)
        if not _is_to(content, holder):
            continue
        try:
            path.unlink()
        except OSError:  # whoever asked has given up
            continue
        arguments = content.get("arguments")
        given = arguments if isinstance(arguments, dict) else {}
        yield Order(path, str(content.get("verb")), given, bool(content.get("is_awaited")))


def forget_orders(batch: Path, holder: Signature) -> None:
    """Remove what was given to others than this holder, and their answers: nobody will take it any more."""
    folder = batch / ORDERS
    mine = {path.name for path in _orders_in(batch) if _is_to(read_json(path), holder)}
    remove_all(folder / name for name in _names_in(folder) if name not in mine and _OURS.fullmatch(name))
    with suppress(OSError):
        folder.rmdir()


def end_of_orders(batch: Path, holder: Signature) -> None:
    """Remove what was given to a holder that takes no more orders, and the folder, if nobody else uses it."""
    for order in orders_to(batch, holder):
        order.answer("", "the manager is ending; it takes no more orders")
    folder = batch / ORDERS
    with suppress(OSError):  # an answer waits to be read
        answers = [folder / name for name in _names_in(folder) if name.endswith(_ANSWER)]
        remove_all(path for path in answers if time.time() - path.stat().st_mtime > _UNREAD_S)
        folder.rmdir()


def _is_to(content: Mapping[str, Any], holder: Signature) -> bool:
    """Return whether an order is to this holder, or, from somebody who could not read the lock, to whoever holds it."""
    return content.get("to") in ([*holder.holder], [*Signature().holder])


def _orders_in(batch: Path) -> list[Path]:
    folder = batch / ORDERS
    return [folder / name for name in sorted(_names_in(folder)) if _ORDER.fullmatch(name)]


def _names_in(folder: Path) -> list[str]:
    if folder.is_symlink():
        return []
    try:
        return os.listdir(folder)  # noqa: PTH208 - looked at several times a second
    except OSError:
        return []
