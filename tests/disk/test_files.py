"""A file is put in place whole, whatever stands there; nothing is written or removed through a link."""

import pytest

from simmanager.base.errors import SimManagerError
from simmanager.disk.files import put_in_place, remove_entry, write_new


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
