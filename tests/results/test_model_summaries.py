"""What agents and arenas give for the summary of a run: the right way up, at the right place."""

import numpy as np
import pytest

from simmanager.agents import AgentCore, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import Environment, Simple2D
from simmanager.disk.summary import model_arrays
from simmanager.training.loops import default_training_loop

ROOM = {"room_width": 6, "room_depth": 4}


def place_of(index, extent, n):
    """Return the middle of a bin of a map."""
    low, high = extent
    return low + (index + 0.5) * (high - low) / n


def test_a_map_of_a_weber_agent_has_at_each_place_the_rate_there():
    np.random.seed(1)
    agent = Weber2018(Ne=30, Ni=10, resolution=9, rectify=True, **ROOM)
    arrays = agent.summary_arrays()
    rates, (x_min, x_max, y_min, y_max) = arrays["maps:output rate"][0], arrays["extent:output rate"]
    n_y, n_x = rates.shape
    assert (n_x, n_y) == (9, 6)
    for iy in range(n_y):
        for ix in range(n_x):
            position = (place_of(ix, (x_min, x_max), n_x), place_of(iy, (y_min, y_max), n_y))
            assert rates[iy, ix] == pytest.approx(agent.get_output_rates(position))


def test_maps_of_a_successor_agent_are_the_leading_eigenvectors_of_what_it_learned():
    np.random.seed(1)
    agent = Stachenfeld2018(**ROOM)
    agent.srmat = agent.successor_rep_solution() + 0.01 * np.random.random((agent.n_state, agent.n_state))
    arrays = agent.summary_arrays()
    maps, (x_min, x_max, y_min, y_max) = arrays["maps:eigenvectors"], arrays["extent:eigenvectors"]
    n_maps, n_y, n_x = maps.shape
    assert (n_maps, n_y, n_x) == (16, 4, 6)
    for which in range(n_maps):
        vector = agent.get_rate_map_matrix(agent.srmat.T, which).ravel()
        for iy in range(n_y):
            for ix in range(n_x):
                position = (place_of(ix, (x_min, x_max), n_x), place_of(iy, (y_min, y_max), n_y))
                assert maps[which, iy, ix] == pytest.approx(vector[agent.obs_to_state(position)])
    values = [np.linalg.norm(agent.srmat @ maps[k, ::-1].T.ravel()) for k in range(3)]
    assert values == sorted(values, reverse=True)


def test_the_bins_of_a_map_are_as_large_as_the_distance_of_the_places():
    agent = Stachenfeld2018(state_density=2, **ROOM)
    x_min, x_max, y_min, y_max = agent.summary_arrays()["extent:eigenvectors"]
    assert (x_max - x_min) / agent.width == pytest.approx(agent.x_array[1] - agent.x_array[0])
    assert (y_max - y_min) / agent.depth == pytest.approx(agent.y_array[0] - agent.y_array[1])
    assert (x_min, y_min) == (-x_max, -y_max)


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (2, 1)])
def test_a_room_of_few_states_has_maps_too(size):
    agent = Stachenfeld2018(room_width=size[0], room_depth=size[1])
    arrays = model_arrays(agent.summary_arrays())
    assert arrays["maps:eigenvectors"].shape == (agent.n_state, size[1], size[0])
    x_min, x_max, y_min, y_max = arrays["extent:eigenvectors"]
    assert x_min < 0 < x_max and y_min < 0 < y_max


def test_a_room_of_very_many_states_has_no_maps():
    assert Stachenfeld2018(room_width=40, room_depth=30, twoD=False).summary_arrays() == {}


@pytest.mark.parametrize("agent", [Stachenfeld2018, Weber2018])
def test_giving_maps_changes_no_agent(agent):
    small = {} if agent is Stachenfeld2018 else {"Ne": 20, "Ni": 10, "resolution": 8}
    np.random.seed(1)
    trained, _, _ = default_training_loop(agent(**small, **ROOM), Simple2D(), 30)
    np.random.seed(1)
    twin, _, _ = default_training_loop(agent(**small, **ROOM), Simple2D(), 30)
    state = np.random.get_state()[1].tolist()
    assert model_arrays(trained.summary_arrays())
    assert trained == twin
    assert np.random.get_state()[1].tolist() == state


def test_an_arena_gives_its_trajectory_walls_and_limits():
    np.random.seed(1)
    arena = Simple2D(arena_x_limits=(-3, 5), arena_y_limits=(0, 2))
    default_training_loop(AgentCore(), arena, 2500)
    arrays = model_arrays(arena.summary_arrays())
    assert arrays["extent:"].tolist() == [-3, 5, 0, 2]
    assert np.array_equal(arrays["walls:"], arena.wall_list)
    positions = arena.history.array("state")
    assert arrays["trajectory:"].shape == (1000, 2)
    assert np.array_equal(arrays["trajectory:"], positions[arrays["steps:"]])
    assert arrays["steps:"][-1] == 2499


def test_walls_that_were_added_or_taken_away_are_those_given():
    arena = Simple2D()
    arena.wall_list = [*arena.default_walls, [[0, 0], [1, 1]]]
    assert model_arrays(arena.summary_arrays())["walls:"].shape == (5, 2, 2)
    arena.wall_list = []
    assert model_arrays(arena.summary_arrays())["walls:"].shape == (0, 2, 2)


def test_an_arena_with_a_history_of_its_own_gives_no_trajectory():
    class Own(Simple2D):
        def reset(self, *args, **kwargs):
            seen = super().reset(*args, **kwargs)
            self.history = []
            return seen

    arena = Own()
    assert set(model_arrays(arena.summary_arrays())) == {"walls:", "extent:"}


def test_models_without_maps_need_not_say_so():
    assert not any(hasattr(model, "summary_arrays") for model in (AgentCore, RandomAgent, Environment))
