"""A batch in the image of a container: what is there can be read, but its folders cannot be renamed."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from places import python_path
from toys import toy_loop, toy_sim

from simmanager import SimulationManager, current_run

pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount")


def failing_with_a_folder(agent, env):
    Path(current_run().folder, "weights").write_text("1")
    raise ValueError("not today")


def ending_with_a_folder(agent, env):
    Path(current_run().folder, "weights").write_text("1")
    return toy_loop(agent, env)


def in_the_container(*lines: str) -> str:
    """Execute command lines where the folder "image" is the lower layer of "container", as Docker has it."""
    for name in ("changes", "work", "container"):
        Path(name).mkdir(exist_ok=True)
    mount = "mount -t overlay overlay -o lowerdir=image,upperdir=changes,workdir=work,redirect_dir=off container"
    ours = [f"{shlex.quote(sys.executable)} -m simmanager {line} 2>&1; echo exit $?" for line in lines]
    command = ["unshare", "--mount", "sh", "-c", f"{mount} || exit 77; cd container; {'; '.join(ours)}"]
    environ = {**os.environ, "PYTHONPATH": python_path(Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environ)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"no overlay can be mounted here: {done.stderr}")
    return done.stdout


def test_a_batch_in_an_image_is_gone_on_with_and_made_anew():
    sims = [toy_sim("fails", failing_with_a_folder), toy_sim("ends", ending_with_a_folder)]
    SimulationManager(sims, 1, "b", results_dir="image").run_all(1, progress=False)
    said = in_the_container("resume b --retry-errors --jobs 1", "rerun b --all --jobs 1", "status b")
    assert said.count("exit 1") == 3 and "exit 2" not in said and "cross-device" not in said, said
    (failed,) = Path("changes", "b", "fails").glob("run_*/error.log")
    kept = {str(path.relative_to(failed.parent)) for path in failed.parent.rglob("weights")}
    assert kept == {"artefacts/weights", "attempt_1/artefacts/weights", "attempt_2/artefacts/weights"}
    (ended,) = Path("changes", "b", "ends").glob("run_*/agent")
    assert [path.name for path in ended.parent.glob("attempt_*")] == []
    assert not [path for path in Path("changes").rglob("*") if path.name.startswith(("~", "."))]
