"""Makes the batches of simmanager 0.1.0 that ``tests/test_old_batch.py`` opens with the version of today.

They were made once, with the code of commit 3adea377a5a9 (0.1.0), before its modules were sorted into packages, and are
kept as they are: what today's code writes is no test of it. How (Python 3.11, NumPy 2.4):

    git clone --branch main REPOSITORY /opt/simmanager-0.1 && cd /opt/simmanager-0.1 && git checkout 3adea377a5a9
    python3.11 -m venv .venv && .venv/bin/python -m pip install '.[gymnasium]'
    mkdir /opt/old-batches && cp tests/old_batch/*.py /opt/old-batches && cd /opt/old-batches
    unshare --uts sh -c 'hostname workstation; exec /opt/simmanager-0.1/.venv/bin/python make.py'
    rm */batch.lock */*/run_*/state.lock single_0_1/state.lock

and ``batch_0_1``, ``script_0_1`` and ``single_0_1`` were copied here, byte by byte.

``batch_0_1`` has every agent, arena and training loop in some run, and runs in every state. ``script_0_1`` has classes
and functions of this file, which travel by value: such pickles hold the byte code of one Python version, and are of no
use in another one. So do the two checkpoints in ``batch_0_1``: 0.1.0 wrote the byte code of a class method of its own
into them. ``single_0_1`` is what ``SingleSim.run_sim`` writes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import old_models
from old_models import CUT, FAIL_ONCE
from simmanager.autocorrelogram import spatial_autocorrelogram
from simmanager.errors import ParameterError
from simmanager.grid_score import best_grid_score, grid_score
from simmanager.learning_curves import final_value
from simmanager.rate_maps import occupancy
from simmanager.spatial_tuning import spatial_information
from simmanager.statistics import mean

from simmanager import (
    OneShot,
    SimulationManager,
    SingleSim,
    default_training_loop,
    episode_based_training_loop,
    load_checkpoint,
    reinforcement_learning_loop,
    report_progress,
    save_checkpoint,
    sweep,
)
from simmanager.agents import AgentCore, QLearning, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import (
    CircularArena,
    ConnectedRooms,
    Environment,
    GymnasiumArena,
    MergingRoom,
    RecordedTrajectory,
    Simple2D,
    example_recording,
)
from simmanager.compat.neuralplayground import tem_training_loop

ROOM = {"arena_x_limits": [-2, 2], "arena_y_limits": [-2, 2], "time_step_size": 0.2, "agent_step_size": 1}
PLACES = {"discount": 0.9, "threshold": 1e-6, "lr_td": 0.01, "state_density": 1, "room_width": 4, "room_depth": 4}
PLASTICITY = {"Ne": 16, "Ni": 4, "Nef": 1, "Nif": 1, "resolution": 12, "room_width": 4.0, "room_depth": 4.0}
COMPASS = [(0, 1), (0, -1), (1, 0), (-1, 0)]
POLE = {"n_actions": 2, "bins": [(-2.4, 2.4, 3), (-3, 3, 3), (-0.21, 0.21, 6), (-2, 2, 6)]}
SIXTEEN = {"n_steps": 16}


def sim(name: str, agent: Any, env: Any, loop: Any = default_training_loop, **fields: Any) -> SingleSim:
    """Return a simulation of 16 steps."""
    return SingleSim(agent, env_class=env, training_loop=loop, simulation_id=name, **fields)


def places_in_2d() -> SingleSim:
    """Return a successor representation that learns in a room of 4 x 4."""
    episodes = {"t_episode": 4, "n_episode": 4}
    return sim(
        "places",
        Stachenfeld2018,
        Simple2D,
        episode_based_training_loop,
        agent_params=PLACES,
        env_params=ROOM,
        training_loop_params=episodes,
    )


def simulations() -> list[SingleSim]:
    """Return what ``batch_0_1`` consists of."""
    rooms = {"corridor_ysize": 2, "singleroom_ysize": 3, "singleroom_xsize": 3, "door_size": 1}
    path = [(0.0, 0.0), (0.5, 0.5), (1.0, 0.0), (0.5, -0.5)]
    steps: dict[str, Any] = {"training_loop_params": SIXTEEN}
    return [
        *sweep(places_in_2d(), {"agent_params.lr_td": [0.01, 0.1]}),
        sim(
            "grids",
            Weber2018,
            CircularArena,
            agent_params=PLASTICITY,
            env_params={"radius": 2.0, "n_walls": 8},
            metrics={"grid": best_grid_score, "distance": old_models.distance, "broken": old_models.not_a_number},
            **steps,
        ),
        sim("corridor", AgentCore, ConnectedRooms, env_params=rooms, **steps),
        sim("merging", RandomAgent, MergingRoom, env_params={"switch_time": 0.1, "merge_time": 0.2}, **steps),
        sim("recorded", old_models.Talker, RecordedTrajectory, env_params={"positions": path}, **steps),
        sim("example", RandomAgent, example_recording, env_params={"n_positions": 20}, **steps),
        sim("still", AgentCore, Environment, **steps),
        sim(
            "compass",
            QLearning,
            Simple2D,
            reinforcement_learning_loop,
            agent_params={"actions": COMPASS, "bins": [(-2, 2, 4), (-2, 2, 4)]},
            env_params=ROOM,
            training_loop_params={"n_episode": 4, "t_episode": 4},
        ),
        sim(
            "pole",
            QLearning,
            GymnasiumArena,
            reinforcement_learning_loop,
            agent_params=POLE,
            env_params={"env_id": "CartPole-v1"},
            training_loop_params={"n_episode": 3},
        ),
        sim(
            "tem",
            old_models.TinyTem,
            old_models.TinyBatchArena,
            tem_training_loop,
            training_loop_params={"n_episode": 2, "params": {"n_rollout": 3}},
        ),
        OneShot(old_models.decay, {"rate": 0.5}, "decay"),
        sim("second_attempt", RandomAgent, Simple2D, old_models.loop_that_failed_once, env_params=ROOM, **steps),
        sim("failed", RandomAgent, Simple2D, agent_params={"step_size": -1.0}, env_params=ROOM, **steps),
        sim("cut_steps", old_models.Talker, Simple2D, old_models.steps_loop_that_was_cut, env_params=ROOM, **steps),
        sim(
            "cut_episodes",
            QLearning,
            GymnasiumArena,
            old_models.episodes_loop_that_was_cut,
            agent_params=POLE,
            env_params={"env_id": "CartPole-v1"},
            training_loop_params={"n_episode": 6},
        ),
        sim("waiting", Weber2018, Simple2D, agent_params=PLASTICITY, env_params=ROOM, **steps),
    ]


# Of this file: by value ----------------------------------------------------------------------------------------


class ScriptAgent(AgentCore):
    """An agent of a script."""

    def act(self, obs: Any, policy_func: Any = None) -> Any:
        """Refuse observations of another form."""
        if len(obs) != 2:
            raise ParameterError(f"two numbers, not {obs!r}")
        return super().act(obs, policy_func)

    def update(self) -> dict[str, Any]:
        """Count."""
        self.global_steps += 1
        return {"steps": float(self.global_steps)}


class ScriptRoom(Simple2D):
    """An arena of a script."""

    def reward_function(self, action: Any, state: Any) -> float:
        """Reward what is on the right."""
        return float(state[0] > 0)


def script_loop(agent: Any, env: Any, n_steps: int) -> Any:
    """Reports its progress and saves checkpoints by the public names."""
    start = load_checkpoint() or 0
    save_checkpoint(start)
    agent, env, history = default_training_loop(agent, env, n_steps)
    report_progress(n_steps, n_steps)
    return agent, env, history


def script_metric(agent: Any, env: Any, history: Any) -> float:
    """Uses functions of the analysis, as a metric of a script does."""
    places = np.array([transition["state"] for transition in env.history])
    seen = occupancy(places, 4, (-2, 2, -2, 2))
    score = grid_score(spatial_autocorrelogram(seen)) if len(places) > 1000 else 0.0  # too few here
    return float(
        score + spatial_information(np.ones_like(seen)) + mean([1.0, 3.0]) + final_value(history["steps"][None])[0]
    )


def script_function(gain: float) -> dict[str, float]:
    """A function of a script, which knows another simulation."""
    return {"gain": gain, "fields": len(SingleSim().fields)}


def script_simulations() -> list[SingleSim]:
    """Return what ``script_0_1`` consists of."""
    script = sim(
        "script",
        ScriptAgent,
        ScriptRoom,
        script_loop,
        env_params=ROOM,
        training_loop_params=SIXTEEN,
        metrics={"all_in_one": script_metric},
    )
    return [script, OneShot(script_function, {"gain": 2.0}, "function"), script.copy(simulation_id="script_waiting")]


# Making --------------------------------------------------------------------------------------------------------


def make_batch() -> None:
    """Make ``batch_0_1``, with runs in every state."""
    manager = SimulationManager(simulations(), 1, "batch_0_1", seed=11)
    manager.generate_sim_paths()
    os.environ[FAIL_ONCE] = str(Path("failed_once").absolute())
    for name in manager.simulation_ids:
        if name.startswith("cut_"):
            dead = subprocess.run([sys.executable, __file__, name], check=False)
            assert dead.returncode < 0, f"{name} was not cut"
        elif name != "waiting":
            retry = name == "second_attempt"
            manager.rerun_simulation(name, n_jobs=1, progress=False, retries=int(retry), retry_errors=retry)


def run_until_the_power_is_cut(name: str) -> None:
    """Run one simulation of ``batch_0_1``; this process does not survive it."""
    os.environ[CUT] = str(os.getpid())
    manager = SimulationManager(existing_simulation="batch_0_1")
    manager.rerun_simulation(name, n_jobs=1, progress=False, checkpoint_every_s=1e-9)


def make_script_batch() -> None:
    """Make ``script_0_1``: two simulations that have run, one that has not."""
    manager = SimulationManager(script_simulations(), 1, "script_0_1", seed=12)
    manager.generate_sim_paths()
    for name in ("script", "function"):
        manager.rerun_simulation(name, n_jobs=1, progress=False)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_until_the_power_is_cut(sys.argv[1])
        sys.exit("it should not have survived")
    make_batch()
    make_script_batch()
    places_in_2d().run_sim("single_0_1", seed=13)
    print(SimulationManager(existing_simulation="batch_0_1").check_run_status())
