"""Rooms, walls, and where a move ends."""

import math
import pickle

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from references import check_walls

from simmanager.arenas import Environment, Simple2D
from simmanager.base.errors import ParameterError, ParameterTypeError

mpl.use("Agg")

steps = st.one_of(
    st.floats(-3, 3),
    st.floats(-1e-9, 1e-9),
    st.floats(-1e300, 1e300),
    st.sampled_from([0.0, 6.0, -6.0, 12.0, -12.0, 1e-310, 5e-324]),
)
walks = st.lists(st.tuples(steps, steps), max_size=60)
inside = st.floats(-5.9, 5.9)


class Divided(Simple2D):
    """A room with a wall from bottom to top, and one with a door."""

    def _create_custom_walls(self):
        self.custom_walls = [
            np.array([[1, -6], [1, 6]]),
            np.array([[-6, 2], [-3, 2]]),
            np.array([[-2, 2], [1, 2]]),
            np.array([[-1, -4], [0, -2]]),
        ]


def room(cls=Simple2D, **changes):
    return cls(**{"arena_x_limits": [-6, 6], "arena_y_limits": [-6, 6], **changes})


@pytest.mark.parametrize("cls", [Simple2D, Divided])
@settings(max_examples=150, deadline=None)
@given(walk=walks, start=st.tuples(inside, inside))
@example(walk=[(6, 0), (0, 6), (-6, 0), (-12, 0)], start=(0, 0))
@example(walk=[(6, 6), (6, 6), (-12, -12), (1e300, 1e300)], start=(0, 0))
def test_an_agent_never_leaves_the_room(cls, walk, start):
    env = room(cls)
    env.reset(custom_state=start)
    for action in walk:
        _, state, _ = env.step(np.array(action))
        assert np.abs(state).max() <= 6


@pytest.mark.parametrize("corner", [(-6, -6), (-6, 6), (6, -6), (6, 6)])
def test_an_agent_on_the_border_may_go_back_inside_but_not_out(corner):
    env = room()
    env.reset(custom_state=corner)
    assert env.step(np.array(corner))[1].tolist() == list(corner)
    assert env.step(-np.array(corner) / 2)[1].tolist() == [corner[0] / 2, corner[1] / 2]


@settings(max_examples=150, deadline=None)
@given(walk=st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=30))
def test_nobody_gets_through_a_wall_from_side_to_side(walk):
    env = room(Divided)
    for action in walk:
        _, state, _ = env.step(np.array(action))
        assert state[0] < 1


@pytest.mark.parametrize("cls", [Simple2D, Divided])
@settings(max_examples=400, deadline=None)
@given(start=st.tuples(inside, inside), move=st.tuples(st.floats(-30, 30), st.floats(-30, 30)))
@example(start=(0.0, 0.0), move=(-12.0, -12.0))
@example(start=(0.0, 0.0), move=(6.0, 3.0))
@example(start=(0.5, 3.0), move=(0.0, 9.0))
def test_a_move_ends_where_the_plain_equations_say(cls, start, move):
    env = room(cls)
    start, move = np.array(start), np.array(move)
    for wall in env.wall_list if env.custom_walls else ():
        # Through the very end of a wall, from right on it, or along it, rounding decides whether it is crossed.
        # In a plain rectangle that makes no difference; before a further wall it does (by 1e-5 of the move).
        directions = np.array([wall[1] - wall[0], wall[0] - start, wall[1] - start])
        crosses = directions[:, 0] * move[1] - directions[:, 1] * move[0]
        assume(np.abs(crosses).min() > 1e-6)
        assume(abs(np.linalg.det(directions[:2])) > 1e-3)
    expected, expected_crossed = check_walls(start, start + move, env.wall_list)
    state, crossed = env.validate_action(start, move, start + move)
    assume(np.abs(expected).max() <= 6)
    np.testing.assert_allclose(state, expected, rtol=0, atol=1e-12)
    assert crossed == expected_crossed


@pytest.mark.parametrize("angle", np.linspace(0, 2 * math.pi, 33))
def test_moves_into_the_corners_end_where_the_plain_equations_say(angle):
    env = room(arena_x_limits=[-3, 6], arena_y_limits=[-2, 5])
    for corner in ((-3, -2), (-3, 5), (6, -2), (6, 5)):
        start = np.array((0.5, 0.25)) + np.array((math.cos(angle), math.sin(angle)))
        move = (np.array(corner) - start) * 2
        expected, _ = check_walls(start, start + move, env.wall_list)
        state, _ = env.validate_action(start, move, start + move)
        if -3 <= expected[0] <= 6 and -2 <= expected[1] <= 5:
            np.testing.assert_allclose(state, expected, rtol=0, atol=1e-12)


def test_a_move_stops_before_the_wall_by_a_fraction_of_itself():
    env = room()
    _, state, _ = env.step(np.array([12.0, 0.0]))
    assert state.tolist() == pytest.approx([6 - 12e-5, 0], abs=1e-12)


def test_walls_can_be_changed_later():
    env = room(Divided)
    assert env.step((3.0, 0.0))[1][0] < 1
    env.wall_list = env.default_walls
    assert env.step((3.0, 0.0))[1][0] > 1
    with pytest.raises(ParameterError, match="two points"):
        env.wall_list = [[1, 2]]


def test_a_subclass_may_replace_the_rule_for_moves():
    class Frozen(Simple2D):
        def validate_action(self, pre_state, action, new_state):
            return pre_state.copy(), True

    assert room(Frozen).step((1.0, 1.0))[1].tolist() == [0, 0]


