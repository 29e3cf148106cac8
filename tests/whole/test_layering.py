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

#: Each package, from the ground floor up, and the packages that it imports: in whatever way, lazily and for types too.
MAY_IMPORT = {
    "version": "",
    "base": "",
    "analysis": "base",
    "disk": "base",
    "worker": "base disk",
    "status": "base disk",
    "training": "base disk",
    "dispatch": "base disk worker status",
    "simulation": "base disk worker status",
    "agents": "base training",
    "arenas": "base disk training",
    "results": "base disk status analysis",
    "default_simulation": "simulation training agents arenas",
    "plots": "base disk analysis results",
    "report": "version base disk status results plots",
    "batch": "base disk worker status dispatch simulation results default_simulation report",
    "cli": "version base disk status dispatch simulation results default_simulation plots report batch",
    "compat": "base disk status training simulation batch",
    "simmanager": "version base disk status training dispatch simulation results batch",
    "__main__": "cli",
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "simmanager"


SOURCES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def package_of(name):
    return name.partition(".")[0]


def imported_by(node, package):
    """Return the full names that an import statement may load; ours without ``simmanager.``."""
    if isinstance(node, ast.Import):
        return {alias.name.removeprefix("simmanager.") for alias in node.names}
    if not node.level:
        return {(node.module or "").removeprefix("simmanager.")}
    base = package[: len(package) - node.level + 1]
    inner = [*base, *(node.module.split(".") if node.module else [])]
    names = {".".join([*inner, alias.name]) for alias in node.names}
    return {name if name in SOURCES else ".".join(inner) or "simmanager" for name in names}


@functools.cache
def imports(name, *, late=True, types=True):
    """Return what a module imports: also inside its functions (``late``), and for type checkers alone (``types``)."""
    path = SOURCES[name]
    package = list(path.relative_to(ROOT).parent.parts)
    found = set()

    def look(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not types:
                continue
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                found.update(imported_by(child, package))
            if late or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                look(child)

    look(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(found)


def ours(names):
    return {name for name in names if name in SOURCES}


def others(names):
    """Return packages from elsewhere, the standard library left out."""
    return {package_of(name) for name in names} - set(SOURCES) - sys.stdlib_module_names - {"__future__"}


def knowing(package, *, late=True):
    """Return the modules that import a package from elsewhere."""
    return {name for name in SOURCES if package in others(imports(name, late=late, types=False))}


def reached(name):
    """Return all modules of ours that a module reaches."""
    found, todo = set(), [name]
    while todo:
        for other in ours(imports(todo.pop())) - found:
            found.add(other)
            todo.append(other)
    return found


def test_the_graph_is_read_correctly():
    assert {"disk.state", "disk.run_folder", "batch.manager", "agents.weber_2018", "worker.__main__"} <= set(SOURCES)
    assert "base.errors" in imports("disk.state", late=False)
    assert "joblib" in imports("dispatch.executor") - imports("dispatch.executor", late=False)  # inside a function
    assert "analysis.aggregates" in imports("plots.curves") - imports("plots.curves", types=False)  # for types alone
    assert "batch.manager" in imports("simmanager")


def test_each_package_imports_those_of_the_table_and_uses_all_of_them():
    found = {package: set() for package in map(package_of, SOURCES)}
    for name in SOURCES:
        found[package_of(name)] |= set(map(package_of, ours(imports(name)))) - {package_of(name)}
    assert found == {package: set(names.split()) for package, names in MAY_IMPORT.items()}


def test_no_package_imports_one_of_a_higher_floor():
    floors = list(MAY_IMPORT)
    for package, names in MAY_IMPORT.items():
        assert all(floors.index(name) < floors.index(package) for name in names.split()), package


def test_nobody_imports_in_a_circle():
    for name in SOURCES:
        assert name not in reached(name), f"{name} reaches itself"


# Packages from elsewhere -----------------------------------------------------------------------------------------


def test_each_package_from_elsewhere_is_known_where_it_is_needed():
    assert knowing("joblib") == {"dispatch.executor", "dispatch.dask_executor", "dispatch.run_options"}
    assert knowing("distributed") == {"dispatch.dask_executor"}
    assert knowing("gymnasium") == {"arenas.gymnasium_arena"}
    assert knowing("yaml") == {"batch.document"}
    assert knowing("argcomplete") == {"cli.completion"}
    assert knowing("jinja2") | knowing("markupsafe") == {"report.page"}
    assert knowing("filelock") <= {"disk.locks", "disk.batch_folder"}
    assert set(map(package_of, knowing("rich"))) <= {"base", "status", "dispatch", "results"}
    assert set(map(package_of, knowing("matplotlib"))) <= {"agents", "arenas", "plots", "report", "cli"}
    assert set(map(package_of, knowing("scipy"))) <= {"analysis", "agents", "arenas", "plots", "batch"}
    assert set(map(package_of, knowing("pandas"))) <= {"base", "results"}
    allowed = {"disk", "worker", "simulation", "batch", "arenas", "compat"}
    assert set(map(package_of, knowing("cloudpickle"))) <= allowed
    assert not {name for name in SOURCES if "disk.by_value" in imports(name, late=False, types=False)}


def test_only_models_loops_and_statistics_load_numpy_when_they_are_imported():
    loading = set(map(package_of, knowing("numpy", late=False)))
    assert loading <= {"agents", "arenas", "training", "analysis", "results"}
    assert {name for name in knowing("numpy", late=False) if package_of(name) == "results"} <= {
        "results.compare",
        "results.compared_runs",
    }
    assert not knowing("matplotlib", late=False)


def test_processes_are_known_to_those_who_run_them():
    starting = {name for name in SOURCES if "subprocess" in imports(name)}
    asks_git, notifies = "base.provenance", "dispatch.events"
    assert starting == {"batch.background", "dispatch.worker_process", "dispatch.deadlines", asks_git, notifies}
    pools = {"multiprocessing", "concurrent"}
    found = {n for n in SOURCES if pools & {package_of(i) for i in imports(n)}}
    assert found == {"dispatch.dask_executor", "worker.child_pickling"}  # what a run starts gets code by value
    assert "concurrent.futures" in imports("dispatch.dask_executor")  # the name of an exception of Dask's


def test_those_who_look_never_unpickle():
    """A run folder owns all files, results too: it loads pickle when one of these is asked for."""
    lookers = {name for name in SOURCES if package_of(name) in ("base", "status", "results", "plots", "report")}
    assert not {name for name in lookers if {"pickle", "cloudpickle"} & imports(name)}
    assert "pickle" not in imports("disk.run_folder", late=False)


def test_looking_loads_no_package_from_elsewhere_before_it_is_needed():
    for name in SOURCES:
        late = ("disk.locks", "disk.by_value")  # the second is itself imported where it is needed
        if package_of(name) in ("base", "disk", "status", "cli", "plots", "report") and name not in late:
            assert not others(imports(name, late=False, types=False)), name


# What is loaded ------------------------------------------------------------------------------------------------


def loaded_by(program, *words):
    done = python(f"{program}\nimport sys\nprint('loaded:', *sys.modules)", *words)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_importing_simmanager_loads_nothing_heavy():
    loaded = loaded_by("import simmanager")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("simmanager")} == {"simmanager", "simmanager.version"}


def test_looking_at_the_names_of_simmanager_loads_nothing_heavy():
    assert not loaded_by("import simmanager; dir(simmanager); simmanager.__version__; simmanager.RunState") & HEAVY


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_simmanager_status_loads_neither_numpy_nor_joblib_nor_matplotlib(options, tmp_path):
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    loaded = loaded_by(
        "import sys; from simmanager.cli.main import main; main(sys.argv[1:])", "status", "batch", *options
    )
    assert "simmanager.status.reader" in loaded
    assert not {name for name in loaded if name.startswith(("simmanager.dispatch", "simmanager.batch"))}
    assert not loaded & ({"numpy", "joblib", "matplotlib", "scipy", "cloudpickle"} | ({"rich"} if options else set()))


def test_simmanager_logs_loads_neither_numpy_nor_joblib_nor_matplotlib(tmp_path):
    SimulationManager([toy_sim()], 1, "batch").generate_sim_paths()
    loaded = loaded_by("import sys; from simmanager.cli.main import main; main(sys.argv[1:])", "logs", "batch")
    assert not loaded & {"numpy", "joblib", "matplotlib", "scipy", "cloudpickle"}


@pytest.mark.parametrize("options", [[], ["--csv"], ["--json"]])
def test_simmanager_results_loads_neither_numpy_nor_joblib_nor_matplotlib(options, tmp_path):
    SimulationManager([toy_sim()], 2, "batch").generate_sim_paths()
    loaded = loaded_by(
        "import sys; from simmanager.cli.main import main; main(sys.argv[1:])", "results", "batch", *options
    )
    assert "simmanager.results.results" in loaded
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
