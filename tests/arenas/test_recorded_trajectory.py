"""A recording, replayed."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from simmanager.agents import Stachenfeld2018, Weber2018
from simmanager.arenas import RecordedTrajectory, example_recording
from simmanager.base.errors import ParameterError, ParameterTypeError, UnknownName
from simmanager.training.loops import default_training_loop, episode_based_training_loop

PATH = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 4.0), (3.0, 2.0), (4.0, 1.0)])


def replayed(env, n):
    env.reset()
    return np.array([env.step("anything")[1] for _ in range(n)])


def test_each_step_leads_to_the_next_position_whatever_the_agent_does():
    env = RecordedTrajectory(PATH, centre=False)
    obs, state = env.reset()
    assert obs.tolist() == state.tolist() == [0, 0]
    for action, expected in zip(((9, 9), None, "left", np.nan), PATH[1:], strict=True):
        obs, state, reward = env.step(action)
        assert obs.tolist() == state.tolist() == expected.tolist()
        assert reward == 0
    assert env.history.array("action").tolist() == np.diff(PATH, axis=0).tolist()


def test_the_room_is_the_extent_of_the_positions_around_the_origin():
    env = RecordedTrajectory(PATH)
    assert env.arena_limits.tolist() == [[-2, 2], [-2, 2]]
    assert env.positions[0].tolist() == [-2, -2]
    wide = RecordedTrajectory(PATH, arena_x_limits=(0, 10), arena_y_limits=(-4, 4), metres_per_unit=0.01)
    assert np.allclose(wide.arena_limits, [[-0.05, 0.05], [-0.04, 0.04]])
    assert np.allclose(wide.positions, (PATH - (5, 0)) * 0.01)
    track = RecordedTrajectory(PATH * (1, 0), centre=False)
    assert track.arena_limits.tolist() == [[0, 4], [-0.5, 0.5]]


def test_at_its_end_the_recording_begins_again_or_says_so():
    env = RecordedTrajectory(PATH, centre=False)
    assert replayed(env, 7).tolist() == [*PATH[1:].tolist(), *PATH[:3].tolist()]
    assert env.history[4]["action"] is None  # nothing moved there
    env = RecordedTrajectory(PATH, at_end="error")
    replayed(env, 4)
    before = env.copy()
    with pytest.raises(ParameterError, match=r"ends after 4 steps: it has 5 positions.*at_end='loop'"):
        env.step()
    assert env == before


def test_gaps_are_bridged_or_left_out():
    path = PATH.copy()
    path[[0, 2, 4]] = np.nan
    path[2, 1] = 7.0  # a position with half of it is none
    path[4] = np.inf
    env = RecordedTrajectory(path, centre=False)
    assert env.n_missing == 3
    assert env.positions.tolist() == [[1, 0], [2, 1], [3, 2]]
    env = RecordedTrajectory(path, centre=False, gaps="drop")
    assert env.positions.tolist() == [[1, 0], [3, 2]]


def test_the_time_of_a_step_is_that_of_the_data():
    assert RecordedTrajectory(PATH).time_step_size == 1
    assert RecordedTrajectory(PATH, sampling_rate=50).time_step_size == 0.02
    assert RecordedTrajectory(PATH, t=[10, 10.5, 11, 11.5, 12]).time_step_size == 0.5
    env = RecordedTrajectory(PATH, time_step_size=0.1)
    assert np.array_equal(env.positions, PATH - 2)
    replayed(env, 3)
    assert env.global_time == pytest.approx(0.3)


def test_positions_are_interpolated_where_the_steps_are_others():
    env = RecordedTrajectory(PATH, centre=False, sampling_rate=10, time_step_size=0.2)
    assert env.positions.tolist() == PATH[::2].tolist()
    env = RecordedTrajectory(PATH, centre=False, sampling_rate=10, time_step_size=0.05)
    assert np.allclose(env.positions[:5], [(0, 0), (0.5, 0), (1, 0), (1.5, 2), (2, 4)])
    assert len(env.positions) == 9
    late = RecordedTrajectory(PATH, centre=False, t=[0, 1, 2, 5, 6])
    assert np.allclose(late.positions[:, 0], [0, 1, 2, 2 + 1 / 3, 2 + 2 / 3, 3, 4])


def test_a_long_recording_at_an_awkward_rate_keeps_its_positions():
    path = np.random.default_rng(0).normal(size=(30_000, 2))
    for rate in (50, 30, 39.0625, 1 / 3):
        assert np.array_equal(RecordedTrajectory(path, centre=False, sampling_rate=rate).positions, path)
        times = np.arange(len(path)) / rate
        assert np.array_equal(RecordedTrajectory(path, centre=False, t=times).positions, path)


@pytest.mark.parametrize("kind", ["csv", "npz", "mat", "npy", "mat, one array"])
def test_files_of_all_kinds_give_what_the_array_gives(kind):
    x, y = PATH.T
    seconds = np.arange(5) / 50
    parameters = {"x": "posx", "y": "posy", "t": "post"}
    if kind == "csv":
        table = np.column_stack((seconds, x, y))
        np.savetxt("rat.csv", table, delimiter=",", header="post,posx,posy", comments="")
    elif kind == "npz":
        np.savez("rat.npz", posx=x, posy=y, post=seconds)
    elif kind == "mat":
        savemat("rat.mat", {"posx": x[:, None], "posy": y[:, None], "post": seconds[:, None]})
    elif kind == "npy":
        np.save("rat.npy", PATH)
        parameters = {"sampling_rate": 50}
    else:
        savemat("rat.mat", {"pos": np.column_stack((PATH, x))})
        parameters = {"xy": "pos", "sampling_rate": 50}
    env = RecordedTrajectory(f"rat.{kind[:3]}", **parameters, metres_per_unit=0.01)
    assert env.positions.tolist() == RecordedTrajectory(PATH, metres_per_unit=0.01).positions.tolist()
    assert env.time_step_size == pytest.approx(0.02)


def test_a_reset_may_go_anywhere_in_the_recording():
    env = RecordedTrajectory(PATH, centre=False, rng=np.random.default_rng(0))
    assert env.reset(custom_state=(2.1, 3.9))[0].tolist() == [2, 4]
    assert env.step()[1].tolist() == [3, 2]
    starts = {tuple(env.reset(random_state=True)[0]) for _ in range(100)}
    assert starts == set(map(tuple, PATH))
    with pytest.raises(ParameterError, match="custom_state must be in the room"):
        env.reset(custom_state=(5, 0))


def test_both_models_learn_from_a_recording_in_both_loops():
    for agent_class, parameters in ((Stachenfeld2018, {"state_density": 10}), (Weber2018, {"Ne": 9, "Ni": 9})):
        for loop, how_long in (
            (default_training_loop, {"n_steps": 300}),
            (episode_based_training_loop, {"t_episode": 100, "n_episode": 3}),
        ):
            np.random.seed(1)
            agent = agent_class(room_width=1.0, room_depth=1.0, **parameters)
            agent, env, history = loop(agent, example_recording(n_positions=200, sampling_rate=5.0), **how_long)
            assert env.global_steps == 300 and agent.global_steps == 300
            assert all(np.isfinite(values).all() for values in history.values())


def test_the_example_is_always_the_same_smooth_path_through_its_room():
    env = example_recording(n_positions=2000)
    assert np.array_equal(env.positions, example_recording(n_positions=2000).positions)
    steps = np.hypot(*np.diff(env.positions, axis=0).T) * 50
    assert np.abs(env.positions).max() <= 0.5 and steps.max() < 1.5  # metres, and metres per second
    assert not np.array_equal(env.positions, example_recording(n_positions=2000, seed=1).positions)


def test_a_recording_survives_saving_without_its_file(tmp_path):
    np.savez("rat.npz", x=PATH[:, 0], y=PATH[:, 1])
    env = RecordedTrajectory("rat.npz")
    replayed(env, 3)
    env.save_environment(tmp_path / "arena")
    Path("rat.npz").unlink()
    other = RecordedTrajectory(PATH)
    other.restore_environment(tmp_path / "arena")
    assert other == env
    assert other.step()[1].tolist() == env.step()[1].tolist()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"positions": [[1, 2]]}, ParameterError, "at least 2 positions that are numbers, among 1"),
        ({"positions": [[1, np.nan]] * 9}, ParameterError, "at least 2 positions that are numbers, among 9"),
        ({"positions": [1, 2, 3]}, ParameterError, r"positions must be of shape \(n, 2\), not \(3,\)"),
        ({"positions": None}, ParameterError, "positions must be"),
        (
            {"positions": [["a", "b"]]},
            ParameterTypeError,
            "positions must be an array of numbers or the name of a file",
        ),
        ({"gaps": "ignore"}, ParameterError, "gaps must be 'interpolate' or 'drop', not 'ignore'"),
        ({"at_end": "stop"}, ParameterError, "at_end must be 'loop' or 'error', not 'stop'"),
        ({"t": [0, 1, 1, 2, 3]}, ParameterError, r"t must increase; they do not at position 2 \(1 s\)"),
        ({"t": [0, 1]}, ParameterError, "t must have one time for each of the 5 positions"),
        ({"t": "post"}, ParameterTypeError, "t='post' names a column, but positions are an array"),
        ({"t": [0, 1, 2, 3, 4], "sampling_rate": 50}, ParameterError, "t or sampling_rate, not both"),
        ({"sampling_rate": 0}, ParameterError, "sampling_rate must be greater than 0"),
        (
            {"sampling_rate": 10, "time_step_size": 2.0},
            ParameterError,
            "time_step_size 2 s is longer than the recording",
        ),
        ({"metres_per_unit": 0}, ParameterError, "metres_per_unit must be greater than 0"),
        ({"centre": "yes"}, ParameterTypeError, "centre must be True or False"),
        ({"arena_x_limits": (0, 3)}, ParameterError, r"arena_x_limits \[0.0, 3.0\] must hold all positions; .* 0 to 4"),
        ({"sampling_freq": 3}, ParameterTypeError, "no parameter 'sampling_freq'. Did you mean 'sampling_rate'"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, error, message):
    with pytest.raises(error, match=message):
        RecordedTrajectory(**{"positions": PATH, **parameters})


def test_a_file_without_the_columns_is_answered_with_those_it_has():
    np.savez("rat.npz", posx=PATH[:, 0], posy=PATH[:, 1], short=np.ones(2))
    with pytest.raises(UnknownName, match=r"rat.npz has no 'x', which x names.*It has: posx \(5,\), posy \(5,\)"):
        RecordedTrajectory("rat.npz")
    with pytest.raises(ParameterError, match=r"x and y of rat.npz differ in length: 5 and 2"):
        RecordedTrajectory("rat.npz", x="posx", y="short")
