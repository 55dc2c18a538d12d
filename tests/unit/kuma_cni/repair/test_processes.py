"""A pod's processes by the names of their control groups, as kubelets and runtimes write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_cni.repair.processes import pod_processes, process_of

if TYPE_CHECKING:
    from pathlib import Path

UID = "0b6f2d1e-6a2b-4c77-9d6e-1f2a3b4c5d6e"
OTHER = "aaaaaaaa-6a2b-4c77-9d6e-1f2a3b4c5d6e"
HASH = "9f86d081884c7d659a2feaa0c55ad015"


def proc(folder: Path, groups: dict[int, str]) -> str:
    """Write a /proc with processes in these groups; return its path."""
    for pid, text in groups.items():
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "cgroup").write_text(text, encoding="utf-8")
    (folder / "sys").mkdir()
    return str(folder)


@pytest.mark.parametrize(
    ("group", "uid"),
    [
        (f"0::/kubepods/pod{UID}/0123\n", UID),
        (f"0::/kubepods/burstable/pod{UID}/0123\n", UID),
        (f"12:memory:/\n4:cpu,cpuacct:/kubepods/besteffort/pod{UID}/0123\n", UID),
        (f"0::/kubepods/pod{UID}\n0::/x\n", UID),
        (f"0::/k.slice/kubepods-pod{UID.replace('-', '_')}.slice/cri-containerd-01.scope\n", UID),
        (f"0::/k.slice/kubepods-pod{UID.replace('-', '_')}.slice\n", UID),
        (f"0::/kubepods/pod{HASH}/0123\n", HASH),
        (f"0::/../../kubepods/pod{UID}/crio-0123\n", UID),
    ],
)
def test_a_pod_is_found_in_every_way_its_group_is_written(
    tmp_path: Path, group: str, uid: str
) -> None:
    assert pod_processes(proc(tmp_path, {7: group})) == {uid: 7}


@pytest.mark.parametrize(
    "group",
    ["", "0::/init.scope\n", f"0::/kubepods/pod{UID}0/x\n", f"0::/pod{HASH}0\n", "0::/podman/x\n"],
)
def test_other_groups_are_none_of_a_pod(tmp_path: Path, group: str) -> None:
    assert pod_processes(proc(tmp_path, {7: group})) == {}


def test_of_a_pods_processes_the_first_counts_and_those_that_end_are_passed_over(
    tmp_path: Path,
) -> None:
    groups = {100: UID, 9: UID, 20: OTHER, 1: "init"}
    path = proc(tmp_path, {pid: f"0::/kubepods/pod{uid}/x\n" for pid, uid in groups.items()})
    (tmp_path / "5").mkdir()  # it ended before its file was opened
    assert pod_processes(path) == {UID: 9, OTHER: 20}


STATIC = {"kubernetes.io/config.hash": HASH}


def test_a_pod_is_found_by_its_uid_and_a_static_one_by_the_hash_of_its_file() -> None:
    assert process_of({UID: 7, OTHER: 8}, UID, {}) == 7
    assert process_of({HASH: 9, OTHER: 8}, UID, STATIC) == 9
    assert process_of({OTHER: 8}, UID, {}) is None
    assert process_of({OTHER: 8}, UID, STATIC) is None


def test_no_pod_passes_for_another_by_what_its_author_wrote() -> None:
    assert process_of({UID: 7, HASH: 9}, UID, STATIC) == 7
    assert process_of({OTHER: 8}, UID, {"kubernetes.io/config.hash": OTHER}) is None
