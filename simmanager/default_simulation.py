"""Ready-made simulations: both models in every arena. Change a ``copy()`` of one.

``weber_in_2d`` and ``stachenfeld_in_2d`` have the size and the parameters of NeuralPlayground's.
"""

from typing import Any

from .agents import QLearning, Stachenfeld2018, Weber2018
from .arenas import CircularArena, ConnectedRooms, GymnasiumArena, MergingRoom, Simple2D, example_recording
from .simulation.single_sim import SingleSim
from .training.loops import default_training_loop, episode_based_training_loop
from .training.reinforcement_learning import reinforcement_learning_loop

#: Place or grid cells that emerge from excitatory and inhibitory plasticity in a square room, 10,000 steps.
#: Weber and Sprekeler, "Learning place cells, grid cells and invariances with excitatory and inhibitory
#: plasticity", eLife 2018, https://doi.org/10.7554/eLife.34560.
weber_in_2d = SingleSim(
    simulation_id="weber_2018_in_simple2D",
    agent_class=Weber2018,
    agent_params={
        "etaexc": 2e-4,
        "etainh": 8e-4,
        "model_name": "weber_2018",
        "sigma_exc": [0.05, 0.05],
        "sigma_inh": [0.1, 0.1],
        "Ne": 4900,
        "Ni": 1225,
        "Nef": 1,
        "Nif": 1,
        "alpha_i": 1,
        "alpha_e": 1,
        "we_init": 1.0,
        "wi_init": 1.5,
        "agent_step_size": 0.1,
        "resolution": 100,
        "ro": 1,
        "room_width": 20.0,
        "room_depth": 20.0,
        "disable_tqdm": True,
    },
    env_class=Simple2D,
    env_params={
        "arena_x_limits": [-10, 10],
        "arena_y_limits": [-10, 10],
        "env_name": "env_example",
        "time_step_size": 1,
        "agent_step_size": 0.5,
    },
    training_loop=default_training_loop,
    training_loop_params={"n_steps": 10000},
)

#: The successor representation of a random walk in a square room, learned in 100 episodes of 1,000 steps.
#: Stachenfeld, Botvinick and Gershman, "The hippocampus as a predictive map", Nature Neuroscience 2017,
#: https://doi.org/10.1101/097170.
stachenfeld_in_2d = SingleSim(
    simulation_id="stachenfeld_2018_in_simple2D",
    agent_class=Stachenfeld2018,
    agent_params={
        "discount": 0.9,
        "threshold": 1e-6,
        "lr_td": 1e-2,
        "state_density": 1,
        "room_width": 12,
        "room_depth": 12,
        "twoD": True,
    },
    env_class=Simple2D,
    env_params={
        "arena_x_limits": [-6, 6],
        "arena_y_limits": [-6, 6],
        "env_name": "env_example",
        "time_step_size": 0.2,
        "agent_step_size": 1,
    },
    training_loop=episode_based_training_loop,
    training_loop_params={"t_episode": 1000, "n_episode": 100},
)


def _weber(simulation_id: str, env_class: Any, env_params: dict[str, Any], **agent_params: Any) -> SingleSim:
    """Return ``weber_in_2d`` in another arena."""
    sim = weber_in_2d.copy(simulation_id=simulation_id, env_class=env_class, env_params=env_params)
    sim.agent_params = {**(sim.agent_params or {}), **agent_params}
    return sim


def _stachenfeld(simulation_id: str, env_class: Any, env_params: dict[str, Any], **agent_params: Any) -> SingleSim:
    """Return ``stachenfeld_in_2d`` in another arena; one TD error in ten is recorded, they take most of the memory."""
    sim = stachenfeld_in_2d.copy(simulation_id=simulation_id, env_class=env_class, env_params=env_params)
    sim.agent_params = {**(sim.agent_params or {}), **agent_params}
    sim.training_loop_params = {**(sim.training_loop_params or {}), "record_every": 10}
    return sim


