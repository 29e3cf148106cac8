"""The models: against their equations, written naively, and against theory."""

import pickle

import matplotlib as mpl
import numpy as np
import pytest
import references
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simmanager.agents import AgentCore, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.agents.arrows import nearest_arrows
from simmanager.agents.grid import Grid
from simmanager.arenas import Simple2D
from simmanager.base.errors import ParameterError, ParameterTypeError
from simmanager.training.loops import episode_based_training_loop

mpl.use("Agg")

grids = st.tuples(st.floats(0.5, 40), st.floats(0.5, 40), st.integers(1, 15), st.integers(1, 15))


def small_weber(seed=0, **changes):
    parameters = {"Ne": 12, "Ni": 7, "resolution": 9, "etaexc": 0.01, "etainh": 0.02}
    return Weber2018(**(parameters | changes), rng=np.random.default_rng(seed))


@settings(max_examples=300, deadline=None)
@given(grid=grids, u=st.floats(-0.7, 0.7), v=st.floats(-0.7, 0.7))
@example(grid=(12, 12, 12, 12), u=0, v=0)
def test_a_position_belongs_to_the_nearest_grid_point(grid, u, v):
    grid = Grid(*grid)
    x, y = u * 2 * abs(grid.x_array[0]), v * 2 * abs(grid.y_array[0])
    assert grid.nearest(x, y) == references.nearest_point(grid.points, (x, y))


@settings(max_examples=300, deadline=None)
@given(grid=grids, i=st.integers(0, 13), j=st.integers(0, 13), fy=st.floats(0, 1), nudge=st.sampled_from([0, 1, -1]))
def test_of_equally_near_grid_points_the_first_is_taken(grid, i, j, fy, nudge):
    grid = Grid(*grid)
    points = grid.points
    here = points[min(i * grid.n_depth + j, len(points) - 1)]
    there = points[min((i + 1) * grid.n_depth + j, len(points) - 1)]
    x, y = (here + there) / 2
    x = x if nudge == 0 else float(np.nextafter(x, nudge * 100))
    for pos in ((x, y), (x, y + fy), (float(here[0]), (here[1] + grid.y_array[-1]) / 2)):
        assert grid.nearest(*pos) == references.nearest_point(points, pos)


def test_a_walk_on_whole_steps_gives_the_states_of_the_plain_equation():
    agent = Stachenfeld2018()
    for x in range(-6, 7):
        for y in range(-6, 7):
            pos = np.array((float(x), float(y)))
            assert agent.obs_to_state(pos) == references.nearest_point(agent.xy_combinations, pos)


def test_noise_points_to_the_nearest_arrow():
    noise = np.random.default_rng(1).normal(scale=0.1, size=(2000, 2))
    noise = np.vstack([noise, [[0, 0], [1, 1], [-1, 1], [1, -1], [-1, -1]]])
    assert nearest_arrows(noise).tolist() == [references.nearest_arrow(row) for row in noise]


@pytest.mark.parametrize(("width", "depth"), [(12, 12), (5, 3), (1, 4), (1, 1)])
def test_the_transition_matrix_and_the_states_agree_in_rooms_of_any_shape(width, depth):
    agent = Stachenfeld2018(room_width=width, room_depth=depth)
    np.testing.assert_array_equal(agent.transmat_norm, references.transition_matrix(width, depth))
    for one, other in np.argwhere(agent.transmat_norm):
        difference = np.abs(agent.xy_combinations[one] - agent.xy_combinations[other])
        assert np.count_nonzero(difference > 1e-9) == 1


def test_td_learning_follows_the_plain_equation():
    agent = Stachenfeld2018(room_width=4, room_depth=3, rng=np.random.default_rng(2))
    srmat, states = np.eye(12), []
    rng = np.random.default_rng(5)
    for _ in range(300):
        pos = rng.uniform(-2, 2, size=2)
        agent.act(pos)
        states.append(references.nearest_point(agent.xy_combinations, pos))
        td_error = agent.update()["state_td_error"]
        expected = references.td_update(srmat, states[max(len(states) - 2, 0)], states[-1], 0.9, 0.01)
        np.testing.assert_allclose(td_error, expected, rtol=0, atol=1e-12)
        assert agent.grad_history[-1] == pytest.approx(np.linalg.norm(expected), abs=1e-12)
    np.testing.assert_allclose(agent.srmat, srmat, rtol=0, atol=1e-12)


