"""Parameters of agents and arenas: declared once, checked by one constructor, seen by everything that asks."""

import inspect
import pickle
import pydoc
from dataclasses import dataclass

import cloudpickle
import numpy as np
import pytest
from toys import python

from simmanager import SingleSim, default_training_loop, sweep
from simmanager.agents import AgentCore, QLearning, RandomAgent, Stachenfeld2018, Weber2018
from simmanager.arenas import (
    CircularArena,
    ConnectedRooms,
    Environment,
    GymnasiumArena,
    MergingRoom,
    RecordedTrajectory,
    Simple2D,
)
from simmanager.base.errors import ParameterError, ParameterTypeError, UnknownName
from simmanager.simulation.assignment import set_parameter
from simmanager.training.parameters import Parameterized, flag, generator, integer, number, one_of, pair, parameter

#: The parameters of each model in the order in which they can be given without their names.
ORDER = {
    AgentCore: "agent_name agent_step_size rng model_name **mod_kwargs",
    RandomAgent: "step_size agent_name rng model_name",
    QLearning: "n_actions actions bins learning_rate discount epsilon epsilon_decay epsilon_min initial_value "
    "agent_name rng model_name",
    Stachenfeld2018: "agent_name discount threshold lr_td room_width room_depth state_density twoD rng model_name",
    Weber2018: "model_name agent_step_size etaexc etainh Ne Ni Nef Nif alpha_i alpha_e we_init wi_init sigma_exc "
    "sigma_inh ro room_width room_depth resolution disable_tqdm agent_name rng rectify record_weight_changes",
    Environment: "environment_name time_step_size env_name **env_kwargs",
    Simple2D: "environment_name arena_x_limits arena_y_limits agent_step_size time_step_size env_name rng",
    CircularArena: "environment_name radius n_walls agent_step_size time_step_size env_name rng",
    ConnectedRooms: "environment_name corridor_ysize singleroom_ysize singleroom_xsize door_size agent_step_size "
    "time_step_size env_name rng",
    MergingRoom: "environment_name merge_time switch_time arena_x_limits arena_y_limits agent_step_size time_step_size "
    "env_name rng",
    RecordedTrajectory: "positions x y xy t sampling_rate time_step_size metres_per_unit centre gaps at_end "
    "arena_x_limits arena_y_limits environment_name env_name rng",
    GymnasiumArena: "env_id environment_name time_step_size env_name rng keep_observations **make_kwargs",
}

#: What the pickle of a model has, in this order: as in those of earlier versions, which are read and made again.
AGENT = "agent_name agent_step_size rng mod_kwargs metadata obs_history global_steps"
ARENA = "environment_name time_step_size env_kwargs metadata state history global_steps global_time"
ROOM = (
    f"{ARENA} arena_x_limits arena_y_limits agent_step_size arena_limits room_width room_depth state_dims_labels rng "
    "_room default_walls custom_walls _wall_list _is_plain"
)
STATE = {
    AgentCore: (AGENT, {}),
    RandomAgent: (f"{AGENT} step_size", {}),
    QLearning: (
        f"{AGENT} actions bins learning_rate discount initial_epsilon epsilon_decay epsilon_min initial_value epsilon "
        "q_table _chosen",
        {"n_actions": 2},
    ),
    Stachenfeld2018: (
        f"{AGENT} _gamma threshold _learning_rate room_width room_depth state_density twoD resolution_width width "
        "resolution_depth depth n_state _grid x_array y_array grad_history initial_obs_variable curr_state next_state "
        "srmat_ground srmat_sum srmat_full_td transmat_norm _walk _columns",
        {},
    ),
    Weber2018: (
        f"{AGENT} etaexc etainh Ne Ni Nef Nif alpha_i alpha_e we_init wi_init sigma_exc sigma_inh ro room_width "
        "room_depth resolution disable_tqdm rectify record_weight_changes resolution_width resolution_depth _grid "
        "x_array y_array grad_history wi we _inh _exc init_we_sum",
        {"Ne": 3, "Ni": 2},
    ),
    Environment: (ARENA, {}),
    Simple2D: (ROOM, {}),
    CircularArena: (f"radius n_walls _inner_radius {ROOM} _has_no_inner_walls", {}),
    ConnectedRooms: (f"corridor_ysize singleroom_ysize singleroom_xsize door_size {ROOM}", {}),
    MergingRoom: (f"merge_time switch_time merge_step switch_step {ROOM} room_id", {}),
    RecordedTrajectory: (f"at_end n_missing positions position_index {ROOM}", {"positions": [[0, 0], [1, 1]]}),
}
every_model = pytest.mark.parametrize("model", ORDER)