def test_steps_are_counted_and_kept():
    env = room(time_step_size=0.5)
    obs, state = env.reset()
    env.step(None)
    obs, state, reward = env.step([1, 2])
    assert obs.tolist() == state.tolist() == [1, 2]
    assert reward == 0
    assert (env.global_steps, env.global_time) == (2, 1.0)
    assert env.history[0]["action"] is None
    assert env.history[1]["action"].tolist() == [1, 2]
    assert env.get_trajectory_data() is env.history
    env.reset()
    assert len(env.history) == 0


def test_what_a_step_returned_never_changes():
    env = room()
    obs, state, _ = env.step((1.0, 0.0))
    obs[:], kept = 99, state.copy()
    env.step((1.0, 0.0))
    assert state.tolist() == kept.tolist() == [1, 0]
    assert env.state.tolist() == [2, 0]


def test_normalised_steps_have_the_length_of_the_arena():
    env = room(agent_step_size=0.25)
    assert env.step((3.0, 4.0), normalize_step=True)[1].tolist() == pytest.approx([0.15, 0.2])
    assert env.step((0.0, 0.0), normalize_step=True)[1].tolist() == pytest.approx([0.15, 0.2])


@pytest.mark.parametrize("action", [(1,), "up", 3, (1, 2, 3), ("a", "b"), [[1, 2], [3, 4]]])
def test_an_action_that_is_not_two_numbers_is_refused(action):
    with pytest.raises(ParameterTypeError, match="action must be two numbers"):
        room().step(action)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_action_that_is_not_finite_is_refused(value):
    for cls in (Simple2D, Divided):
        with pytest.raises(ParameterError, match="finite"):
            room(cls).step(np.array([0, value]))


def test_starts():
    assert room().reset()[0].tolist() == [0, 0]
    assert room(arena_x_limits=[2, 4]).reset()[0].tolist() == [3, 0]
    assert room().reset(custom_state=(1, 2))[1].tolist() == [1, 2]
    one = room(rng=np.random.default_rng(3)).reset(random_state=True)[0]
    two = room(rng=np.random.default_rng(3)).reset(random_state=True)[0]
    assert one.tolist() == two.tolist() and np.abs(one).max() <= 6
    with pytest.raises(ParameterError, match="custom_state must be in the room"):
        room().reset(custom_state=(7, 0))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"arena_x_limits": [6, -6]}, "arena_x_limits must be two increasing numbers"),
        ({"arena_y_limits": 6}, "arena_y_limits must be two numbers"),
        ({"arena_y_limits": ["a", 6]}, "arena_y_limits.0. must be a number"),
        ({"agent_step_size": 0}, "agent_step_size must be greater than 0"),
        ({"time_step_size": "1"}, "time_step_size must be a number"),
        ({"arena_xlimits": (0, 1)}, "Did you mean 'arena_x_limits'"),
        ({"env_name": 3}, "env_name of Simple2D must be a string"),
        ({"rng": 1}, "rng must be a numpy.random.Generator"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Simple2D(**parameters)


def test_both_names_of_the_name_are_understood():
    assert Simple2D(env_name="a").environment_name == Simple2D(environment_name="a").env_name == "a"


def test_the_base_refuses_parameters_that_only_a_subclass_may_take():
    class Child(Environment):
        pass

    assert Child(depth=3).env_kwargs == {"depth": 3}
    with pytest.raises(ParameterTypeError, match="no parameter 'depth'"):
        Environment(depth=3)


def test_the_base_counts_and_remembers():
    env = Environment(time_step_size=2.0)
    obs, state, reward = env.step("anything")
    assert obs.size == state.size == reward == 0
    assert env.history[0]["action"] == "anything"
    assert env.global_time == 2
    env.reset()
    assert env.global_steps == 0


@pytest.mark.parametrize("cls", [Simple2D, Divided])
@pytest.mark.parametrize("raw_object", [True, False])
def test_an_arena_survives_saving(cls, raw_object, tmp_path):
    env = room(cls, time_step_size=0.5)
    env.step((1.0, 0.5))
    env.save_environment(tmp_path / "arena", raw_object=raw_object)
    other = room(cls)
    assert other != env
    other.restore_environment(tmp_path / "arena")
    assert other == env
    assert [path.name for path in tmp_path.iterdir()] == ["arena"]
    assert other.step((2.0, 0.0))[1].tolist() == env.step((2.0, 0.0))[1].tolist()


def test_a_file_of_another_class_is_not_restored(tmp_path):
    Environment().save_environment(tmp_path / "arena")
    with pytest.raises(ParameterTypeError, match="holds a Environment, not a Simple2D"):
        room().restore_environment(tmp_path / "arena")


def test_arenas_pickle_plainly_and_have_no_hash():
    env = room()
    assert pickle.loads(pickle.dumps(env)) == env == env.copy()
    with pytest.raises(TypeError):
        hash(env)
    assert env != "a string"


def test_the_path_is_drawn(tmp_path):
    from matplotlib import pyplot as plt

    env = room(Divided)
    ax = env.plot_trajectory()  # nothing to draw yet
    rng = np.random.default_rng(0)
    for action in rng.normal(size=(600, 2)):
        env.step(action)
    ax, _figure = env.plot_trajectory(return_figure=True, save_path=tmp_path / "path.png", plot_every=2)
    assert (tmp_path / "path.png").stat().st_size > 0
    (lines,) = ax.collections
    assert np.allclose(lines.get_segments()[0][0], env.history[0]["state"])
    assert env.plot_trajectory(history_data=list(env.history), ax=plt.subplots()[1]) is not None
    with pytest.raises(ParameterError, match="plot_every"):
        env.plot_trajectory(plot_every=0)
    plt.close("all")
