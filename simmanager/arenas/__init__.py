"""Arenas: the worlds in which agents move."""

from .arena_core import Environment
from .simple2d import Simple2D

__all__ = ["Environment", "Simple2D"]
