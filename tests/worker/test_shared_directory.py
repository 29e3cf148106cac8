"""Files that runs leave in the working directory that all share are noticed, and told once."""

from pathlib import Path

from simmanager import OneShot, SimulationManager


def write(names=()):
    for name in names:
        if name.endswith("/"):
            Path(name).mkdir(exist_ok=True)
        else:
            Path(name).write_text("model")
    return {"x": 1.0}


def run(*names, runs=3, batch="batch"):
    manager = SimulationManager([OneShot(write, {"names": list(names)}, "one")], runs, batch, seed=1)
    manager.run_all(n_jobs=1)
    return manager


def logs(manager):
    return [folder.run_log.read_text() for folder in manager.runs]


def test_they_are_told_once_with_what_to_do(capsys):
    manager = run("ppo.zip", "output/")
    said = capsys.readouterr().out
    assert said.count("output, ppo.zip") == 1
    assert 'cwd="run"' in said and "--cwd run" in said
    first, *others = logs(manager)
    assert f"output, ppo.zip appeared in {Path.cwd()}" in first
    assert not any("appeared" in log for log in others)


def test_a_run_that_writes_nothing_there_is_told_nothing(capsys):
    Path("before.txt").touch()
    manager = run()
    assert "appeared" not in "".join(logs(manager))
    assert "shared" not in capsys.readouterr().out.replace(str(Path.cwd()), "")


def test_hidden_files_and_batches_are_none_of_a_run(capsys):
    manager = run(".cache", "__pycache__/", "other/")
    assert "while this run was executed, other appeared" in logs(manager)[0]


def test_the_advice_works(tmp_path):
    manager = SimulationManager([OneShot(in_a_folder_of_its_own, {}, "one")], 2, "batch", seed=1)
    manager.run_all(n_jobs=1)
    assert not Path("ppo.zip").exists()
    assert "appeared" not in "".join(logs(manager))


def in_a_folder_of_its_own():
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # removed, for this test
        os.chdir(folder)
        return write(["ppo.zip"])
