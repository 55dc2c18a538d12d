"""Changes of a folder that others use too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kuma_cni.conflist.steps import Drop, Keep, Rename, Write
from kuma_cni.installer.files import LARGEST, Folder
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_mode_is_kept_and_a_new_file_is_for_root_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "a").chmod(0o640)
    with Folder(str(tmp_path)) as folder:
        folder.perform((Write("a", b"2", "a"), Write("b", b"2", "a"), Write("c", b"3", "gone")))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"a": 0o640, "b": 0o640, "c": 0o600}


def test_a_link_is_taken_the_place_of_and_never_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("precious")
    folder_path = tmp_path / "net"
    folder_path.mkdir()
    (folder_path / "a.conflist").symlink_to(target)
    with Folder(str(folder_path)) as folder:
        assert folder.networks() == {"a.conflist": b"precious"}  # a runtime follows it, too
        folder.perform((Keep("a.conflist"), Write("a.conflist", b"new", "a.conflist")))
        assert target.read_text() == "precious"
        assert not (folder_path / "a.conflist").is_symlink()
        folder.perform((Rename("a.conflist.before-kuma-cni", "a.conflist"),))
    assert (folder_path / "a.conflist").readlink() == target


def test_what_is_kept_is_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = (tmp_path / "a").stat()
    with Folder(str(tmp_path)) as folder:
        folder.perform((Keep("a"), Keep("a"), Write("a", b"2", "a")))
        folder.perform((Rename("a.before-kuma-cni", "a"), Drop("a.before-kuma-cni")))
    after = (tmp_path / "a").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_renaming_a_file_onto_itself_leaves_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    with Folder(str(tmp_path)) as folder:
        folder.perform((Keep("a"), Rename("a.before-kuma-cni", "a")))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_odd_entries_hold_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.conf")
    (tmp_path / "folder.conf").mkdir()
    (tmp_path / "ring.conf").symlink_to("ring.conf")
    (tmp_path / "dangling.conf").symlink_to("nowhere")
    (tmp_path / "long.conf").write_bytes(b" " * (LARGEST + 5))
    with Folder(str(tmp_path)) as folder:
        found = folder.networks()
    assert sorted(found) == ["long.conf", "ring.conf"]
    assert len(found["long.conf"]) == LARGEST
    assert found["ring.conf"].startswith(b"unreadable: ")


def test_what_was_left_unfinished_goes(tmp_path: Path) -> None:
    (tmp_path / ".kuma-cni-unfinished-1").write_text("half")
    (tmp_path / ".kuma-cni-unfinished-2").mkdir()
    (tmp_path / ".kuma-cni-unfinished-2" / "file").write_text("half")
    (tmp_path / ".other").write_text("whole")
    with Folder(str(tmp_path)) as folder:
        folder.tidy()
    assert [path.name for path in tmp_path.iterdir()] == [".other"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "full").write_text("")
    with Folder(str(tmp_path)) as folder, pytest.raises(OSError, match="directory"):
        folder.write("a", b"text")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        Folder(str(tmp_path / "gone"))


def test_an_age_is_since_the_last_writing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    with Folder(str(tmp_path)) as folder:
        assert 0 <= folder.age("a") < 60
        assert folder.age("gone") == 86400
