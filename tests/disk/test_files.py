"""A file is put in place whole, whatever stands there; nothing is written or removed through a link."""

import errno
import os
from pathlib import Path

import pytest

from simmanager.base.errors import SimManagerError
from simmanager.disk.files import SCRATCH, move_folder, put_in_place, remove_all, remove_entry, write_new


@pytest.fixture
def precious(tmp_path):
    file = tmp_path / "precious"
    file.write_text("keep")
    return file


def test_what_is_in_the_place_is_replaced(tmp_path, precious):
    places = [tmp_path / name for name in ("nothing", "file", "folder", "link")]
    places[1].write_text("old")
    (places[2] / "inner").mkdir(parents=True)
    places[3].symlink_to(precious)
    for place in places:
        write_new(str(tmp_path / "scratch"), b"new")
        put_in_place(str(tmp_path / "scratch"), str(place))
        assert place.read_bytes() == b"new" and not place.is_symlink()
    assert precious.read_text() == "keep"


def test_a_file_that_was_never_written_is_told(tmp_path):
    with pytest.raises(SimManagerError, match="Saving 'agent' wrote no file at the path it was given"):
        put_in_place(str(tmp_path / "scratch"), str(tmp_path / "agent"))


def test_a_folder_behind_a_link_is_neither_replaced_nor_emptied(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "theirs")
    remove_entry(link)
    assert not link.is_symlink() and (tmp_path / "theirs" / "file").exists()


def test_nothing_is_written_through_a_link(tmp_path, precious):
    (tmp_path / "link").symlink_to(precious)
    with pytest.raises(OSError):
        write_new(str(tmp_path / "link"), b"new")
    assert precious.read_text() == "keep"


def test_files_folders_and_what_is_not_there_are_removed(tmp_path, precious):
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for name in ("precious", "folder", "nothing"):
        remove_entry(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def in_a_child_without_privileges(function, user=65534) -> str:
    """Return what a function returns in a process that is not the superuser, in the folder of the test."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        if os.getuid() == 0:
            os.setgid(user)
            os.setuid(user)
        os.write(writing, str(function()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return told.read()


def test_folders_that_must_not_be_written_are_removed_and_what_cannot_be_is_named(tmp_path):
    tmp_path.chmod(0o777)

    def made_and_removed():
        for folder in (Path("run", "closed", "inner"), Path("kept", "by", "another")):
            folder.mkdir(parents=True)
            (folder / "file").touch()
        Path("run", "closed", "inner").chmod(0o000)
        Path("run", "closed").chmod(0o500)
        return remove_all(["run", "nothing"])

    assert in_a_child_without_privileges(made_and_removed) == "[]"
    assert not Path("run").exists()
    if os.getuid() == 0:
        os.chown("kept/by", 0, 0)
        told = "['kept cannot be removed (another: Permission denied)']"
        assert in_a_child_without_privileges(lambda: remove_all(["kept"])) == told


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_folder_that_only_a_colleague_can_remove_stays_open_for_him(tmp_path):
    tmp_path.chmod(0o777)
    one, other = 65534, 65533
    inner = Path("run", "his")
    inner.mkdir(parents=True)
    (inner / "file").touch()
    for path, owner, mode in ((Path("run"), one, 0o777), (inner, other, 0o555), (inner / "file", other, 0o444)):
        path.chmod(mode)
        os.chown(path, owner, owner)
    told = "['run cannot be removed (file: Permission denied)']"
    assert in_a_child_without_privileges(lambda: remove_all(["run"]), one) == told
    assert in_a_child_without_privileges(lambda: remove_all(["run"]), other) == "[]"
    assert not Path("run").exists()


def test_a_folder_that_cannot_be_renamed_is_copied_whole_or_not_at_all(tmp_path, monkeypatch, precious):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "file").write_text("text")
    (source / "link").symlink_to(precious)
    (source / "state").touch()
    rename = Path.rename

    def of_an_image(path, other):
        if path == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, other)

    monkeypatch.setattr(Path, "rename", of_an_image)
    with monkeypatch.context() as full:
        full.setattr("shutil.copyfile", lambda *_, **__: os.write(-1, b""))
        with pytest.raises(OSError):
            move_folder(source, target, "state")
        assert (source / "inner" / "file").read_text() == "text" and not target.exists()
    move_folder(source, target, "state")
    assert not source.exists() and (target / "inner" / "file").read_text() == "text"
    assert (target / "link").readlink() == precious and precious.read_text() == "keep"
    assert not list(tmp_path.glob(f"{SCRATCH}*"))
