"""Agents: the models that move through an arena and learn from it."""

from .agent_core import AgentCore, RandomAgent
from .q_learning import QLearning
from .stachenfeld_2018 import Stachenfeld2018
from .weber_2018 import Weber2018

__all__ = ["AgentCore", "QLearning", "RandomAgent", "Stachenfeld2018", "Weber2018"]
