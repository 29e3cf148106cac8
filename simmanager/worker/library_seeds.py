"""Random generators of libraries that have their own: seeded if the library is loaded, or when a run loads it.

A library that a run imports itself (inside a function) is loaded once per worker: without the hook, the first run of
each worker would find it unseeded, and the same batch would give other numbers with another number of workers.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

#: Undoes what was put into a library for the time of a run.
Undo = Callable[[], None]


class Library(NamedTuple):
    """How a library is seeded.

    Parameters
    ----------
    seed : callable
        ``seed(module, seed)``; draws nothing from, and sets nothing in, the generators of Python and NumPy.
    put_in : callable, optional
        ``put_in(module, seed)`` puts something into the library for the time of a run; returns what takes it out again.
    states : callable, optional
        ``states(module)`` is name -> where a generator is, for a checkpoint.
    restore : callable, optional
        ``restore(module, states)`` takes generators back to where they were.
    """

    seed: Callable[[Any, int], None]
    put_in: Callable[[Any, int], Undo] | None = None
    states: Callable[[Any], dict[str, Any]] | None = None
    restore: Callable[[Any, dict[str, Any]], None] | None = None


def seed_libraries(seed: int) -> None:
    """Seed the libraries that are loaded."""
    for name, library in LIBRARIES.items():
        if (module := sys.modules.get(name)) is not None:
            library.seed(module, seed)


def states_of_libraries() -> dict[str, Any]:
    """Return where the generators of the libraries that are loaded are, as far as a checkpoint can keep that."""
    found = dict[str, Any]()
    for name, library in LIBRARIES.items():
        if library.states is not None and (module := sys.modules.get(name)) is not None:
            found |= library.states(module)
    return found


def restore_libraries(states: dict[str, Any]) -> None:
    """Take the generators of libraries back to where `states_of_libraries` found them."""
    for name, library in LIBRARIES.items():
        if library.restore is not None and name in states:
            library.restore(import_module(name), states)


class LibrariesSeeded:
    """Has libraries seeded, for the time of a run, when they get loaded; `seed_libraries` seeds those that are.

    It is an import hook that finds nothing itself.

    Parameters
    ----------
    seed : int
        The seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._undo: list[Undo] = []

    def __enter__(self) -> None:
        for name, library in LIBRARIES.items():
            if library.put_in is not None and (module := sys.modules.get(name)) is not None:
                self.put_into(module, library)
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        while self._undo:
            self._undo.pop()()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that seeds afterwards; None for all other modules."""
        if name not in LIBRARIES:
            return None
        for finder in [finder for finder in sys.meta_path if finder is not self]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._seed_after(name, spec.loader)
                return spec
        return None

    def _seed_after(self, name: str, loader: Any) -> None:
        # The loader belongs to this import alone, and stays what it is: other code asks it for data and sources.
        execute = getattr(loader, "exec_module", None)
        if execute is None or not hasattr(loader, "__dict__"):
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            with _draws_undone():
                execute(module)
            self.put_into(module, LIBRARIES[name])
            LIBRARIES[name].seed(module, self._seed)

        loader.exec_module = exec_module

    def put_into(self, module: ModuleType, library: Library) -> None:
        """Put into a library that is loaded what it needs for the time of the run."""
        if library.put_in is not None:
            self._undo.append(library.put_in(module, self._seed))


@contextmanager
def _draws_undone() -> Iterator[None]:
    """Leave the generators of Python and NumPy where they were: an import that draws happens once in a worker."""
    import random

    import numpy as np

    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


# The libraries -------------------------------------------------------------------------------------------------


def _seed_torch(torch: Any, seed: int) -> None:
    torch.manual_seed(seed)


def _torch_states(torch: Any) -> dict[str, Any]:
    states = {"torch": torch.get_rng_state()}
    if torch.cuda.is_initialized():  # asking for a state would start CUDA
        states["torch_cuda"] = torch.cuda.get_rng_state_all()
    return states


def _restore_torch(torch: Any, states: dict[str, Any]) -> None:
    torch.set_rng_state(states["torch"])
    if "torch_cuda" in states and torch.cuda.is_available():  # a resume may be on a machine without a GPU
        torch.cuda.set_rng_state_all(states["torch_cuda"])


def _seed_tensorflow(tensorflow: Any, seed: int) -> None:
    tensorflow.random.set_seed(seed)


def _seed_keras(keras: Any, seed: int) -> None:
    """Let Keras make its generator anew when it needs one: it takes the seed from ``random``, and keeps it for ever."""
    try:
        global_state = import_module("keras.src.backend.common.global_state")
    except ImportError:  # Keras 2: TensorFlow's generators are all it has
        return
    global_state.set_global_attribute("global_seed_generator", None)


def _seed_numba(numba: Any, seed: int) -> None:
    """Seed what ``random`` and ``numpy.random`` are inside compiled functions, in this thread."""
    for state in _numba_generators():
        import_module("numba._helperlib").rnd_seed(state, seed)


def _numba_generators() -> tuple[int, int]:
    """Return the addresses of the two generators of this thread."""
    helpers = import_module("numba._helperlib")
    return helpers.rnd_get_np_state_ptr(), helpers.rnd_get_py_state_ptr()


def _numba_states(numba: Any) -> dict[str, Any]:
    """Return the bytes of both generators: its ``rnd_get_state`` leaves out a normal number drawn ahead."""
    return {"numba": [ctypes.string_at(state, ctypes.sizeof(_NumbaState)) for state in _numba_generators()]}


def _restore_numba(numba: Any, states: dict[str, Any]) -> None:
    for state, content in zip(_numba_generators(), states["numba"], strict=True):
        ctypes.memmove(state, content, ctypes.sizeof(_NumbaState))


class _NumbaState(ctypes.Structure):
    """A generator of numba, as its ``_random.h`` has it: a Mersenne Twister, and a normal number drawn ahead."""

    _fields_ = (
        ("index", ctypes.c_int),
        ("numbers", ctypes.c_uint * 624),
        ("has_normal", ctypes.c_int),
        ("normal", ctypes.c_double),
        ("is_initialized", ctypes.c_int),
    )


def _seed_brainstate(brainstate: Any, seed: int) -> None:
    """Seed what BrainPy and others draw from; it would seed ``numpy.random``, too."""
    with _draws_undone():
        brainstate.random.seed(seed)


def _brainstate_states(brainstate: Any) -> dict[str, Any]:
    import numpy as np

    return {"brainstate": np.asarray(brainstate.random.get_key_data())}


def _restore_brainstate(brainstate: Any, states: dict[str, Any]) -> None:
    brainstate.random.set_key(states["brainstate"])


def _seed_brian2(brian2: Any, seed: int) -> None:
    """Forget numbers that Brian2 has drawn ahead from ``numpy.random``; seed programs that it will make."""
    for device in sys.modules["brian2.devices.device"].all_devices.values():
        for name in ("rand_buffer_index", "randn_buffer_index"):
            if (index := getattr(device, name, None)) is not None:
                index[:] = 0
        _seed_program(device, seed)


def _seed_program(device: Any, seed: int) -> None:
    """Let the program of a standalone device begin with the seed; one that the user sets comes later, and counts."""
    queue = getattr(device, "main_queue", None)
    if isinstance(queue, list):
        queue[:] = [_Seed(("seed", seed)), *(entry for entry in queue if not isinstance(entry, _Seed))]


class _Seed(tuple[Any, ...]):
    """An entry of ours in the queue of a standalone device."""

    __slots__ = ()


def _put_into_brian2(brian2: Any, seed: int) -> Undo:
    """Seed a standalone device also when it is made anew (``device.reinit()``, ``device.activate()``)."""
    kind: Any = sys.modules["brian2.devices.device"].Device
    activate = kind.activate

    def activate_seeded(device: Any, *args: Any, **kwargs: Any) -> Any:
        done = activate(device, *args, **kwargs)
        _seed_program(device, seed)
        return done

    kind.activate = activate_seeded

    def undo() -> None:
        kind.activate = activate

    return undo


class _NumberedSeeds:
    """In the place of Gymnasium's ``np_random``: who asks without a seed gets one that follows from that of the run."""

    def __init__(self, np_random: Callable[..., Any], seed: int) -> None:
        self._np_random = np_random
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin again with the first number."""
        import random

        self._numbers = random.Random(seed)

    def __call__(self, seed: int | None = None) -> Any:
        return self._np_random(self._numbers.getrandbits(31) if seed is None else seed)


def _seed_gymnasium(gymnasium: Any, seed: int) -> None:
    np_random = gymnasium.utils.seeding.np_random
    if isinstance(np_random, _NumberedSeeds):
        np_random.restart(seed)


def _put_into_gymnasium(gymnasium: Any, seed: int) -> Undo:
    seeding = gymnasium.utils.seeding
    np_random = seeding.np_random
    seeding.np_random = _NumberedSeeds(np_random, seed)

    def undo() -> None:
        seeding.np_random = np_random

    return undo


#: Name of a module -> how it is seeded.
LIBRARIES = {
    "torch": Library(_seed_torch, states=_torch_states, restore=_restore_torch),
    "tensorflow": Library(_seed_tensorflow),
    "keras": Library(_seed_keras),
    "numba": Library(_seed_numba, states=_numba_states, restore=_restore_numba),
    "brainstate": Library(_seed_brainstate, states=_brainstate_states, restore=_restore_brainstate),
    "brian2": Library(_seed_brian2, _put_into_brian2),
    "gymnasium": Library(_seed_gymnasium, _put_into_gymnasium),
}
