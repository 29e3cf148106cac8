"""Two rooms that become one: what is when."""

import numpy as np
import pytest

from simmanager.arenas import MergingRoom
from simmanager.base.errors import ParameterError


def merging(**parameters):
    return MergingRoom(**{"switch_time": 0.5, "merge_time": 1.0, "time_step_size": 10.0, **parameters})


def test_the_agent_is_in_a_then_in_b_then_in_both():
    env = merging(rng=np.random.default_rng(0))
    assert (env.switch_step, env.merge_step) == (3, 6)
    rooms = [(env.step((0.0, 0.0)), env.room_id, len(env.custom_walls))[1:] for _ in range(8)]
    assert rooms == [("A", 1)] * 3 + [("B", 1)] * 3 + [("AB", 0)] * 2
    heights = env.history.array("state")[:, 1]
    assert (heights[:3] < 0).all() and (heights[3:6] > 0).all()
    assert heights[6] == heights[5]  # nobody carries the agent when the wall goes


def test_the_wall_holds_until_it_is_taken_away():
    env = merging(rng=np.random.default_rng(0))
    env.reset(custom_state=(1.0, -1.0))
    assert env.step((0.0, 5.0))[1][1] < 0
    for _ in range(5):
        env.step((0.0, 0.0))
    assert env.room_id == "B" and env.step((0.0, -20.0))[1][1] < 0
    assert env.room_id == "AB"


def test_reset_begins_again_in_a_with_the_wall():
    env = merging(rng=np.random.default_rng(0))
    for _ in range(7):
        env.step((0.0, 0.0))
    obs, state = env.reset()
    assert obs.tolist() == state.tolist() == env.state.tolist()
    assert obs[1] < 0 and env.room_id == "A"
    assert np.array_equal(env.custom_walls, [[[-10, 0], [10, 0]]])
    assert len(env.wall_list) == 5 and env.global_steps == 0


def test_the_times_are_minutes_and_do_not_suffer_from_rounding():
    env = MergingRoom(merge_time=270.0, switch_time=270.0, time_step_size=0.2)
    assert (env.merge_time, env.merge_step, env.switch_step) == (270.0, 81_000, 81_000)
    assert MergingRoom().merge_step == 6000  # NeuralPlayground's needs time_step_size


def test_equal_times_go_from_a_to_both_and_no_time_at_all_to_both_at_once():
    env = merging(switch_time=1.0)
    assert "B" not in {(env.step((0.0, 0.0)), env.room_id)[1] for _ in range(8)}
    env = merging(switch_time=0, merge_time=0)
    env.step((0.0, 0.0))
    assert env.room_id == "AB"


def test_the_random_places_come_from_the_generator_of_the_arena():
    one, two, other = (merging(rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    for env in (one, two, other):
        for _ in range(7):
            env.step((0.1, 0.1))
    assert one == two and one != other


def test_an_arena_in_which_the_rooms_are_merged_survives_saving(tmp_path):
    env = merging(rng=np.random.default_rng(0))
    for _ in range(7):
        env.step((0.0, 0.0))
    env.save_environment(tmp_path / "arena")
    other = merging()
    other.restore_environment(tmp_path / "arena")
    assert other == env and other.room_id == "AB"
    assert other.step((0.0, -30.0))[1].tolist() == env.step((0.0, -30.0))[1].tolist()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"switch_time": 2.0}, "switch_time must be at most merge_time 1.0, not 2.0"),
        ({"merge_time": -1, "switch_time": 0}, "merge_time must be at least 0"),
        ({"arena_y_limits": (1, 3)}, "arena_y_limits must be on both sides of 0"),
        ({"mergetime": 3}, "Did you mean 'merge_time'"),
        ({"time_step_size": 0}, "time_step_size must be greater than 0"),
    ],
)
def test_wrong_parameters_are_refused_with_name_and_reason(parameters, message):
    with pytest.raises(ParameterError, match=message):
        merging(**parameters)


def test_a_start_or_a_room_that_does_not_exist_is_refused_and_the_arena_stays_usable():
    env = merging()
    with pytest.raises(ParameterError, match="must be in room A"):
        env.reset(custom_state=(0, 1))
    assert env.state[1] < 0
    with pytest.raises(ParameterError, match="room_id must be 'A', 'B' or 'AB', not 'C'"):
        env.set_room("C")