class Walker(Parameterized):
    """Walks.

    Notes
    -----
    Slowly.
    """

    speed: float = number("How fast it goes\nDownhill faster.", default=1.0, unit="m/s", minimum=0, below=10)
    legs: int = integer("Legs", minimum=2)
    goal: tuple = pair("Where to", default=(1, 2))
    mood: str = one_of("How it feels", "glad", "sad", default="glad")
    hungry: bool = flag("Whether it eats", default=False)
    _path: list | None = parameter("The way", default=None, kind="list", alias="path", keep=False)
    rng: np.random.Generator = generator("For the way", default=None)

    def _derive(self):
        super()._derive()
        self.n_stops = len(self._path or [])


class Runner(Walker):
    """Runs."""

    legs: int = 4
    shoes: str = parameter("Of which make", default=None, kind="str")
    goal: tuple = parameter(init=False)

    def _derive(self):
        self.goal = (0.0, float(self.legs))
        super()._derive()


# Declared once -----------------------------------------------------------------------------------------------------


def test_what_is_declared_is_checked_and_kept():
    walker = Walker(speed=2, legs=np.int64(3), goal=[3, 4], mood="sad", hungry=np.True_, path=["a", "b"])
    assert (walker.speed, walker.legs, walker.goal, walker.mood) == (2, 3, (3.0, 4.0), "sad")
    assert (type(walker.legs), walker.hungry) == (int, True)
    assert isinstance(walker.rng, np.random.Generator)


def test_what_only_the_hook_needs_is_gone_afterwards():
    walker = Walker(legs=2, path="abc")
    assert walker.n_stops == 3
    assert set(vars(walker)) == {"speed", "legs", "goal", "mood", "hungry", "rng", "n_stops"}


def test_nothing_is_left_at_the_class_that_an_object_could_be_taken_for():
    assert not any(hasattr(Walker, name) for name in ("speed", "legs", "goal", "_path"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"speed": 10}, "speed must be at least 0 and less than 10, not 10"),
        ({"speed": "fast"}, "speed must be a number, not 'fast'"),
        ({"legs": 1}, "legs must be at least 2, not 1"),
        ({"legs": 2.0}, "legs must be a whole number"),
        ({"goal": 3}, "goal must be two numbers"),
        ({"mood": "bored"}, "mood must be 'glad' or 'sad', not 'bored'"),
        ({"hungry": 1}, "hungry must be True or False"),
        ({"rng": 1}, "rng must be a numpy.random.Generator"),
        (
            {"speedd": 1},
            r"Walker has no parameter 'speedd'\. Did you mean 'speed'\? It takes: legs, speed, .*path, rng",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_name_and_what_is_allowed(given, message):
    with pytest.raises(ParameterError, match=message):
        Walker(**{"legs": 2, **given})


def test_what_has_no_default_is_needed():
    with pytest.raises(ParameterTypeError, match="Walker needs legs: Legs, at least 2"):
        Walker()


def test_a_parameter_is_given_once_and_no_more_than_there_are():
    with pytest.raises(ParameterTypeError, match="Walker was given speed twice"):
        Walker(2, 1.0, speed=2.0)
    with pytest.raises(ParameterTypeError, match="Walker takes 7, not 8: legs, speed"):
        Walker(*range(8))
    assert (Walker(2, 3.0).legs, Walker(2, 3.0).speed) == (2, 3.0)


def test_a_default_that_could_be_changed_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match="would be shared by all objects"):
        parameter("Stops", default=[])


