"""Same positions in, same numbers out: our models against NeuralPlayground's."""

from __future__ import annotations

import numpy as np
import pytest
from neuralplayground import agents as theirs
from neuralplayground import arenas as their_arenas

from simmanager import agents, arenas
from simmanager.agents.tuning_curves import GaussianCells

TOLERANCE = {"rtol": 0, "atol": 1e-10}


@pytest.fixture
def trajectory(recordings):
    """Positions of the recorded behaviour that their arena replays, (1000, 2), in cm; it starts anew at its end."""
    np.random.seed(0)
    path = recordings["Sargolini2006"]
    arena = their_arenas.Sargolini2006(use_behavioral_data=True, data_path=path, time_step_size=0.1)
    positions = np.array([arena.step(None)[0][:2] for _ in range(1000)])
    assert len(np.unique(positions, axis=0)) > 100
    return positions


@pytest.mark.parametrize(
    ("width", "depth", "density", "discount", "lr_td"),
    [(100, 100, 0.12, 0.9, 1e-2), (100, 60, 0.2, 0.99, 0.1), (12, 12, 1, 0.9, 1e-2)],
)
def test_sr_updates_are_theirs(trajectory, width, depth, density, discount, lr_td):
    params = {"discount": discount, "lr_td": lr_td, "threshold": 1e-6, "twoD": True}
    room = {"room_width": width, "room_depth": depth, "state_density": density}
    their, our = theirs.Stachenfeld2018(**params, **room), agents.Stachenfeld2018(**params, **room)
    for position in trajectory:
        for agent in (their, our):
            agent.act(position)
        assert our.next_state == their.next_state
        their_error, our_error = their.update()["state_td_error"], our.update()["state_td_error"]
        np.testing.assert_allclose(our_error, their_error, **TOLERANCE)
    np.testing.assert_allclose(our.srmat, their.srmat, **TOLERANCE)
    np.testing.assert_allclose(our.grad_history, their.grad_history, **TOLERANCE)
    assert not np.array_equal(their.srmat, np.eye(len(their.srmat))), "it has learned"


def test_what_follows_from_the_transitions_of_a_square_room_is_theirs():
    their, our = theirs.Stachenfeld2018(), agents.Stachenfeld2018()
    np.testing.assert_allclose(our.transmat_norm, their.transmat_norm, **TOLERANCE)
    np.testing.assert_allclose(our.successor_rep_solution(), their.successor_rep_solution(), **TOLERANCE)
    np.testing.assert_allclose(our.successor_rep_sum(), their.successor_rep_sum(), **TOLERANCE)
    their.update_successor_rep_td_full(10, 50)
    np.testing.assert_allclose(our.update_successor_rep_td_full(10, 50), their.srmat_full_td, **TOLERANCE)


def weber(module, width, depth, resolution, **params):
    common = {"Ne": 100, "Ni": 36, "sigma_exc": np.array([0.05, 0.05]), "sigma_inh": np.array([0.1, 0.1])}
    room = {"room_width": width, "room_depth": depth, "resolution": resolution}
    return module.Weber2018(**common, **room, disable_tqdm=True, **params)


@pytest.mark.parametrize(("width", "depth", "resolution", "n_gaussians"), [(100, 100, 40, 1), (100, 50, 30, 3)])
def test_weber_updates_are_theirs(trajectory, width, depth, resolution, n_gaussians):
    gaussians = {"Nef": n_gaussians, "Nif": n_gaussians}
    np.random.seed(2)
    their = weber(theirs, width, depth, resolution, **gaussians)
    our = weber(agents, width, depth, resolution, record_weight_changes=True, **gaussians)
    our.we, our.wi, our.init_we_sum = their.we.copy(), their.wi.copy(), float(their.init_we_sum)
    our.exc_cell_list, our.inh_cell_list = their.exc_cell_list, their.inh_cell_list
    for position in trajectory:
        for agent in (their, our):
            agent.act(position)
        their_changes, our_changes = their.update(), our.update()
        for name in ("delta_we", "delta_wi"):
            np.testing.assert_allclose(our_changes[name], their_changes[name], **TOLERANCE)
    for name in ("we", "wi", "grad_history"):
        np.testing.assert_allclose(getattr(our, name), getattr(their, name), **TOLERANCE)
    np.testing.assert_allclose(our.get_rate_map_matrix(), their.get_rate_map_matrix(), **TOLERANCE)


@pytest.mark.parametrize(("width", "depth", "n_gaussians"), [(20.0, 20.0, 1), (100, 50, 2)])
def test_tuning_curves_with_the_same_centres_are_theirs(width, depth, n_gaussians):
    np.random.seed(3)
    their = weber(theirs, width, depth, 30, Nef=n_gaussians)
    our = weber(agents, width, depth, 30, Nef=n_gaussians)
    centres = np.array([[mean for mean, _ in cell] for cell in their.exc_rates_functions])
    cells = GaussianCells(our._grid, centres, (0.05 * width, 0.05 * width), 1.0)
    np.testing.assert_allclose(cells.curves(), their.exc_cell_list, **TOLERANCE)


def test_the_same_steps_lead_to_the_same_positions_walls_or_not():
    limits = {"arena_x_limits": [-3, 3], "arena_y_limits": [-2, 2], "time_step_size": 0.2, "agent_step_size": 1}
    rooms = [module.Simple2D(**limits) for module in (their_arenas, arenas)]
    for room in rooms:
        room.reset()
    for step in np.random.default_rng(4).normal(scale=0.8, size=(2000, 2)):
        one, other = (room.step(step)[0] for room in rooms)
        np.testing.assert_allclose(other, one, **TOLERANCE)
