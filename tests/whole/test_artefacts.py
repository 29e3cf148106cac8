"""Files that a model writes itself: each run has a folder for them, they are listed, compared, kept of each attempt."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from command_line import simmanager
from toys import toy_sim

from simmanager import (
    OneShot,
    SimulationManager,
    SingleSim,
    current_run,
    load_checkpoint,
    read_results,
    reproduce,
    save_checkpoint,
)
from simmanager.base.errors import ParameterError


def writes(size=3):
    folder = current_run().folder
    (folder / "models").mkdir()
    (folder / "models" / "final.pt").write_bytes(b"x" * size)
    (folder / "notes.txt").write_text("text")
    return {"x": 1.0}


def writes_here(wrong=False):
    """Write to a fixed name in the working directory, as models do."""
    assert not Path("output").exists(), "the folder of another run"
    Path("output").write_text(str(current_run().seed))
    if wrong:
        raise ValueError("boom")
    return {"x": float(Path("output").read_text())}


def draws(side=40):
    import matplotlib.image

    matplotlib.image.imsave(current_run().folder / "map.png", np.eye(side))
    (current_run().folder / "broken.png").write_bytes(b"\x89PNG no image")
    return {"x": 1.0}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    place = tmp_path_factory.mktemp("artefacts")
    sims = [OneShot(writes), OneShot(writes_here, cwd="run"), OneShot(draws), toy_sim("nothing", n_steps=2)]
    manager = SimulationManager(sims, 2, "b", seed=5, results_dir=place)
    assert manager.run_all(2, progress=False).all_finished
    return place / "b"


def test_a_run_that_writes_nothing_has_no_folder_for_it(batch):
    assert not list(batch.glob("nothing/run_*/artefacts"))
    assert read_results(batch).of("nothing")[0].artefacts == {}


def test_with_a_directory_of_its_own_each_run_writes_to_fixed_names(batch):
    for run in read_results(batch).of("writes_here"):
        assert run.artefacts == {"output": len(str(run.seed))}
        assert (run.path / "artefacts" / "output").read_text() == str(run.seed)
        assert run.metrics["x"] == run.seed
    assert not (batch.parent / "output").exists()


def test_results_show_and_page_list_files_with_their_sizes(batch):
    assert [run.artefacts for run in read_results(batch).of("writes")] == [{"models/final.pt": 3, "notes.txt": 4}] * 2
    assert "2 files, 7 bytes" in simmanager("results", batch).stdout
    rows = json.loads(simmanager("results", batch, "--json").stdout)
    assert rows[0]["artefacts"] == {"models/final.pt": 3, "notes.txt": 4}
    shown = simmanager("show", f"{batch}/writes/0").stdout
    assert "  models/final.pt  3 bytes\n  notes.txt        4 bytes\n" in shown
    assert simmanager("report", batch, "-o", "page.html").returncode == 0
    page = Path("page.html").read_text()
    assert "2 files, 7 bytes" in page
    assert page.count('src="data:image/png;base64,') == 2 and 'alt="map.png"' in page, "an image a run, none broken"


def test_an_image_of_anybody_is_opened_only_if_it_is_small_and_whole(tmp_path):
    from PIL import Image

    from simmanager.report.thumbnails import thumbnail

    Image.new("RGB", (2000, 1000), "red").save(tmp_path / "large.jpg")
    Image.new("1", (9000, 9000)).save(tmp_path / "bomb.png")
    Image.new("RGB", (20, 10)).save(tmp_path / "image.tiff")
    (tmp_path / "link.png").symlink_to(tmp_path / "large.jpg")
    import io

    with Image.open(io.BytesIO(thumbnail(tmp_path / "large.jpg"))) as small:
        assert small.size == (360, 180) and small.getpixel((100, 100))[0] > 200
    for name in ("bomb.png", "image.tiff", "link.png", "nothing.png"):
        assert thumbnail(tmp_path / name) == b""


def writes_noise(place="noise"):
    (current_run().folder / place).write_bytes(os.urandom(8))
    return {"x": 1.0}


def test_files_are_compared_when_a_run_is_reproduced(batch):
    found = reproduce(f"{batch}/writes/0")
    assert found.files["artefacts/models/final.pt"] == "same" and found.same_bytes
    manager = SimulationManager([OneShot(writes_noise)], 1, "b")
    manager.run_all(1, progress=False)
    found = reproduce("b/writes_noise/0")
    assert (found.files["artefacts/noise"], found.files["agent"], found.same) == ("other", "same", False)
    Path(manager.runs[0].path, "artefacts", "noise").unlink()
    assert reproduce("b/writes_noise/0").files["artefacts/noise"] == "missing"


def fails_at_first():
    run = current_run()
    assert not list(run.folder.iterdir()), "what the attempt before has written"
    (run.folder / f"of attempt {run.attempt}").touch()
    if run.attempt == 1:
        os.kill(os.getpid(), 9)
    return {"x": 1.0}


def test_the_files_of_an_attempt_stay_with_it_when_a_run_is_tried_again_or_run_anew():
    manager = SimulationManager([OneShot(fails_at_first)], 1, "b")
    assert manager.run_all(1, retries=1, progress=False).all_finished
    folder = manager.runs[0].path
    assert [path.name for path in (folder / "attempt_1" / "artefacts").iterdir()] == ["of attempt 1"]
    assert [path.name for path in (folder / "artefacts").iterdir()] == ["of attempt 2"]
    failing = SimulationManager([OneShot(writes_here, {"wrong": True}, cwd="run")], 1, "c")
    failing.run_all(1, progress=False)
    failing.simulation_list[0].params = {"wrong": False}
    failing.rerun_simulation(0, n_jobs=1, progress=False)
    folder = failing.runs[0].path
    assert (folder / "attempt_1" / "artefacts" / "output").exists() and (folder / "artefacts" / "output").exists()


def goes_on(dies_at=3):
    run = current_run()
    step = load_checkpoint() or 0
    while step < 5:
        step += 1
        with (run.folder / "log.txt").open("a") as file:
            file.write(f"{step} in attempt {run.attempt}\n")
        save_checkpoint(step)
        if step == dies_at and run.attempt == 1:
            os.kill(os.getpid(), 9)
    return {"x": 1.0}


def test_a_run_that_goes_on_from_a_checkpoint_keeps_its_files():
    manager = SimulationManager([OneShot(goes_on)], 1, "b")
    assert manager.run_all(1, retries=1, checkpoint_every_s=1e-9, progress=False).all_finished
    lines = (manager.runs[0].artefacts / "log.txt").read_text().splitlines()
    assert lines == [f"{step} in attempt {1 + (step > 3)}" for step in range(1, 6)]


def test_the_directory_is_asked_for_on_the_command_line_in_files_and_in_python(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    Path("mine.py").write_text(
        "import pathlib\nfrom simmanager import OneShot\n"
        "def here(): return {'x': float(pathlib.Path('made').write_text('x'))}\nsimulation_list = [OneShot(here)]\n"
    )
    assert simmanager("run", "mine.py", "--runs", 1, "--id", "a", "--cwd", "run").returncode == 0
    assert len(list(Path("a").glob("here/run_*/artefacts/made"))) == 1 and not Path("made").exists()
    shown = json.loads(Path("a/manager.json").read_text())["simulations"][0]
    assert shown["cwd"] == "run"
    Path("b.toml").write_text(
        'runs_per_sim = 1\n[[simulations]]\nsimulation_id = "walk"\ndefault = "stachenfeld_in_2d"\ncwd = "run"\n'
    )
    from simmanager.batch.batch_file import read_batch_file

    assert read_batch_file("b.toml").simulations[0].cwd == "run"
    assert SingleSim(cwd="run").copy().cwd == "run" == OneShot(writes, cwd="run").copy().cwd
    with pytest.raises(ParameterError, match="cwd of the simulation 'writes' must be None or 'run'"):
        OneShot(writes, cwd="/tmp").check()
    assert "cwd" not in OneShot(writes).recipe().decode("latin-1")
