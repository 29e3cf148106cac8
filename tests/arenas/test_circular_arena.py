"""A round arena: its border, and that nobody leaves it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmanager.arenas import CircularArena, Simple2D, create_circular_wall
from simmanager.base.errors import ParameterError

inside = st.tuples(st.floats(0, 0.999), st.floats(0, 2 * math.pi))
moves = st.tuples(st.floats(-30, 30), st.floats(-30, 30))


class Barrier(CircularArena):
    def _create_custom_walls(self):
        self.custom_walls = [np.array([[0.5, -1.0], [0.5, 1.0]])]


def test_the_border_is_neuralplaygrounds_polygon():
    walls = create_circular_wall((1.0, 2.0), 3.0, 8)
    assert len(walls) == 8
    for i, (start, end) in enumerate(walls):
        for point, angle in ((start, i * math.pi / 4), (end, (i + 1) * math.pi / 4)):
            assert np.allclose(point, (1 + 3 * math.cos(angle), 2 + 3 * math.sin(angle)), atol=1e-15)
    assert all(np.array_equal(one[1], two[0]) for one, two in zip(walls, [*walls[1:], walls[0]], strict=True))


@settings(max_examples=200, deadline=None)
@given(start=inside, path=st.lists(moves, min_size=1, max_size=8), n_walls=st.integers(3, 40))
def test_nobody_leaves_the_circle(start, path, n_walls):
    env = CircularArena(radius=5.0, n_walls=n_walls, rng=np.random.default_rng(0))
    distance = start[0] * 5 * math.cos(math.pi / n_walls)
    env.reset(custom_state=(distance * math.cos(start[1]), distance * math.sin(start[1])))
    for move in path:
        x, y = env.step(move)[1]
        assert math.hypot(x, y) <= 5


@settings(max_examples=200, deadline=None)
@given(start=inside, move=moves)
def test_the_quick_way_for_short_moves_gives_what_the_walls_give(start, move):
    env = CircularArena(radius=30.0)
    place = 29.9 * start[0] * np.array((math.cos(start[1]), math.sin(start[1])))
    end, crossed = env.validate_action(place, None, place + move)
    expected, expected_crossed = Simple2D.validate_action(env, place, None, place + move)
    if math.hypot(*expected) <= 30:
        assert end.tolist() == expected.tolist() and crossed == expected_crossed


def test_a_move_stops_at_the_border():
    env = CircularArena(radius=2.0)
    _, state, _ = env.step((5.0, 0.0))
    assert 1.99 < state[0] < 2


def test_inner_walls_stop_moves_too_and_can_be_taken_away():
    env = Barrier(radius=5.0)
    assert env.step((1.0, 0.0))[1][0] < 0.5
    env.wall_list = env.default_walls
    assert env.step((1.0, 0.0))[1][0] > 0.5


def test_without_any_walls_the_circle_stays_closed():
    env = CircularArena(radius=5.0)
    env.wall_list = []
    env.step((4.0, 0.0))
    assert env.step((0.0, 4.0))[1].tolist() == [4, 0]


def test_starts():
    env = CircularArena(radius=5.0, rng=np.random.default_rng(0))
    assert env.reset()[0].tolist() == [0, 0]
    starts = np.array([env.reset(random_state=True)[0] for _ in range(4000)])
    distances = np.hypot(*starts.T)
    assert distances.max() <= 5
    assert np.mean(distances < 5 / math.sqrt(2)) == pytest.approx(0.5, abs=0.03)  # half of the area
    assert env.reset(custom_state=(3, 3))[1].tolist() == [3, 3]
    with pytest.raises(ParameterError, match="custom_state must be in the circle of radius 5"):
        env.reset(custom_state=(4, 4))
    assert env.state.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"radius": 0}, "radius must be greater than 0"),
        ({"n_walls": 2}, "n_walls must be at least 3"),
        ({"n_walls": 2.5}, "n_walls must be a whole number"),
        ({"raduis": 1}, "Did you mean 'radius'"),
        ({"arena_x_limits": (-1, 1)}, "CircularArena has no parameter 'arena_x_limits'"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, message):
    with pytest.raises(ParameterError, match=message):
        CircularArena(**parameters)


def test_the_circle_is_drawn():
    from matplotlib import pyplot as plt

    env = CircularArena(n_walls=20)
    ax = env.plot_trajectory()
    assert len(ax.lines) == 20
    plt.close("all")


@pytest.mark.parametrize("n_walls", [3, 4, 5, 12])
def test_walls_stop_moves_however_many_they_are(n_walls):
    """From the centre, across the middle of a wall, which is radius * cos(pi / n_walls) away."""
    arena = CircularArena(radius=10.0, n_walls=n_walls)
    middle = np.mean(arena.default_walls[0], axis=0)
    assert np.hypot(*middle) == pytest.approx(10 * np.cos(np.pi / n_walls))
    _, state, _ = arena.step(middle * 1.05)
    assert np.allclose(state, middle, atol=1e-3)
    assert np.hypot(*state) < np.hypot(*middle)
