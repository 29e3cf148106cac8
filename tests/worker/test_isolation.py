"""What a run changed in its worker is put back; what it left behind is found."""

import contextlib
import decimal
import gc
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from simmanager.worker.isolation import Snapshot
from simmanager.worker.memory import Meter, peak_memory_mb
from simmanager.worker.process_group import left_behind
from simmanager.worker.seeding import global_bit_generator, seed_everything, use_bit_generator

pytestmark = pytest.mark.python_versions


@contextlib.contextmanager
def put_back():
    """A run: what happens in it is put back."""
    snapshot = Snapshot()
    try:
        yield
    finally:
        snapshot.restore()


def test_the_working_directory_is_put_back(tmp_path):
    before = Path.cwd()
    (tmp_path / "elsewhere").mkdir()
    with put_back():
        os.chdir("elsewhere")
    assert Path.cwd() == before


def test_a_working_directory_that_is_gone_is_no_error(tmp_path):
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    try:
        snapshot = Snapshot()
        os.chdir(tmp_path)
        (tmp_path / "gone").rmdir()
        snapshot.restore()
    finally:
        os.chdir(tmp_path)


def test_the_environment_is_put_back(monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("REMOVED", "2")
    before = dict(os.environ)
    with put_back():
        os.environ["KEPT"] = "changed"
        os.environ["NEW"] = "x"
        del os.environ["REMOVED"]
    assert dict(os.environ) == before


def test_import_path_and_arguments_are_put_back():
    lists, before = (sys.path, sys.argv), (list(sys.path), list(sys.argv))
    with put_back():
        sys.path.insert(0, "/x")
        sys.argv = ["other"]
        sys.path = []
    assert (list(sys.path), list(sys.argv)) == before
    sys.path, sys.argv = lists


def test_the_recursion_limit_is_put_back():
    before = sys.getrecursionlimit()
    with put_back():
        sys.setrecursionlimit(before + 500)
    assert sys.getrecursionlimit() == before


def test_warning_filters_are_put_back():
    before = list(warnings.filters)
    with put_back():
        warnings.simplefilter("ignore")
    assert warnings.filters == before
    with pytest.raises(UserWarning):
        warnings.warn("an error again", stacklevel=1)


def test_log_handlers_levels_and_switches_are_put_back():
    mine = logging.NullHandler()
    named = logging.getLogger("simmanager.tests.model")
    kept = logging.StreamHandler()
    logging.root.addHandler(mine)
    named.addHandler(kept)
    level = logging.root.level
    try:
        handlers = list(logging.root.handlers)
        with put_back():
            logging.root.addHandler(logging.StreamHandler())
            named.addHandler(logging.StreamHandler())
            named.removeHandler(kept)
            logging.getLogger("simmanager.tests.new").addHandler(logging.StreamHandler())
            logging.root.setLevel(level + 5)
            logging.disable(logging.CRITICAL)
        assert logging.root.handlers == handlers
        assert named.handlers == [kept]
        assert logging.getLogger("simmanager.tests.new").handlers == []
        assert logging.root.level == level
        assert logging.root.manager.disable == 0
    finally:
        logging.root.removeHandler(mine)
        named.removeHandler(kept)


def test_a_handler_with_which_a_library_silences_itself_stays():
    with put_back():
        logging.getLogger("simmanager.tests.library").addHandler(logging.NullHandler())
    assert len(logging.getLogger("simmanager.tests.library").handlers) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGHUP])
def test_signal_handlers_are_put_back(number):
    before = signal.getsignal(number)
    with put_back():
        signal.signal(number, lambda *_: None)
    assert signal.getsignal(number) == before


def test_an_alarm_is_cleared():
    with put_back():
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 1000)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_blocked_signals_are_put_back():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with put_back():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_hooks_are_put_back():
    before = sys.excepthook, threading.excepthook, sys.displayhook
    with put_back():
        sys.excepthook = threading.excepthook = sys.displayhook = print
    assert (sys.excepthook, threading.excepthook, sys.displayhook) == before


def test_numpys_error_handling_is_put_back():
    before = np.geterr()
    with put_back():
        np.seterr(all="raise")
    assert np.geterr() == before


def test_how_numpy_prints_is_put_back():
    with put_back():
        np.set_printoptions(precision=1)
    assert str(np.array([1 / 3])) == "[0.33333333]"


def test_the_context_of_decimal_is_put_back():
    with put_back():
        decimal.getcontext().prec = 3
        decimal.getcontext().traps[decimal.Inexact] = True
    assert str(decimal.Decimal(1) / 3) == "0.3333333333333333333333333333"


def test_resource_limits_are_put_back():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with put_back():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, before[1]))
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before