def test_a_subclass_changes_a_default_adds_parameters_and_takes_some_away():
    assert list(inspect.signature(Runner).parameters) == ["legs", "shoes", "speed", "mood", "hungry", "path", "rng"]
    runner = Runner()
    assert (runner.legs, runner.goal, runner.shoes) == (4, (0.0, 4.0), None)
    with pytest.raises(ParameterTypeError, match="Runner has no parameter 'goal'"):
        Runner(goal=(1, 2))
    with pytest.raises(ParameterError, match="legs must be at least 2"):
        Runner(legs=0)
    assert list(inspect.signature(Walker).parameters)[2] == "goal"  # the base is as it was


def test_a_new_default_is_checked_too():
    class Broken(Walker):
        legs = 0

    with pytest.raises(ParameterError, match="legs must be at least 2"):
        Broken()


def test_a_property_or_method_of_a_subclass_is_no_new_default():
    class Odd(Walker):
        @property
        def speed(self):
            return self._speed

        @speed.setter
        def speed(self, value):
            self._speed = 2 * value

    assert Odd(legs=2).speed == 2
    assert inspect.signature(Odd).parameters["speed"].default == 1.0


def test_of_two_bases_both_give_their_parameters():
    class Swimmer(Parameterized):
        strokes: int = integer("Strokes", default=5, minimum=1)

    class Both(Walker, Swimmer):
        pass

    assert (Both(legs=2).strokes, Both(legs=2, strokes=3).strokes) == (5, 3)


# Seen by all who ask -----------------------------------------------------------------------------------------------


def test_a_docstring_tells_each_parameter_with_unit_limits_and_default_before_the_notes():
    assert inspect.getdoc(Walker) == "\n".join(
        (
            "Walks.",
            "",
            "Parameters",
            "----------",
            "legs : int",
            "    Legs, at least 2.",
            "speed : float",
            "    How fast it goes, in m/s, at least 0 and less than 10. Default 1.",
            "    Downhill faster.",
            "goal : two numbers",
            "    Where to. Default (1, 2).",
            'mood : {"glad", "sad"}',
            '    How it feels. Default "glad".',
            "hungry : bool",
            "    Whether it eats. Default False.",
            "path : list, optional",
            "    The way.",
            "rng : numpy.random.Generator, optional",
            "    For the way. Without it one is seeded from ``np.random``.",
            "",
            "Raises",
            "------",
            "ParameterTypeError, ParameterError",
            "    A parameter that is unknown, missing, of the wrong type or out of range.",
            "",
            "Notes",
            "-----",
            "Slowly.",
        )
    )


def test_a_docstring_with_parameters_of_its_own_stays_as_it_is():
    class Own(Walker):
        """Own.

        Parameters
        ----------
        speed : float
            As I say.

        Raises
        ------
        KeyError
            Never.
        """

    assert inspect.getdoc(Own).splitlines()[4:] == [
        "speed : float",
        "    As I say.",
        "",
        "Raises",
        "------",
        "KeyError",
        "    Never.",
    ]


@every_model
def test_the_signature_has_the_parameters_in_their_old_order(model):
    parameters = inspect.signature(model).parameters.values()
    names = [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in parameters]
    assert names == ORDER[model].split()


def test_the_signature_has_defaults_and_types():
    parameters = inspect.signature(Weber2018).parameters
    assert (parameters["etaexc"].default, parameters["etaexc"].annotation) == (2e-4, "float")
    assert (parameters["model_name"].default, parameters["agent_name"].default) == ("ExcitInhibitoryplastic", None)
    assert parameters["rng"].annotation == "np.random.Generator | None"
    assert inspect.signature(RecordedTrajectory).parameters["positions"].default is inspect.Parameter.empty
    assert inspect.signature(CircularArena).parameters["environment_name"].default == "CircularArena"


