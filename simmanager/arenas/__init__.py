"""Arenas: the environments in which agents move.

Names that are not in ``__all__`` are here since pickles refer to them; they are not meant to be imported.
"""

from ..training.recording import GrowingArray as GrowingArray
from ..training.recording import TransitionHistory as TransitionHistory
from .arena_core import Environment
from .circular_arena import CircularArena, create_circular_wall
from .connected_rooms import ConnectedRooms
from .episode_history import EpisodeHistory as EpisodeHistory
from .gymnasium_arena import GymnasiumArena
from .merging_room import MergingRoom
from .recorded_trajectory import RecordedTrajectory, example_recording
from .simple2d import Simple2D

__all__ = [
    "CircularArena",
    "ConnectedRooms",
    "Environment",
    "GymnasiumArena",
    "MergingRoom",
    "RecordedTrajectory",
    "Simple2D",
    "create_circular_wall",
    "example_recording",
]