def test_another_bit_generator_of_an_earlier_run_changes_no_number():
    state, generator = np.random.get_state(), global_bit_generator()
    try:
        seed_everything(3)
        expected = np.random.random()
        use_bit_generator(np.random.PCG64(1))
        seed_everything(3)
        assert np.random.random() == expected
    finally:
        use_bit_generator(generator)
        np.random.set_state(state)


def test_the_umask_is_put_back():
    before = os.umask(0o022)
    os.umask(before)
    with put_back():
        os.umask(0o077)
    after = os.umask(before)
    assert after == before


def test_garbage_collection_goes_on():
    with put_back():
        gc.disable()
    assert gc.isenabled()


def test_figures_are_closed():
    import matplotlib.pyplot as plt

    with put_back():
        plt.figure()
    assert plt.get_fignums() == []


def test_nothing_changed_is_nothing_changed():
    before = Snapshot()
    with put_back():
        pass
    assert Snapshot() == before


def test_seeding_makes_both_generators_repeat():
    states = random.getstate(), np.random.get_state()
    try:
        drawn = []
        for _ in range(2):
            seed_everything(2**32 - 1)
            drawn.append((random.random(), np.random.random()))
        assert drawn[0] == drawn[1]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def test_torch_is_seeded_if_it_is_loaded(monkeypatch):
    class Torch:
        seeds: ClassVar = []

        @classmethod
        def manual_seed(cls, seed):
            cls.seeds.append(seed)

    states = random.getstate(), np.random.get_state()
    monkeypatch.setitem(sys.modules, "torch", Torch)
    seed_everything(5)
    assert Torch.seeds == [5]
    random.setstate(states[0])
    np.random.set_state(states[1])


def test_living_threads_are_found():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert "thread" in left_behind()
    done.set()
    thread.join()


def test_living_children_are_found_and_ended_ones_are_reaped():
    """In a process of its own: it reaps children that are not its own making."""
    program = """
import os, subprocess, sys
from simmanager.worker.process_group import left_behind
assert left_behind() == ""
child = subprocess.Popen(["sleep", "60"])
assert left_behind() == "child processes", left_behind()
child.kill()
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
assert left_behind() == "", left_behind()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def test_a_meter_counts_time_and_memory():
    meter = Meter()
    block = np.ones(30_000_000)
    assert meter.seconds() >= 0
    assert meter.cpu() >= 0
    assert meter.peak_mb() > block.nbytes / 1e6
    assert peak_memory_mb(os.getpid()) == meter.peak_mb()


def test_the_peak_of_a_run_does_not_count_the_past():
    block = np.ones(60_000_000)
    high = peak_memory_mb(os.getpid())
    del block
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peaks cannot be reset here")
    assert Meter().peak_mb() < high - 300


def test_the_memory_of_a_process_that_is_gone_is_unknown():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert peak_memory_mb(process.pid) is None


def test_a_memory_limit_holds_and_is_lifted():
    """In a process of its own: the limit is the process's."""
    program = """
import resource
import numpy as np
from simmanager.worker.memory import MemoryLimit
before = resource.getrlimit(resource.RLIMIT_DATA)
with MemoryLimit(200):
    np.ones(5_000_000)
    try:
        np.ones(100_000_000)
    except MemoryError:
        print("refused")
assert resource.getrlimit(resource.RLIMIT_DATA) == before
with MemoryLimit(None):
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "refused\n"


#: A module as tqdm's: a thread that wakes now and then to look after something.
MONITOR = """
import threading
class Monitor(threading.Thread):
    def __init__(self, daemon=True):
        super().__init__(daemon=daemon)
        self.stop = threading.Event()
        self.start()
    def run(self):
        while not self.stop.wait(10): pass
"""


def test_a_daemon_of_a_library_that_waits_is_no_leftover_and_one_of_the_users_is(tmp_path):
    """In a process of its own: others have threads, too."""
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "of_library.py").write_text(MONITOR)
    (tmp_path / "of_user.py").write_text(MONITOR)
    program = """
import sys, threading
from simmanager.worker.process_group import left_behind
sys.path[:0] = [".", "site-packages"]
import of_library, of_user
def told(number, library, daemon=True):
    made = [library.Monitor(daemon) for _ in range(number)]
    while not all(sys._current_frames()[m.ident].f_code.co_filename == threading.__file__ for m in made): pass
    found = left_behind()
    for monitor in made:
        monitor.stop.set()
        monitor.join()
    return found
print([told(0, of_user), told(1, of_user), told(1, of_library), told(1, of_library, daemon=False), told(9, of_library)])
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "['', '1 thread(s)', '', '1 thread(s)', '9 thread(s)']\n"