def test_a_td_error_stays_what_it_was():
    agent = Stachenfeld2018(room_width=3, room_depth=3)
    agent.act(np.zeros(2))
    first = agent.update()["state_td_error"]
    kept = first.copy()
    agent.update()
    assert first.tolist() == kept.tolist()


def test_the_learned_matrix_approaches_theory():
    agent = Stachenfeld2018(room_width=3, room_depth=3, discount=0.7, lr_td=0.02, rng=np.random.default_rng(3))
    env = Simple2D(arena_x_limits=(-1.5, 1.5), arena_y_limits=(-1.5, 1.5), rng=np.random.default_rng(4))
    counts, visited = np.zeros((9, 9)), None
    obs, _ = env.reset()
    average, n_averaged = np.zeros((9, 9)), 0
    for i in range(30_000):
        action = agent.act(obs)
        state = agent.next_state
        if visited is not None:
            counts[visited, state] += 1
        visited = state
        agent.update()
        obs, _, _ = env.step(action)
        if i >= 5_000:  # the mean over many steps has far less noise than the last value
            average, n_averaged = average + agent.srmat, n_averaged + 1
    seen = counts.sum(axis=1) > 0
    transitions = counts[np.ix_(seen, seen)] / counts[seen].sum(axis=1, keepdims=True)
    theory = np.linalg.inv(np.eye(seen.sum()) - 0.7 * transitions)
    # TD updates columns, as in NeuralPlayground, so what it learns is the transpose.
    learned = (average / n_averaged).T[np.ix_(seen, seen)]
    assert np.abs(learned - theory).max() < 0.1 * theory.max()


def test_closed_form_and_sum_agree_and_give_the_transitions_back():
    agent = Stachenfeld2018(room_width=5, room_depth=4, threshold=1e-12)
    closed = agent.successor_rep_solution()
    np.testing.assert_allclose(agent.successor_rep_sum(), closed, atol=1e-10)
    np.testing.assert_allclose(agent.get_T_from_M(closed), agent.transmat_norm, atol=1e-10)
    assert agent.srmat_ground is closed
    with pytest.raises(ParameterError, match="discount 0"):
        Stachenfeld2018(discount=0).get_T_from_M(np.eye(144))


def test_offline_td_learning_repeats_itself():
    agent = Stachenfeld2018(room_width=4, room_depth=4)
    one = agent.update_successor_rep_td_full(5, 50)
    two = agent.update_successor_rep_td_full(5, 50)
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - np.eye(16)).max() > 0


def test_rate_maps_are_eigenvectors_with_a_sign_of_their_own():
    agent = Stachenfeld2018(room_width=5, room_depth=4)
    matrix = agent.successor_rep_solution()
    for which in (0, 7):
        rates = agent.get_rate_map_matrix(eigen_vector=which)
        vector = rates.ravel()
        image = matrix @ vector
        np.testing.assert_allclose(image * np.dot(vector, vector), vector * np.dot(vector, image), atol=1e-9)
        assert rates.shape == (5, 4) and vector[np.argmax(np.abs(vector))] > 0
    rotation = np.eye(20)
    rotation[:2, :2] = [[0, 1], [-1, 0]]
    assert np.isrealobj(agent.get_rate_map_matrix(rotation, 19))
    with pytest.raises(ParameterError, match="eigen_vector"):
        agent.get_rate_map_matrix(eigen_vector=20)


def test_srmat_can_be_assigned_and_learning_goes_on_from_it():
    agent = Stachenfeld2018(room_width=3, room_depth=3)
    given_matrix = np.arange(81.0).reshape(9, 9)
    agent.srmat = given_matrix
    agent.act(np.zeros(2))
    agent.update()
    assert given_matrix[4, 4] == 40 and agent.srmat[4, 4] != 40
    with pytest.raises(ParameterError, match="srmat must be"):
        agent.srmat = np.eye(3)


