"""Two rooms and a corridor: where the walls are, where one can go."""

import numpy as np
import pytest

from simmanager.agents import AgentCore
from simmanager.arenas import ConnectedRooms
from simmanager.base.errors import ParameterError
from simmanager.training.loops import default_training_loop


def test_the_arena_has_the_measures_of_the_paper_and_neuralplaygrounds_walls():
    env = ConnectedRooms()
    assert env.arena_limits.tolist() == [[-90, 90], [-90, 40]]
    walls = [
        [[0, 0], [0, -90]],
        [[-90, 0], [-50, 0]],
        [[-40, 0], [0, 0]],
        [[0, 0], [40, 0]],
        [[50, 0], [90, 0]],
    ]
    assert np.array_equal(env.custom_walls, walls)
    assert len(env.wall_list) == 9


def test_the_agent_starts_in_the_corridor_and_gets_away_from_there():
    env = ConnectedRooms()
    obs, _ = env.reset()
    assert obs.tolist() == [0, 20]
    for move in ((-3, 0), (0, -5), (4, 4)):
        before = env.state.copy()
        assert (env.step(move)[1] - before).tolist() == list(move)


@pytest.mark.parametrize("side", [-1, 1])
def test_each_room_is_entered_by_its_door_only(side):
    env = ConnectedRooms()
    env.reset(custom_state=(side * 45, 5))
    assert env.step((0, -10))[1].tolist() == [side * 45, -5]
    for x in (39, 51, 10, 85):
        env.reset(custom_state=(side * x, 5))
        assert 0 < env.step((0, -10))[1][1] < 1
        env.reset(custom_state=(side * x, -5))
        assert -1 < env.step((0, 10))[1][1] < 0
    env.reset(custom_state=(side * 2, -60))
    assert 0 < side * env.step((-side * 10, 0))[1][0] < 2


def test_a_long_walk_comes_into_both_rooms_and_passes_no_wall():
    np.random.seed(1)
    env = ConnectedRooms(singleroom_xsize=9, singleroom_ysize=9, corridor_ysize=4, door_size=2)
    _, env, _ = default_training_loop(AgentCore(agent_step_size=1.0), env, 4000)
    path = np.vstack(([0, 2], env.history.array("state")))
    (x, y), (next_x, next_y) = path[:-1].T, path[1:].T
    down_or_up = (y > 0) != (next_y > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        door = x + y / (y - next_y) * (next_x - x)
    assert down_or_up.sum() > 10
    assert (np.abs(np.abs(door[down_or_up]) - 4.5) <= 1).all()
    below = (y < 0) & (next_y < 0)
    assert ((x > 0) == (next_x > 0))[below].all()
    assert {*np.sign(x[below])} == {-1, 1}


def test_a_random_start_is_anywhere_and_another_one_must_be_in_the_arena():
    env = ConnectedRooms(rng=np.random.default_rng(1))
    starts = np.array([env.reset(random_state=True)[0] for _ in range(200)])
    assert (starts[:, 1] > 0).any() and (starts[:, 0] < -60).any() and (starts[:, 0] > 60).any()
    assert (starts >= (-90, -90)).all() and (starts <= (90, 40)).all()
    with pytest.raises(ParameterError, match="custom_state must be in the room"):
        env.reset(custom_state=(0, 41))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"door_size": 0}, "door_size must be greater than 0"),
        ({"door_size": 90}, "door_size must be less than singleroom_xsize 90"),
        ({"corridor_ysize": "wide"}, "corridor_ysize must be a number"),
        ({"singleroom_size": 3}, "no parameter 'singleroom_size'. Did you mean 'singleroom_.size'"),
        ({"arena_x_limits": (-1, 1)}, "ConnectedRooms has no parameter 'arena_x_limits'"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ConnectedRooms(**parameters)