@every_model
def test_help_tells_each_parameter_of_a_model_once(model):
    text = pydoc.plain(pydoc.render_doc(model))
    section = inspect.getdoc(model).partition("Parameters\n----------\n")[2].partition("\n\n")[0].splitlines()
    told = [line.partition(" :")[0] for line in section if not line.startswith(" ")]
    assert told == [name for name in ORDER[model].split() if not name.startswith("*")]
    assert all(f" |  {line}" in text for line in section)


def test_an_object_that_can_be_called_has_the_signature_of_its_call():
    class Called(Walker):
        def __call__(self, x):
            return x

    assert list(inspect.signature(Called(legs=2)).parameters) == ["x"]


def test_a_sweep_knows_the_parameters_that_a_model_inherits():
    sim = SingleSim(RandomAgent, {}, MergingRoom, {}, default_training_loop, {"n_steps": 3}, "walk")
    assert [s.env_params for s in sweep(sim, {"env_params.time_step_size": [1, 2]})] == [
        {"time_step_size": 1},
        {"time_step_size": 2},
    ]
    with pytest.raises(UnknownName, match=r"\(MergingRoom\) has no env_params.merge_tme. Did you mean 'merge_time'"):
        sweep(sim, {"env_params.merge_tme": [1]})


def test_a_name_that_a_model_does_not_take_is_refused_before_any_run():
    sim = SingleSim(RandomAgent, {}, CircularArena, {}, default_training_loop, {"n_steps": 3}, "walk")
    with pytest.raises(UnknownName, match=r"has no env_params\.arena_x_limits"):
        set_parameter(sim, "env_params.arena_x_limits=(1, 2)")
    set_parameter(sim, "env_params.radius=3")
    assert sim.env_params == {"radius": 3}


# Subclasses with constructors of their own -------------------------------------------------------------------------


class Old(Weber2018):
    """As subclasses were written before there were declarations."""

    def __init__(self, gain, Ne=3, **kwargs):
        self.gain = gain
        super().__init__(Ne=Ne, **kwargs)


def test_a_constructor_of_a_subclass_works_as_ever():
    old = Old(2.0, Ni=2, agent_name="old")
    assert (old.gain, old.Ne, old.Ni, old.agent_name) == (2.0, 3, 2, "old")
    assert list(inspect.signature(Old).parameters) == ["gain", "Ne", "kwargs"]
    assert inspect.getdoc(Old) == "As subclasses were written before there were declarations."
    with pytest.raises(
        ParameterTypeError, match=r"Old has no parameter 'gian'. Did you mean 'gain'.*It takes: gain, Ne, "
    ):
        Old(1.0, gian=1)


def test_a_subclass_without_a_docstring_has_that_of_its_base():
    class Plain(Weber2018):
        pass

    assert inspect.getdoc(Plain) == inspect.getdoc(Weber2018)
    assert inspect.signature(Plain) == inspect.signature(Weber2018)


def test_only_a_class_that_declares_nothing_keeps_what_it_does_not_know():
    class Open(Environment):
        pass

    class Attribute(AgentCore):
        agent_step_size = 0.5

    class Closed(AgentCore):
        gain: float = number("Gain", default=1.0)

    class StillClosed(Closed):
        pass

    assert Open(depth=3).env_kwargs == {"depth": 3}
    assert (Attribute(depth=3).mod_kwargs, Attribute().agent_step_size) == ({"depth": 3}, 0.5)
    assert "mod_kwargs" in inspect.signature(Attribute).parameters
    for closed in (Closed, StillClosed):
        assert closed(gain=3).mod_kwargs == {}
        with pytest.raises(ParameterTypeError, match="has no parameter 'depth'"):
            closed(depth=3)