def test_reset_forgets_everything():
    agent = Stachenfeld2018(room_width=3, room_depth=3)
    for _ in range(5):
        agent.act(np.ones(2))
        agent.update()
    agent.reset()
    assert agent.update() is None
    assert (agent.obs_history, agent.grad_history, agent.curr_state) == ([], [], None)
    np.testing.assert_array_equal(agent.srmat, np.eye(9))
    np.testing.assert_array_equal(agent.transmat_norm, references.transition_matrix(3, 3))


def test_actions_are_the_four_directions_and_cannot_be_spoilt():
    agent = Stachenfeld2018(rng=np.random.default_rng(0))
    actions = [agent.act(np.zeros(2)) for _ in range(3000)]
    assert {tuple(action) for action in actions} == {(0, 1), (0, -1), (1, 0), (-1, 0)}
    assert np.abs(np.mean(actions, axis=0)).max() < 0.05
    with pytest.raises(ValueError):
        actions[0][:] = 7
    assert agent.act([]) is None
    assert agent.act(np.zeros(2), policy_func=lambda obs: "stay") == "stay"
    assert len(agent.obs_history) < 1000


def test_without_two_dimensions_there_is_no_transition_matrix_until_it_is_made():
    agent = Stachenfeld2018(twoD=False, room_width=3, room_depth=2)
    assert agent.transmat_norm.size == 0
    assert agent.create_transmat(1, "2D_env").shape == (6, 6)
    with pytest.raises(ParameterError, match="2D_env"):
        agent.create_transmat(1, "maze")


@pytest.mark.parametrize("shape", [{}, {"room_depth": 11.0}, {"Nef": 3, "Nif": 2, "alpha_e": 0.5, "alpha_i": 2}])
def test_tuning_curves_are_the_gaussians_of_the_paper(shape):
    agent = small_weber(**shape)
    centres = np.array([[centre for centre, _ in cell] for cell in agent.exc_rates_functions])
    sigma = 0.05 * 20 * np.ones(2)
    expected = references.gaussian_curves(agent.xy_combinations, centres, sigma, agent.alpha_e)
    np.testing.assert_allclose(agent.exc_cell_list, expected, rtol=0, atol=1e-12)
    assert agent.inh_cell_list.shape == (7, agent.resolution_width * agent.resolution_depth)
    assert len(agent.inh_rates_functions) == 7
    reach = 0.6 * np.array((agent.room_width, agent.room_depth))
    assert (np.abs(centres) <= reach).all()


@pytest.mark.parametrize("shape", [{}, {"room_depth": 11.0}, {"Nef": 3, "Nif": 2}])
@pytest.mark.parametrize("assigned", [False, True])
def test_plasticity_follows_the_plain_equations(shape, assigned):
    agent = small_weber(**shape, record_weight_changes=True)
    if assigned:
        agent.exc_cell_list, agent.inh_cell_list = agent.exc_cell_list, agent.inh_cell_list
    plain = references.Weber(agent)
    rng = np.random.default_rng(8)
    for i in range(100):
        pos = rng.uniform(-11, 11, size=2)
        assert agent.get_output_rates(pos) == pytest.approx(plain.output(pos), abs=1e-12)
        record = agent.update(pos=pos)
        delta_we, delta_wi, rate = plain.update(pos)
        np.testing.assert_allclose(record["delta_we"], delta_we, rtol=0, atol=1e-12)
        np.testing.assert_allclose(record["delta_wi"], delta_wi, rtol=0, atol=1e-12)
        assert record["output_rate"] == pytest.approx(rate, abs=1e-12)
        assert record["delta_we_norm"] == pytest.approx(np.linalg.norm(delta_we), abs=1e-12)
        if i % 20 == 0:
            np.testing.assert_allclose(agent.get_full_output_rate(), plain.full_output(), rtol=0, atol=1e-12)
            agent.full_average_update()
            plain.full_average_update()
        np.testing.assert_allclose(agent.we, plain.we, rtol=0, atol=1e-12)
        np.testing.assert_allclose(agent.wi, plain.wi, rtol=0, atol=1e-12)
    np.testing.assert_allclose(agent.get_rates(agent.exc_cell_list, pos), plain.rates(pos)[0], rtol=0, atol=1e-12)


