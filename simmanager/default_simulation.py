"""Ready-made simulations, at the size and with the parameters of NeuralPlayground's. Change a ``copy()`` of one."""

from .agents import Stachenfeld2018, Weber2018
from .arenas import Simple2D
from .simulation import SingleSim
from .training_loops import default_training_loop, episode_based_training_loop

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
