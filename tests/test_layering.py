"""Who may import whom, read from the sources; and what is loaded when nobody asked for it."""

import ast
import functools
import sys
from pathlib import Path

import pytest
from toys import python, toy_sim

import simmanager
from simmanager import SimulationManager

ROOT = Path(simmanager.__file__).parent
HEAVY = {"numpy", "joblib", "matplotlib", "rich", "scipy"}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "simmanager"


SOURCES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported_by(node, package):
    """Return the full names that an import statement may load; ours without ``simmanager.``."""
    if isinstance(node, ast.Import):
        return {alias.name.removeprefix("simmanager.") for alias in node.names}
    if not node.level:
        return {(node.module or "").removeprefix("simmanager.")}
    base = package[: len(package) - node.level + 1]
    inner = [*base, *(node.module.split(".") if node.module else [])]
    names = {".".join([*inner, alias.name]) for alias in node.names}
    return {name if name in SOURCES else ".".join(inner) for name in names} - {""}


@functools.cache
def imports(name, *, late):
    """Return what a module imports: when it is loaded, or (``late``) also inside its functions."""
    path = SOURCES[name]
    package = list(path.relative_to(ROOT).parent.parts)
    found = set()

    def look(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and {"TYPE_CHECKING", "__name__"} & set(ast.unparse(child.test).split()):
                continue
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                found.update(imported_by(child, package))
            if late or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                look(child)

    look(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(found)


def ours(names):
    return {name for name in names if name in SOURCES and name != "simmanager"}


def others(names):
    """Return packages from elsewhere, the standard library left out."""
    return {name.partition(".")[0] for name in names} - set(SOURCES) - sys.stdlib_module_names - {"__future__"}


def reached(name, *, late):
    """Return all modules of ours that a module reaches."""
    found, todo = set(), [name]
    while todo:
        for other in ours(imports(todo.pop(), late=late)) - found:
            found.add(other)
            todo.append(other)
    return found


MODELS = [name for name in SOURCES if name.partition(".")[0] in ("agents", "arenas")]
STATISTICS = ["statistics", "learning_curves", "autocorrelogram", "grid_score", "rate_maps", "spatial_tuning"]
STATISTICS += ["comparison", "compared_runs"]
RESULTS = ["results", "results_source", "run_result", "results_table", "summary_reader", "curves"]
READERS = ["state", "run_folder", "whole_file", "record", "batch_folder", "locking", "status", "status_reader"]


def test_the_graph_is_read_correctly():
    assert {"state", "run_folder", "manager", "agents.weber_2018"} <= set(SOURCES)
    assert imports("state", late=False) >= {"errors", "os"}
    assert "locking" in imports("status_reader", late=False)
    assert "joblib" in imports("executor", late=True) - imports("executor", late=False)
    assert "status" in reached("cli", late=True) - reached("cli", late=False)


@pytest.mark.parametrize("name", MODELS)
def test_models_know_errors_parameters_recording_and_their_siblings_only(name):
    shared = {"errors", "parameters", "recording", "model_state", "pickling", "training.parameters"}
    siblings = {other for other in SOURCES if other.partition(".")[0] == name.partition(".")[0]}
    assert ours(imports(name, late=True)) <= shared | siblings


@pytest.mark.parametrize("name", [*MODELS, "recording", "model_state", "parameters", "errors", "training.parameters"])
def test_models_reach_no_file_of_a_run_and_no_process(name):
    shared = {"errors", "parameters", "recording", "history_columns", "spool", "model_state", "pickling"}
    allowed = {*shared, "training", "training.parameters", *MODELS}
    assert reached(name, late=True) <= allowed
    known = {"numpy", "matplotlib", "scipy", "cloudpickle", "gymnasium"}
    assert others(imports(name, late=True)) <= known
    assert not {"subprocess", "multiprocessing", "socket", "signal"} & imports(name, late=True)


@pytest.mark.parametrize("name", ["training_loops", "reinforcement_learning"])
def test_training_loops_know_no_agent_no_arena_and_no_process(name):
    reach = reached(name, late=True)
    assert not {name for name in reach if name.startswith(("agents", "arenas"))}
    assert not reach & {"manager", "executor", "slots", "worker", "execution", "simulation", "display", "cli"}


@pytest.mark.parametrize("name", READERS)
def test_those_who_read_a_batch_reach_only_each_other_and_errors(name):
    shown_in_a_notebook = {"notebook", "display"}
    assert reached(name, late=True) <= {*READERS, "errors", *shown_in_a_notebook}
    assert not reached(name, late=False) & shown_in_a_notebook


def test_what_is_shown_in_a_notebook_needs_no_package():
    assert others(imports("notebook", late=True)) == set()


@pytest.mark.parametrize("name", [name for name in SOURCES if name.partition(".")[0] == "report"])
def test_the_page_reaches_nothing_that_executes_and_no_model(name):
    reach = reached(name, late=True)
    assert not reach & {"manager", "executor", "slots", "worker", "execution", "simulate", "simulation", "isolation"}
    assert not reach & set(MODELS)
    assert others(imports(name, late=False)) == set()
    assert others(imports(name, late=True)) <= {"jinja2", "markupsafe", "matplotlib"}


@pytest.mark.parametrize("name", READERS)
def test_those_who_read_a_batch_load_no_package_and_never_unpickle(name):
    assert others(imports(name, late=False)) == set()
    assert others(imports(name, late=True)) <= {"filelock"}
    if name != "run_folder":  # it owns the files, results too
        assert not {"pickle", "cloudpickle"} & imports(name, late=True)


@pytest.mark.parametrize("name", RESULTS)
def test_results_reach_no_model_no_process_and_no_pickle(name):
    reach = reached(name, late=True)
    assert not {other for other in reach if other.startswith(("agents", "arenas"))}
    assert not reach & {"manager", "executor", "slots", "worker", "execution", "simulation", "simulate", "pickling"}
    assert {other for other in reach if {"pickle", "cloudpickle"} & imports(other, late=True)} <= {"run_folder"}


def test_a_run_folder_unpickles_only_when_a_result_is_asked_for():
    assert "pickle" not in imports("run_folder", late=False)


def test_joblib_is_known_to_those_who_dispatch_and_count_jobs():
    knowing = {name for name in SOURCES if "joblib" in others(imports(name, late=True))}
    assert knowing == {"executor", "dask_executor", "run_options"}
    assert {name for name in SOURCES if "distributed" in others(imports(name, late=True))} == {"dask_executor"}


def test_processes_are_known_to_those_who_run_them():
    starting = {name for name in SOURCES if "subprocess" in imports(name, late=True)}
    assert starting == {"slots", "provenance", "events"}  # one asks git, one runs the user's command at the end
    pools = {"multiprocessing", "concurrent"}
    assert [n for n in SOURCES if pools & {i.partition(".")[0] for i in imports(n, late=True)}] == ["dask_executor"]
    assert "concurrent.futures" in imports("dask_executor", late=True)  # the name of an exception of Dask's
    assert {name for name in SOURCES if "process_group" in imports(name, late=True)} <= {"slots", "worker", "events"}
    using_slots = {name for name in SOURCES if "slots" in imports(name, late=True)}
    assert using_slots == {"executor", "dask_executor", "reproduction"}
    supervising = {name for name in SOURCES if "executor" in imports(name, late=True)}
    assert supervising == {"batch_run", "dask_executor", "reproduction"}


def test_agents_and_arenas_are_known_to_ready_made_simulations_alone():
    known = {
        n
        for n in SOURCES
        if n not in MODELS and {i.partition(".")[0] for i in imports(n, late=True)} & {"agents", "arenas"}
    }
    assert known <= {"default_simulation", "demo"}


def test_gymnasium_is_known_to_its_arena_alone_and_loaded_when_one_is_made():
    assert {name for name in SOURCES if "gymnasium" in others(imports(name, late=True))} == {"arenas.gymnasium_arena"}
    assert "gymnasium" not in loaded_by("import simmanager.default_simulation, simmanager.one_shot")


def test_rich_is_known_to_those_who_show_things():
    assert {name for name in SOURCES if "rich" in others(imports(name, late=True))} <= {
        "display",
        "cli_follow",
        "comparison_view",
        "results_view",
    }


def test_matplotlib_is_known_to_those_who_draw():
    drawing = {name for name in SOURCES if "matplotlib" in others(imports(name, late=True))} - set(MODELS)
    assert {name.partition(".")[0] for name in drawing} <= {"demo", "plots", "report"}
    assert not [name for name in SOURCES if "matplotlib" in others(imports(name, late=False))]


@pytest.mark.parametrize("name", [name for name in SOURCES if name.partition(".")[0] == "plots"])
def test_figures_know_results_and_statistics_only(name):
    allowed = {"curves", "display", "errors", "parameters", "results", "results_source", "run_result", "state"}
    known = {other for other in ours(imports(name, late=True)) if not other.startswith("plots")}
    assert known <= {*allowed, "statistics"}
    assert others(imports(name, late=False)) == set()
    assert others(imports(name, late=True)) <= {"matplotlib", "numpy", "scipy"}


def test_yaml_is_known_to_documents_alone():
    assert {name for name in SOURCES if "yaml" in others(imports(name, late=True))} == {"document"}


def test_argcomplete_is_known_to_completion_alone_and_loaded_when_a_shell_asks():
    assert {name for name in SOURCES if "argcomplete" in others(imports(name, late=True))} == {"completion"}
    assert not loaded_by("import simmanager.cli") & {"argcomplete", "simmanager.completion"}


def test_only_models_loops_and_statistics_load_numpy_when_they_are_imported():
    loading = {name for name in SOURCES if "numpy" in others(imports(name, late=False))}
    shared = {"recording", "history_columns", "model_state", "training.parameters", "training_loops"}
    assert loading <= {*MODELS, *STATISTICS, *shared}


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_reach_no_model_no_process_and_no_pickle(name):
    reach = reached(name, late=True)
    assert not {other for other in reach if other.startswith(("agents", "arenas"))}
    assert not reach & {"manager", "executor", "slots", "worker", "execution", "simulation", "simulate", "pickling"}
    assert others(imports(name, late=False)) <= {"numpy"}
    assert others(imports(name, late=True)) <= {"numpy", "scipy"}
    if not name.startswith("compar"):  # those compare runs; the others know arrays only
        assert reach <= {*STATISTICS, "errors", "parameters", "summary", "spool"}


def test_nobody_imports_in_a_circle():
    for name in SOURCES:
        assert name not in reached(name, late=False), f"{name} reaches itself"


def test_the_command_line_sees_a_batch_through_the_manager_and_its_status():
    assert not ours(imports("cli", late=True)) & {"executor", "slots", "worker", "execution", "batch_run", "run_queue"}


# What is loaded ------------------------------------------------------------------------------------------------


def loaded_by(program, *words):
    done = python(f"{program}\nimport sys\nprint('loaded:', *sys.modules)", *words)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_importing_simmanager_loads_nothing_heavy():
    loaded = loaded_by("import simmanager")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("simmanager")} == {"simmanager"}


def test_looking_at_the_names_of_simmanager_loads_nothing_heavy():
    assert not loaded_by("import simmanager; dir(simmanager); simmanager.__version__; simmanager.RunState") & HEAVY


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_simmanager_status_loads_neither_numpy_nor_joblib_nor_matplotlib(options, tmp_path):
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    loaded = loaded_by("import sys; from simmanager.cli import main; main(sys.argv[1:])", "status", "batch", *options)
    assert "simmanager.status" in loaded
    assert not loaded & ({"numpy", "joblib", "matplotlib", "scipy", "cloudpickle"} | ({"rich"} if options else set()))


def test_simmanager_logs_loads_neither_numpy_nor_joblib_nor_matplotlib(tmp_path):
    SimulationManager([toy_sim()], 1, "batch").generate_sim_paths()
    loaded = loaded_by("import sys; from simmanager.cli import main; main(sys.argv[1:])", "logs", "batch")
    assert not loaded & {"numpy", "joblib", "matplotlib", "scipy", "cloudpickle"}


@pytest.mark.parametrize("options", [[], ["--csv"], ["--json"]])
def test_simmanager_results_loads_neither_numpy_nor_joblib_nor_matplotlib(options, tmp_path):
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    loaded = loaded_by("import sys; from simmanager.cli import main; main(sys.argv[1:])", "results", "batch", *options)
    assert "simmanager.results" in loaded
    assert not loaded & ({"numpy", "joblib", "matplotlib", "scipy", "cloudpickle"} | ({"rich"} if options else set()))


def test_every_public_name_is_there_and_no_other():
    for name in simmanager.__all__:
        assert getattr(simmanager, name) is not None
    assert set(dir(simmanager)) == set(simmanager.__all__)
    with pytest.raises(AttributeError, match="no attribute 'SimulationManger'"):
        simmanager.SimulationManger
    wanted = "SingleSim SimulationManager RunState BatchStatus RunStatus report_progress SimManagerError"
    assert {*wanted.split(), "default_training_loop", "episode_based_training_loop"} <= set(simmanager.__all__)


def test_the_types_of_the_public_names_are_told_to_type_checkers():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test))
    told = {alias.asname for node in block.body for alias in node.names}
    assert told == set(simmanager.__all__) - {"__version__"}