def test_a_full_update_visits_every_place_in_order():
    one, two = small_weber(resolution=4), small_weber(resolution=4)
    one.full_update()
    for pos in two.xy_combinations:
        two.update(pos=pos)
    assert one.global_steps == 16
    np.testing.assert_array_equal(one.we, two.we)


def test_the_norm_of_the_excitatory_weights_is_kept():
    agent = small_weber(rectify=True)
    for _ in range(200):
        agent.act(agent.rng.uniform(-10, 10, size=2))
        agent.update()
    assert np.linalg.norm(agent.we) == pytest.approx(agent.init_we_sum, rel=1e-12)
    agent.update(exc_normalization=False, pos=agent.xy_combinations[40])
    assert agent.we.min() >= 0 and agent.wi.min() >= 0


def test_only_a_rectified_agent_has_no_negative_rates():
    kinds = [small_weber(rectify=rectify, wi_init=50.0) for rectify in (False, True)]
    lowest = [min(agent.get_output_rates(pos) for pos in agent.xy_combinations) for agent in kinds]
    assert lowest[0] < 0 == lowest[1]
    assert kinds[1].get_full_output_rate().min() == 0


def test_an_agent_that_saw_nothing_learns_nothing():
    assert small_weber().update() is None
    assert Stachenfeld2018().update() is None
    assert small_weber().update(pos=[]) is None
    assert AgentCore().update() is None
    assert AgentCore().get_rate_map_matrix() is None


def test_tuning_curves_are_not_written_to_disk_unless_they_were_assigned(tmp_path):
    agent = Weber2018()
    agent.save_agent(tmp_path / "agent")
    assert (tmp_path / "agent").stat().st_size < 5e6
    small = small_weber()
    small.exc_cell_list = np.ones((12, 81))
    small.save_agent(tmp_path / "agent")
    again = pickle.loads((tmp_path / "agent").read_bytes())
    assert again == small and again.exc_cell_list.min() == 1
    assert again.exc_rates_functions == []
    with pytest.raises(ParameterError, match="Tuning curves must be"):
        small.inh_cell_list = np.ones((3, 3))


def test_a_restored_agent_learns_on_as_if_nothing_happened():
    for agent in (small_weber(), Stachenfeld2018(room_width=3, room_depth=3), AgentCore(), RandomAgent()):
        agent.act(np.ones(2))
        agent.update()
        again = pickle.loads(pickle.dumps(agent))
        assert again == agent
        for _ in range(3):
            assert np.array_equal(again.act(np.zeros(2)), agent.act(np.zeros(2)))
            again.update(), agent.update()
        assert again == agent
        agent.act(np.zeros(2))
        assert again != agent


def test_a_random_agent_steps_as_far_as_it_is_told():
    agent = RandomAgent(step_size=2.0, rng=np.random.default_rng(0))
    assert np.std([agent.act(None) for _ in range(2000)]) == pytest.approx(2, rel=0.1)
    assert agent.act(1, policy_func=lambda obs: obs + 1) == 2
    core = AgentCore(rng=np.random.default_rng(0))
    for i in range(1100):
        core.act([i])
    assert len(core.obs_history) == 999 and core.obs_history[-1] == [1099]
    assert core.act([]) is None
    assert core.act([1], policy_func=len) == 1
    core.reset()
    assert core.obs_history == []


def test_seeding_numpy_makes_agents_repeatable():
    walks = []
    for _ in range(2):
        np.random.seed(11)
        agent = Stachenfeld2018()
        walks.append([agent.act(np.zeros(2)).tolist() for _ in range(50)])
    assert walks[0] == walks[1]


@pytest.mark.parametrize(
    ("cls", "parameters", "message"),
    [
        (Weber2018, {"exc_eta": 1}, "Weber2018 has no parameter 'exc_eta'. Did you mean 'etaexc'"),
        (Stachenfeld2018, {"lr": 1}, "Stachenfeld2018 has no parameter 'lr'"),
        (RandomAgent, {"stepsize": 1}, "Did you mean 'step_size'"),
        (AgentCore, {"anything": 1}, "AgentCore has no parameter"),
        (Stachenfeld2018, {"lr_td": "weird_learning_rate"}, "lr_td must be a number, not 'weird_learning_rate'"),
        (AgentCore, {"agent_name": 1}, "agent_name of AgentCore must be a string"),
        (AgentCore, {"rng": 1}, "rng must be"),
        (Weber2018, {"sigma_exc": 0.05}, "sigma_exc must be two numbers"),
        (Stachenfeld2018, {"twoD": 1}, "twoD must be True or False"),
        (Weber2018, {"Ne": 2.5}, "Ne must be a whole number"),
    ],
)
def test_wrong_types_and_names_are_refused(cls, parameters, message):
    with pytest.raises(ParameterTypeError, match=message):
        cls(**parameters)


