"""The wish to stop or to pause: from a signal, another terminal or a failure; known to whoever waits."""

from __future__ import annotations

import math
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: Why a run was interrupted: Ctrl-C, or ``simmanager stop``.
BY_USER = "stopped by the user"

#: Seconds within which a further SIGHUP is of the same terminal.
_SAME_HANGUP_S = 1.0

#: Why, if the manager itself could not go on.
BY_ERROR = "stopped by an error of the manager"

#: Signals that are not the user's wish, and where they come from.
_SENDERS = {
    "SIGHUP": "the terminal was closed",
    "SIGTERM": "a kill, a shutdown, or the time limit of a job",
}


def said_of_signal(number: int) -> str:
    """Return in words who stops a batch: the user by Ctrl-C, or what else sends such a signal."""
    name = signal.Signals(number).name
    return f"stopped by {name} ({_SENDERS[name]})" if name in _SENDERS else BY_USER


#: Seconds between two looks whether it still pauses.
_PAUSE_TICK_S = 0.05


class Stop:
    """The wish to stop: first "finish" (nothing new starts), then "now" (running runs are ended); or to pause."""

    #: How it pauses: nothing new starts until it goes on (`batch_lock.PAUSED`), or the runs at hand are stopped, too
    #: (`batch_lock.FROZEN`).
    paused = ""

    def __init__(self) -> None:
        self.mode = ""
        self._paused_at, self._paused_s = 0.0, 0.0
        self.reason = ""
        self.by_signal = 0
        self._ended = ""
        #: What makes it impossible to go on, if that is why.
        self.error: Exception | None = None
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._known: set[str] = set()

    def say(self, text: str) -> None:
        """Let the manager tell the user something, once."""
        if text not in self._known:
            self._known.add(text)
            self._said.put(text)

    def said(self) -> Iterator[str]:
        """Yield what is to be told and has not been."""
        while not self._said.empty():
            yield self._said.get()

    def finish(self, reason: str) -> None:
        """Start nothing new."""
        if not self.mode:
            self.mode, self.reason = "finish", reason

    def fail(self, error: Exception) -> None:
        """Start nothing new, since it cannot be done."""
        self.error = self.error or error
        self.finish(str(error))

    def pause(self, how: str) -> None:
        """Start nothing new until `go_on`."""
        if not self.paused:
            self._paused_at = time.monotonic()
        self.paused = how

    def go_on(self) -> None:
        """End a pause."""
        self._paused_s, self.paused = self.paused_s(), ""

    def paused_s(self) -> float:
        """Return for how many seconds it has paused so far, all pauses together."""
        return self._paused_s + (time.monotonic() - self._paused_at if self.paused else 0.0)

    def may_start(self) -> bool:
        """Return whether something may start, as soon as that is known: not while it pauses."""
        while self.paused and not self.mode:
            time.sleep(_PAUSE_TICK_S)
        return not self.mode

    def now(self, reason: str, ended: str = BY_USER) -> None:
        """End running runs, too; ``ended`` is what their state.log says of it."""
        self.mode, self.reason, self._ended = "now", reason, ended

    def is_now(self) -> bool:
        """Return whether running runs are to be ended."""
        return self.mode == "now"

    def ends_runs(self) -> str:
        """Return by whom running runs are to be ended, as their state.log has it; "" if they are not."""
        return self._ended if self.mode == "now" else ""


@contextmanager
def ticking(on_tick: Callable[[], None]) -> Iterator[None]:
    """Call a function about four times a second, from another thread, while the context lasts."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.25):
            on_tick()

    thread = threading.Thread(target=tick, name="simmanager-ticker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class _Heard:
    """What a signal does to the wish to stop."""

    def __init__(self, stop: Stop) -> None:
        self._stop, self._hung_up_at = stop, -math.inf

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            before, self._hung_up_at = self._hung_up_at, time.monotonic()
            if self._hung_up_at - before < _SAME_HANGUP_S:
                return
        self._stop.by_signal = number
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        if not self._stop.mode:
            self._stop.finish(name)
        elif not self._stop.is_now():
            self._stop.now(name, said_of_signal(number))


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a wish to stop: the first "finish", the second "now".

    When a terminal is closed, the kernel and the shell each send SIGHUP: within a second they are one.

    Only the main thread can do so; elsewhere nothing changes. Nothing is printed here: the signal may have come in
    the middle of a print, which would wait for itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = _Heard(stop)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup: a terminal that closes is not a wish to stop
            signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
