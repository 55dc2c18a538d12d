"""The executable: put there, left where it is right, replaced, taken away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kuma_cni.installer.binaries import Executable, folders_named, is_bundle
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "kuma-cni-0123456789abcdef", "kuma-cni-fedcba9876543210"


def make_bundle(folder: Path, name: str) -> Path:
    """Write something shaped like a bundle."""
    (folder / name / "lib").mkdir(parents=True)
    (folder / name / "lib" / "code").write_text(name)
    (folder / name / "lib" / "link").symlink_to("code")
    (folder / "kuma-cni").write_bytes(b"\x7fELF\0" + name.encode() + b"\0/lib/ld.so\0")
    (folder / "kuma-cni").chmod(0o755)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bridge").write_text("somebody else's")
    return tmp_path / "bin"


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_launcher_and_folder_are_put_there_once(tmp_path: Path, place: Path) -> None:
    executable = Executable(str(make_bundle(tmp_path / "image", OLD)), [str(place)])
    assert executable.wrong() == "the executable is not in place yet"
    assert executable.install()
    assert not executable.install()
    assert executable.wrong() == ""
    assert names(place) == ["bridge", "kuma-cni", OLD]
    assert (place / OLD / "lib" / "link").read_text() == OLD


def test_an_upgrade_leaves_the_former_folder_until_nobody_can_need_it(
    tmp_path: Path, place: Path
) -> None:
    Executable(str(make_bundle(tmp_path / "old", OLD)), [str(place)]).install()
    upgrade = Executable(str(make_bundle(tmp_path / "new", NEW)), [str(place)])
    assert upgrade.install()
    assert names(place) == ["bridge", "kuma-cni", OLD, NEW]
    assert upgrade.drop_old() == ()
    assert upgrade.drop_old(0.0) == (OLD,)
    assert names(place) == ["bridge", "kuma-cni", NEW]


def test_another_version_that_is_whole_is_left_alone(tmp_path: Path, place: Path) -> None:
    old = Executable(str(make_bundle(tmp_path / "old", OLD)), [str(place)])
    old.install()
    Executable(str(make_bundle(tmp_path / "new", NEW)), [str(place)]).install()
    assert old.wrong() == ""
    assert not old.is_ours()


def test_what_is_wrong_with_it_is_told(tmp_path: Path, place: Path) -> None:
    executable = Executable(str(make_bundle(tmp_path / "image", OLD)), [str(place)])
    executable.install()
    (place / OLD).rename(place / "aside")
    assert executable.wrong() == f"{place}/kuma-cni has no folder {OLD} beside it"
    (place / "kuma-cni").write_text("#!/bin/sh")
    assert executable.wrong() == f"{place}/kuma-cni is another program"
    (place / "kuma-cni").chmod(0o600)
    assert executable.wrong() == f"{place}/kuma-cni is no executable"
    assert executable.install()
    assert executable.wrong() == ""


def test_a_spoilt_folder_is_replaced(tmp_path: Path, place: Path) -> None:
    executable = Executable(str(make_bundle(tmp_path / "image", OLD)), [str(place)])
    executable.install()
    (place / OLD / "lib" / "code").write_text("spoilt")
    assert executable.install()
    assert (place / OLD / "lib" / "code").read_text() == OLD
    assert names(place) == ["bridge", "kuma-cni", OLD]


def test_everything_of_ours_is_taken_away_and_nothing_else(tmp_path: Path, place: Path) -> None:
    executable = Executable(str(make_bundle(tmp_path / "image", OLD)), [str(place), "/nonexistent"])
    executable.install()
    (place / NEW).mkdir()
    (place / "kuma-cni-notes").mkdir()
    (place / ".kuma-cni-unfinished-7").write_text("half")
    assert executable.users() == ()
    gone = executable.remove()
    assert set(gone) == {f"{place}/{name}" for name in ("kuma-cni", OLD, NEW)}
    assert names(place) == ["bridge", "kuma-cni-notes"]
    assert executable.remove() == ()
    assert executable.drop_old(0.0) == ()


def test_nowhere_to_put_it_is_told_with_every_reason(tmp_path: Path) -> None:
    executable = Executable(str(make_bundle(tmp_path / "image", OLD)), ["/nowhere", "/proc/self"])
    with pytest.raises(HostError, match=r"/nowhere: No such .*; /proc/self: "):
        executable.install()


def test_a_launcher_tells_its_folder() -> None:
    text = b"\0kuma-cni-0123456789abcdef\0 kuma-cni-install kuma-cni-xyz /kuma-cni-00000000\0"
    assert folders_named(text) == (OLD,)
    assert folders_named(b"#!/bin/sh") == ()


def test_a_bundle_is_a_launcher_with_its_folder(tmp_path: Path) -> None:
    assert not is_bundle(str(tmp_path))
    make_bundle(tmp_path, OLD)
    assert is_bundle(str(tmp_path))
    (tmp_path / OLD).rename(tmp_path / "aside")
    assert not is_bundle(str(tmp_path))
    assert os.access(tmp_path / "kuma-cni", os.X_OK)
