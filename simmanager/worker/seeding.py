"""The random generators of a run."""

from __future__ import annotations

import functools
import random
from typing import Any

from .library_seeds import seed_libraries


def seed_everything(seed: int) -> None:
    """Seed ``random``, ``numpy.random`` and the libraries that are loaded and have generators of their own."""
    import numpy as np

    random.seed(seed)
    if global_bit_generator() is not _usual_bit_generator():  # an earlier run has put another in its place
        use_bit_generator(_usual_bit_generator())
    np.random.seed(seed)  # the global generator, which models without their own use
    seed_libraries(seed)


def global_bit_generator() -> Any:
    """Return the bit generator behind the functions of ``numpy.random``."""
    import numpy.random as numpy_random

    return numpy_random.mtrand.get_bit_generator()


def use_bit_generator(generator: Any) -> None:
    """Put a bit generator behind the functions of ``numpy.random``."""
    import numpy.random as numpy_random

    numpy_random.mtrand.set_bit_generator(generator)


@functools.cache
def _usual_bit_generator() -> Any:
    """Return the bit generator that every run finds: of the kind that NumPy has by itself."""
    from numpy.random import MT19937

    current = global_bit_generator()
    return current if isinstance(current, MT19937) else MT19937()
