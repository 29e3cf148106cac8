"""Agents: the models that move through an arena and learn from it.

Names that are not in ``__all__`` are here since pickles refer to them; they are not meant to be imported.
"""

from .agent_core import AgentCore, RandomAgent
from .arrows import ArrowWalk as ArrowWalk
from .grid import Grid as Grid
from .q_learning import QLearning
from .stachenfeld_2018 import Stachenfeld2018
from .tuning_curves import GaussianCells as GaussianCells
from .weber_2018 import Weber2018

__all__ = ["AgentCore", "QLearning", "RandomAgent", "Stachenfeld2018", "Weber2018"]