def test_the_word_with_the_default_gives_way_to_the_other():
    assert AgentCore(agent_name="a", model_name="b").agent_name == "b"
    assert Weber2018(agent_name="a", model_name="b", Ne=2, Ni=2).agent_name == "a"
    assert Simple2D(environment_name="a", env_name="b").environment_name == "b"


def test_a_subclass_may_be_a_dataclass():
    @dataclass(eq=False)
    class Declared(Simple2D):
        gain: float = 1.0

        def __post_init__(self):
            super().__init__(agent_step_size=self.gain)

    assert Declared(gain=3.0).agent_step_size == 3.0


def test_attributes_of_a_subclass_are_left_alone(tmp_path):
    class Replay(RecordedTrajectory):
        def __init__(self, **kwargs):
            self.x, self.t = "mine", 5
            super().__init__(**kwargs)

    replay = Replay(positions=[[0, 0], [1, 1]], t=[0, 1])
    assert (replay.x, replay.t) == ("mine", 5)


def test_a_class_of_a_notebook_goes_to_another_process_with_its_parameters(tmp_path):
    class Mine(Simple2D):
        """Mine."""

        gain: float = number("Gain", default=2.0, maximum=3)

    (tmp_path / "class").write_bytes(cloudpickle.dumps(Mine))
    program = """
import inspect, pathlib, pickle, sys
Mine = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
print(Mine(gain=1).gain, Mine().gain, list(inspect.signature(Mine).parameters)[:2], "Gain, at most 3" in Mine.__doc__)
Mine(gain=4)
"""
    done = python(program, str(tmp_path / "class"))
    assert done.stdout == "1 2.0 ['gain', 'environment_name'] True\n", done.stderr
    assert "ParameterError: gain must be at most 3, not 4." in done.stderr


# Objects -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", STATE)
def test_a_model_has_the_attributes_of_earlier_versions_in_their_order(model):
    names, given = STATE[model]
    made = model(**given)
    assert list(made.__getstate__()) == names.split()
    assert pickle.loads(pickle.dumps(made)) == made


def test_an_attribute_that_a_subclass_computes_is_not_kept():
    class Still(AgentCore):
        agent_step_size = property(lambda self: 0.0, lambda self, value: None)

    assert (Still().agent_step_size, "agent_step_size" in vars(Still())) == (0.0, False)


def test_a_value_that_is_assigned_later_is_checked_as_by_the_constructor():
    agent = Stachenfeld2018(room_width=2, room_depth=2)
    with pytest.raises(ParameterError, match="discount must be at least 0 and less than 1, not 1"):
        agent.gamma = 1
    agent.learning_rate = 1
    assert (agent.learning_rate, type(agent.learning_rate)) == (1.0, float)


def test_one_seed_gives_one_model_however_its_parameters_are_given():
    np.random.seed(4)
    one = Weber2018("w", 0.2, 1e-3, Ne=4, Ni=3)
    np.random.seed(4)
    other = Weber2018(Ni=3, Ne=4, etaexc=1e-3, agent_step_size=0.2, agent_name="w")
    assert pickle.dumps(one) == pickle.dumps(other)


def test_a_model_draws_the_seed_of_its_generator_and_no_more_from_numpy():
    np.random.seed(4)
    MergingRoom()
    drawn = np.random.random()
    np.random.seed(4)
    np.random.randint(0, 2**32, size=4, dtype=np.uint32)
    assert np.random.random() == drawn


def test_models_can_be_made_where_there_are_no_docstrings():
    program = "from simmanager.agents import Weber2018; print(Weber2018.__doc__, Weber2018(Ne=2, Ni=2).Ne)"
    done = python(program, environ={"PYTHONOPTIMIZE": "2"})
    assert (done.returncode, done.stdout) == (0, "None 2\n"), done.stderr
