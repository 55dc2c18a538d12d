"""Records of pods that were looked up: few, private, whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kuma_cni.plugin.records import LARGEST, UNFINISHED, Records

if TYPE_CHECKING:
    from pathlib import Path

ANNOTATIONS = {"kuma.io/sidecar-injected": "true", "odd": 'a"\n\0é'}


def test_what_was_put_is_there_until_it_is_dropped(tmp_path: Path) -> None:
    records = Records(str(tmp_path / "lib" / "cni" / "kuma-net"))
    assert records.put("c0ffee", "eth0", ANNOTATIONS) == ""
    assert records.get("c0ffee", "eth0") == ANNOTATIONS
    assert records.get("c0ffee", "net1") is None
    assert records.put("c0ffee", "eth0", {}) == ""
    assert records.get("c0ffee", "eth0") == {}
    records.drop("c0ffee", "eth0")
    assert records.get("c0ffee", "eth0") is None
    records.drop("c0ffee", "eth0")
    assert list((tmp_path / "lib" / "cni" / "kuma-net").iterdir()) == []


def test_nobody_else_may_look(tmp_path: Path) -> None:
    folder = tmp_path / "kuma-net"
    Records(str(folder)).put("c0ffee", "eth0", ANNOTATIONS)
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "container", ["..", "../../etc/passwd", "a/b", "x" * 5000, "", "a\0", "\udcff"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, container: str) -> None:
    folder = tmp_path / "kuma-net"
    records = Records(str(folder))
    assert records.put(container, "eth0", ANNOTATIONS) == ""
    assert records.get(container, "eth0") == ANNOTATIONS
    assert [path.name for path in tmp_path.iterdir()] == ["kuma-net"]
    assert len(list(folder.iterdir())) == 1


def test_gc_keeps_what_is_valid_and_nothing_else(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    for number in range(5):
        records.put(f"c{number}", "eth0", ANNOTATIONS)
    (tmp_path / f"{'a0' * 20}{UNFINISHED}").write_text("{", encoding="ascii")
    (tmp_path / "somebody-else's").write_text("precious", encoding="ascii")
    assert records.keep_only([("c1", "eth0"), ("c3", "eth0"), ("c4", "net1")]) == 4
    kept = [number for number in range(5) if records.get(f"c{number}", "eth0") is not None]
    assert kept == [1, 3]
    assert records.keep_only([]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["somebody-else's"]
    assert Records(str(tmp_path / "none")).keep_only([]) == 0


def test_a_killed_writer_leaves_nothing_that_is_read_or_stays(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    records.put("c0ffee", "eth0", ANNOTATIONS)
    (file,) = tmp_path.iterdir()
    half = file.with_name(file.name + UNFINISHED)
    half.write_text('{"annotations": {"kuma', encoding="ascii")
    assert records.get("c0ffee", "eth0") == ANNOTATIONS
    assert records.put("c0ffee", "eth0", {"a": "b"}) == ""
    half.write_text("{", encoding="ascii")
    records.drop("c0ffee", "eth0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"{}",
        b'{"annotations": []}',
        b'{"annotations": null}',
        b"\xff",
        b"[" * 9999,
    ],
)
def test_a_damaged_record_is_none(tmp_path: Path, damage: bytes) -> None:
    records = Records(str(tmp_path))
    records.put("c0ffee", "eth0", ANNOTATIONS)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert records.get("c0ffee", "eth0") is None


def test_a_record_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    records.put("c0ffee", "eth0", ANNOTATIONS)
    (file,) = tmp_path.iterdir()
    with file.open("ab") as sparse:
        sparse.truncate(LARGEST << 8)
    assert records.get("c0ffee", "eth0") is None


@pytest.mark.parametrize("kind", ["file", "link", "open to others", "stranger's"])
def test_a_folder_that_is_not_ours_alone_gets_no_record(tmp_path: Path, kind: str) -> None:
    folder, target = tmp_path / "kuma-net", tmp_path / "target"
    target.mkdir()
    match kind:
        case "file":
            folder.write_bytes(b"")
        case "link":
            folder.symlink_to(target)
        case "open to others":
            folder.mkdir()
            folder.chmod(0o777)
        case _:
            folder.mkdir()
            os.chown(folder, 1000, 1000)
    note = Records(str(folder)).put("c0ffee", "eth0", ANNOTATIONS)
    assert str(folder) in note
    assert list(target.iterdir()) == []


def test_a_link_in_place_of_a_record_is_not_followed(tmp_path: Path) -> None:
    records, target = Records(str(tmp_path / "kuma-net")), tmp_path / "target"
    records.put("c0ffee", "eth0", ANNOTATIONS)
    (file,) = (tmp_path / "kuma-net").iterdir()
    target.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(target)
    assert records.get("c0ffee", "eth0") is None
    assert records.put("c0ffee", "eth0", {}) == ""
    assert b"sidecar" in target.read_bytes()


@pytest.mark.parametrize("folder", ["", "kuma-net", "./kuma-net"])
def test_a_folder_without_a_place_is_none(folder: str) -> None:
    note = Records(folder).put("c0ffee", "eth0", ANNOTATIONS)
    assert note.endswith("it is no absolute path")


def test_slashes_behind_a_folder_do_not_matter(tmp_path: Path) -> None:
    Records(f"{tmp_path}/kuma-net//").put("c0ffee", "eth0", ANNOTATIONS)
    assert Records(f"{tmp_path}/kuma-net").get("c0ffee", "eth0") == ANNOTATIONS
    assert (tmp_path / "kuma-net").stat().st_mode & 0o777 == 0o700
