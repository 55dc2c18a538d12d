"""A node's folders: the order of coming and going, and what happens when one of them refuses."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from kuma_cni.installer.place import Found, Place
from kuma_cni.installer.settings import load
from kuma_cni.plugin.records import Records
from kuma_net.errors import HostError
from lab.host import fork_here
from lab.installer import LIST, Node
from lab.processes import eventually, running

CALICO = "10-calico.conflist"


def place_of(node: Node, **environ: str) -> Place:
    return Place(load(node.environ | environ), str(node.image))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = Node(tmp_path)
    made.put({CALICO: LIST})
    return made


def install(place: Place) -> None:
    place.executable.install()
    place.configure(exact=True, may=lambda _: True)


def test_looking_changes_nothing(node: Node) -> None:
    found = place_of(node).look(exact=True)
    assert [type(step).__name__ for step in found.plan.steps] == ["Keep", "Write"]
    assert node.everything() == [f"net/{CALICO}"]


def test_what_may_not_be_done_is_not_done(node: Node) -> None:
    place_of(node).configure(exact=True, may=lambda _: False)
    assert node.files() == {CALICO: LIST}


@pytest.mark.parametrize(
    ("name", "target", "before", "after"),
    [
        (CALICO, CALICO, LIST, LIST.replace(b"calico", b"cilium-cni")),
        (
            "10-x.conf",
            "10-x.conflist",
            b'{"name": "net", "type": "bridge"}',
            b'{"name": "net", "type": "ptp"}',
        ),
    ],
)
def test_what_an_owner_goes_on_writing_while_we_take_her_place_is_not_lost(
    tmp_path: Path, name: str, target: str, before: bytes, after: bytes
) -> None:
    node = Node(tmp_path / "node")
    node.put({name: before})
    place = place_of(node)
    writer = (node.net / name).open("r+b", buffering=0)

    def she_begins_to_write(_: Found) -> bool:
        writer.truncate()
        return True

    place.configure(exact=True, may=she_begins_to_write)
    assert node.has_ours(target)
    writer.write(after)
    writer.close()
    place.configure(exact=True, may=lambda _: True)
    assert node.types(target)[-1] == "kuma-cni"
    assert node.types(target)[0] in {"cilium-cni", "ptp"}
    place.remove(lambda _: None)
    assert node.files() == {name: after}


def test_configuration_goes_first_and_executable_last(node: Node) -> None:
    place = place_of(node)
    install(place)
    said: list[str] = []
    place.remove(lambda what: said.append(f"{what} {(node.bin / 'kuma-cni').exists()}"))
    assert said == [
        f"{CALICO}: as it was before us True",
        f"{CALICO}.before-kuma-cni: removed True",
        f"{node.bin}/kuma-cni: removed False",
        f"{node.root}/state: removed False",
    ]


def test_where_the_configuration_cannot_go_the_executable_stays(node: Node) -> None:
    place = place_of(node)
    install(place)
    (node.net / f"{CALICO}.before-kuma-cni").unlink()
    files = node.files()
    descriptor = os.open(node.net, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(HostError, match="does not let go of it; the executable stays"):
            place.remove(lambda _: None)
    finally:
        os.close(descriptor)
    assert node.files() == files
    assert (node.bin / "kuma-cni").exists()


def test_calls_that_are_under_way_are_waited_for(node: Node) -> None:
    place = place_of(node)
    install(place)
    # A process that runs from our folder: a copy of a program under the name of a launcher.
    (node.bin / "kuma-cni").write_bytes(Path("/bin/sleep").read_bytes())
    argv = (str(node.bin / "kuma-cni"), "0.5")

    def become() -> None:
        os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted

    pid = fork_here(become)
    assert eventually(lambda: place.executable.users() == (pid,))
    place.remove(lambda _: None)
    assert running([pid]) == []


def test_nothing_but_records_goes_from_the_folder_of_records(node: Node) -> None:
    place = place_of(node)
    install(place)
    for network in ("state", "state/net"):
        Records(f"{node.root}/{network}").put("container", "eth0", {"key": "text"})
    (node.root / "state" / "somebody else's").write_text("")
    (node.root / "state" / "empty").mkdir(mode=0o755)
    place.remove(lambda _: None)
    left = sorted(path.name for path in (node.root / "state").iterdir())
    assert left == ["empty", "somebody else's"]


def test_a_part_that_cannot_go_is_told_and_the_others_go(node: Node) -> None:
    place = place_of(node)
    install(place)
    (node.net / "ZZZ-kuma-cni-kubeconfig").mkdir()
    with pytest.raises(HostError, match="Is a directory"):
        place.remove(lambda _: None)
    assert node.files() == {CALICO: LIST}
    assert not (node.bin / "kuma-cni").exists()
