"""A walk in the four directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..base.public import public
from ..training.arrays import FloatArray

#: Directions that are drawn at once.
_BLOCK = 1024


#: Up, down, right, left. Read-only: the same arrays are returned again and again.
_ARROWS = tuple(np.array(step) for step in ((0, 1), (0, -1), (1, 0), (-1, 0)))
for _step in _ARROWS:
    _step.flags.writeable = False


@public("simmanager.agents")
@dataclass
class ArrowWalk:
    """Steps up, down, right or left with equal probability, drawn by the thousand."""

    #: Numbers of the directions that were drawn last, and how many of them were taken.
    drawn: bytes = b""
    used: int = 0

    def step(self, rng: np.random.Generator) -> FloatArray:
        """Return the next step, a unit vector (2,) that is read-only."""
        if self.used == len(self.drawn):
            self._draw(rng)
        self.used += 1
        return _ARROWS[self.drawn[self.used - 1]]

    def steps(self, n_steps: int, rng: np.random.Generator) -> FloatArray:
        """Return the next steps, (n_steps, 2): the same as `step` would."""
        chosen = bytearray()
        while len(chosen) < n_steps:
            if self.used == len(self.drawn):
                self._draw(rng)
            some = self.drawn[self.used :][: n_steps - len(chosen)]
            self.used += len(some)
            chosen += some
        return np.array(_ARROWS)[np.frombuffer(chosen, dtype=np.uint8)]

    def _draw(self, rng: np.random.Generator) -> None:
        self.drawn = nearest_arrows(rng.normal(scale=0.1, size=(_BLOCK, 2))).tobytes()
        self.used = 0


def nearest_arrows(noise: FloatArray) -> npt.NDArray[np.uint8]:
    """Return for each point, (n, 2), which of the four steps up, down, right, left is the nearest, (n,).

    That is the one with the largest scalar product; the first one if several are as near.
    """
    x, y = noise.T
    arrows: npt.NDArray[np.uint8] = np.stack((y, -y, x, -x)).argmax(axis=0).astype(np.uint8)
    return arrows
