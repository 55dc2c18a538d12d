"""``ctr run --cni``: containers that belong to no pod.

ctr hands plugins neither CNI_ARGS nor annotations, so there is nothing that could make such a
container one of the mesh: it passes through our plugin untouched, and costs nothing else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lab.archive import IMAGE, write_image
from lab.building import MissingProgram
from lab.containerd import SOCKET, shims_here
from lab.host import fork_here
from lab.inside import Inside
from lab.kubelet import Kubelet
from lab.networks import LOG_FILE, STATE_DIR
from lab.pods import UNTOUCHED
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = ("run", "--cni", "--cpu-shares", "0")
"""No share of the processor: there may be no controller that gives one."""


@pytest.fixture(scope="module")
def kubelet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    try:
        kubelet = Kubelet(write_image(tmp_path_factory.mktemp("image") / "busybox.tar"))
    except MissingProgram as missing:
        pytest.skip(str(missing))
    yield kubelet
    kubelet.stop()


def netns_of(kubelet: Kubelet, name: str) -> str:
    """Return the network namespace of a container that runs."""
    lines = [line.split() for line in kubelet.containerd.ctr("task", "ls").stdout.splitlines()]
    pid = next(words[1] for words in lines if words[0] == name)
    return f"/proc/{pid}/ns/net"


def is_running(kubelet: Kubelet, name: str) -> bool:
    """Whether a container runs."""
    lines = [line.split() for line in kubelet.containerd.ctr("task", "ls").stdout.splitlines()]
    return [name, "RUNNING"] in [[words[0], words[2]] for words in lines]


def test_a_container_is_given_a_network_and_nothing_of_ours(kubelet: Kubelet) -> None:
    node, ctr = kubelet.node, kubelet.containerd.programs["ctr"]
    words = (ctr, "-a", SOCKET, *RUN, "--rm", IMAGE, "passing")
    running = node.call(start_here, words)
    assert eventually(lambda: is_running(kubelet, "passing"))
    with Inside(node, netns_of(kubelet, "passing")) as inside:
        inside.check(UNTOUCHED)
        assert inside.rules() == ""
    kubelet.containerd.ctr("task", "kill", "--signal", "SIGKILL", "passing")
    node.call(os.waitpid, running, 0)
    added, deleted = node.calls("default-passing")
    assert (added["verb"], deleted["verb"]) == ("ADD", "DEL")
    assert added["CNI_ARGS"] == ""
    assert "runtimeConfig" not in added["network"]
    # The process has ended by then, and its namespace with it.
    assert deleted["CNI_NETNS"] == ""
    assert eventually(lambda: node.call(shims_here) == [])
    for path in (LOG_FILE, STATE_DIR):
        assert not node.call(os.path.exists, path)


def test_it_stays_untouched_when_containerd_is_started_again(kubelet: Kubelet) -> None:
    kubelet.containerd.ctr(*RUN, "--detach", IMAGE, "staying")
    netns = netns_of(kubelet, "staying")
    with Inside(kubelet.node, netns) as inside:
        kubelet.containerd.stop()
        kubelet.containerd.start()
        inside.check(UNTOUCHED)
    assert netns_of(kubelet, "staying") == netns
    kubelet.containerd.ctr("task", "kill", "--signal", "SIGKILL", "staying")
    assert eventually(lambda: not is_running(kubelet, "staying"))
    kubelet.containerd.ctr("task", "delete", "staying")
    assert eventually(lambda: kubelet.node.call(shims_here) == [])


def start_here(words: tuple[str, ...]) -> int:
    """Start a program that prints nothing we want; return its pid."""

    def run() -> None:
        nowhere = os.open("/dev/null", os.O_RDWR)
        for standard in range(3):
            os.dup2(nowhere, standard)
        os.execv(words[0], words)  # noqa: S606 - no shell is wanted

    return fork_here(run)