@pytest.mark.parametrize(
    ("cls", "parameters", "message"),
    [
        (Stachenfeld2018, {"discount": 1}, "discount must be at least 0 and less than 1"),
        (Stachenfeld2018, {"lr_td": -1}, "lr_td must be at least 0"),
        (Stachenfeld2018, {"lr_td": float("nan")}, "lr_td must be a finite number"),
        (Stachenfeld2018, {"state_density": 0.01}, "gives 0 x 0 states"),
        (Stachenfeld2018, {"state_density": 100}, "there must be between"),
        (Weber2018, {"Ni": 0}, "Ni must be at least 1"),
        (Weber2018, {"sigma_inh": (0.1, 0)}, "sigma_inh.1. must be greater than 0"),
        (Weber2018, {"room_depth": 0.001}, "resolution 100 is too low"),
    ],
)
def test_values_out_of_range_are_refused(cls, parameters, message):
    with pytest.raises(ParameterError, match=message):
        cls(**parameters)


def test_both_names_of_the_name_are_understood():
    assert Weber2018(agent_name="a", Ne=2, Ni=2).model_name == Weber2018(model_name="a", Ne=2, Ni=2).agent_name == "a"
    assert Stachenfeld2018(model_name="b").agent_name == AgentCore(model_name="b").model_name == "b"


def test_a_subclass_may_take_further_parameters():
    class Child(AgentCore):
        pass

    assert Child(depth=3).mod_kwargs == {"depth": 3}


def test_the_models_draw_what_they_learned(tmp_path):
    from matplotlib import pyplot as plt

    agent = Stachenfeld2018(room_width=4, room_depth=3, rng=np.random.default_rng(0))
    env = Simple2D(arena_x_limits=(-2, 2), arena_y_limits=(-1.5, 1.5))
    episode_based_training_loop(agent, env, 10, 2)
    assert agent.plot_rate_map(save_path=tmp_path / "map.png").images[0].get_array().shape == (3, 4)
    assert len(agent.plot_rate_map(eigen_vectors=[1, 2])) == 2
    assert len(agent.plot_rate_map(eigen_vectors=[1], ax=plt.subplots()[1])) == 1
    with pytest.raises(ParameterError, match="ax must hold"):
        agent.plot_rate_map(eigen_vectors=[1, 2], ax=plt.subplots()[1])
    assert len(agent.plot_transition(save_path=tmp_path / "transition.png")) == 2
    agent.create_transmat(1, "2D_env", plotting_variable=True)
    weber = small_weber(room_depth=11.0)
    image = weber.plot_rate_map(save_path=tmp_path / "weber.png").images[0]
    assert image.get_array().shape == (weber.resolution_depth, weber.resolution_width)
    axes = weber.plot_all_rates()
    expected = weber.exc_cell_list[0].reshape(9, -1).T
    np.testing.assert_allclose(axes[0].images[0].get_array(), expected, atol=1e-12)
    assert {path.name for path in tmp_path.iterdir()} == {"map.png", "transition.png", "weber.png"}
    plt.close("all")


def test_the_transitions_that_are_drawn_are_those_that_the_agent_learned():
    """``srmat`` has the discounted visits in its columns; T belongs to its transpose."""
    agent = Stachenfeld2018(room_width=3, room_depth=4, state_density=1, discount=0.9)
    agent.srmat = agent.successor_rep_solution().T  # what learning converges to
    first, second = agent.plot_transition()
    assert np.allclose(second.images[0].get_array(), agent.transmat_norm)
    assert np.allclose(first.images[0].get_array(), agent.transmat_norm)
    assert not np.allclose(agent.transmat_norm, agent.transmat_norm.T)