# Two rooms and a corridor, in units of 5 cm, so that the unit steps of the successor representation pass the doors.
# Carpenter et al., "Grid cells form a global representation of connected environments", Current Biology 2015,
# https://doi.org/10.1016/j.cub.2015.02.037. The agents' rooms are centred on (0, 0): 36 x 36 hold the arena.
_CONNECTED = {"corridor_ysize": 8, "singleroom_ysize": 18, "singleroom_xsize": 18, "door_size": 2}
weber_in_connected_rooms = _weber(
    "weber_2018_in_connected_rooms",
    ConnectedRooms,
    {**_CONNECTED, "time_step_size": 0.2},
    room_width=36.0,
    room_depth=36.0,
    agent_step_size=1.0,
)
stachenfeld_in_connected_rooms = _stachenfeld(
    "stachenfeld_2018_in_connected_rooms",
    ConnectedRooms,
    {**_CONNECTED, "time_step_size": 0.2},
    room_width=36,
    room_depth=36,
    state_density=0.5,
)

# Two rooms that become one: a third of the time in each, a third in both.
# Wernle et al., "Integration of grid maps in merged environments", Nature Neuroscience 2018,
# https://doi.org/10.1038/s41593-017-0036-6. (NeuralPlayground's end long before the rooms are merged.)
weber_in_merging_room = _weber(
    "weber_2018_in_merging_room",
    MergingRoom,
    {
        "arena_x_limits": [-10, 10],
        "arena_y_limits": [-10, 10],
        "time_step_size": 0.2,
        "switch_time": 11,
        "merge_time": 22,
    },
)
stachenfeld_in_merging_room = _stachenfeld(
    "stachenfeld_2018_in_merging_room",
    MergingRoom,
    {
        "arena_x_limits": [-6, 6],
        "arena_y_limits": [-6, 6],
        "time_step_size": 0.2,
        "switch_time": 110,
        "merge_time": 220,
    },
)

# A round room.
weber_in_circular_arena = _weber("weber_2018_in_circular_arena", CircularArena, {"radius": 10.0})
stachenfeld_in_circular_arena = _stachenfeld("stachenfeld_2018_in_circular_arena", CircularArena, {"radius": 6.0})

# A path that was recorded; by itself no animal's. For your data:
# ``stachenfeld_in_recorded_trajectory.copy(env_class=RecordedTrajectory, env_params={"positions": "rat.mat", ...})``.
weber_in_recorded_trajectory = _weber(
    "weber_2018_in_recorded_trajectory",
    example_recording,
    {"n_positions": 10_000, "sampling_rate": 10.0, "room_size": 1.0},
    room_width=1.0,
    room_depth=1.0,
)
stachenfeld_in_recorded_trajectory = _stachenfeld(
    "stachenfeld_2018_in_recorded_trajectory",
    example_recording,
    {"n_positions": 20_000, "sampling_rate": 5.0, "room_size": 1.0},
    room_width=1.0,
    room_depth=1.0,
    state_density=12,
)

#: A pole is balanced on a cart, by trial and error; needs the extra ``gymnasium``.
#: Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems",
#: IEEE Transactions on Systems, Man, and Cybernetics 1983, https://doi.org/10.1109/TSMC.1983.6313077.
q_learning_in_cartpole = SingleSim(
    simulation_id="q_learning_in_cartpole",
    agent_class=QLearning,
    agent_params={
        "n_actions": 2,
        # Position, velocity, angle, angular velocity.
        "bins": [(-2.4, 2.4, 3), (-3.0, 3.0, 3), (-0.21, 0.21, 6), (-2.0, 2.0, 6)],
        "learning_rate": 0.2,
        "discount": 0.99,
        "epsilon": 1.0,
        "epsilon_decay": 0.97,
        "epsilon_min": 0.01,
    },
    env_class=GymnasiumArena,
    env_params={"env_id": "CartPole-v1"},
    training_loop=reinforcement_learning_loop,
    training_loop_params={"n_episode": 300},
)


def all_default_simulations() -> dict[str, SingleSim]:
    """Return all simulations of this module by the name of their variable, e.g. "weber_in_2d"."""
    return {name: thing for name, thing in globals().items() if isinstance(thing, SingleSim)}
