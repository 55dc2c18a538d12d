"""What the packaged runtimes never do to a chain, driven as libcni would: verbs and accidents.

GC and STATUS, plugins that fail before us and behind us, namespaces that are gone or the node's
own; and what a call costs beside the plugin itself.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import libcni
from lab.agent import CallError
from lab.attached import Pod
from lab.injected import ANNOTATIONS, INJECTED
from lab.libcni import Network
from lab.networks import OURS, PORTMAP, STATE_DIR, WITNESS, bridge, conflist
from lab.node import BIN_DIR, Node

if TYPE_CHECKING:
    from lab.libcni import Json

ALONE_IN_LIST = Network(conflist(OURS, version="1.1.0"))
CHAIN = Network(conflist(bridge(), PORTMAP, OURS))


# --- verbs that no packaged runtime sends --------------------------------------------------------


def test_status_says_that_the_node_can_serve(node: Node) -> None:
    assert node.call(libcni.status, ALONE_IN_LIST)
    assert not node.call(os.path.exists, STATE_DIR)


def test_garbage_is_collected_and_what_is_valid_stays(node: Node) -> None:
    with Pod(node, INJECTED) as valid, Pod(node, INJECTED) as stale:
        for pod in (valid, stale):
            pod.add(ALONE_IN_LIST)
        assert node.call(libcni.collect_garbage, ALONE_IN_LIST, [valid.attachment])
        assert valid.check(ALONE_IN_LIST)
        with valid.inside() as kept, stale.inside() as released:
            assert kept.rules() != ""
            assert released.rules() == ""
        valid.delete(ALONE_IN_LIST)


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_an_older_list_is_asked_neither_for_garbage_nor_for_its_status(
    node: Node, version: str
) -> None:
    older = Network(conflist(OURS, version=version))
    assert not node.call(libcni.status, older)
    assert not node.call(libcni.collect_garbage, older, [])


# --- accidents -----------------------------------------------------------------------------------


def test_a_delete_reaches_us_when_a_plugin_before_us_failed_to_add(node: Node) -> None:
    wrong = {"type": "tuning", "sysctl": {"net.ipv4.no_such_thing": "1"}}
    broken = Network(conflist(bridge(), wrong, OURS, WITNESS))
    with Pod(node, INJECTED) as pod:
        with pytest.raises(CallError, match="tuning"):
            pod.add(broken)
        pod.delete(broken)
        verbs = [call["verb"] for call in node.calls(pod.attachment.container_id)]
        assert verbs == ["DEL"]
        with pod.inside() as inside:
            assert inside.rules() == ""


def test_what_we_added_goes_when_a_plugin_behind_us_failed(node: Node) -> None:
    with Pod(node, INJECTED) as pod:
        wrong = [{"hostPort": -1, "containerPort": 8080, "protocol": "tcp"}]
        offered = dict(pod.attachment.capability_args) | {"portMappings": wrong}
        pod.attachment = pod.attachment.replace(capability_args=offered)
        network = Network(conflist(bridge(), OURS, PORTMAP))
        with pytest.raises(CallError, match="portmap"):
            pod.add(network)
        with pod.inside() as inside:
            assert inside.rules() != ""
            pod.attachment = pod.attachment.replace(capability_args={ANNOTATIONS: INJECTED})
            pod.delete(network)
            assert inside.rules() == ""


def test_a_network_namespace_that_is_gone_can_still_be_deleted(node: Node) -> None:
    with Pod(node, INJECTED) as pod:
        pod.add(CHAIN)
    pod.delete(CHAIN)
    pod.attachment = pod.attachment.replace(netns="")
    pod.delete(CHAIN)


@pytest.mark.parametrize("netns", ["/proc/1/ns/net", "/proc/self/ns/net", "/run/netns/link"])
def test_the_nodes_own_network_is_never_captured(node: Node, netns: str) -> None:
    node.call(link_here, "/run/netns/link")
    before = node.rules()
    pod = Pod(node, INJECTED)
    pod.attachment = pod.attachment.replace(netns=netns)
    with pytest.raises(CallError, match=r"kuma-cni: .* \(code 8\)"):
        pod.add(ALONE_IN_LIST)
    pod.delete(ALONE_IN_LIST)
    assert node.rules() == before


def link_here(path: str) -> None:
    """Make a link to the node's own network namespace."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).unlink(missing_ok=True)
    Path(path).symlink_to("/proc/1/ns/net")


# --- costs ---------------------------------------------------------------------------------------


def test_no_process_is_started_beside_the_plugin_itself(node: Node) -> None:
    with Pod(node, INJECTED) as pod:
        plugin = next(iter(ALONE_IN_LIST.plugins(pod.attachment)))
        for verb in ("STATUS", "ADD", "CHECK", "ADD", "DEL", "GC"):
            pid, last = node.call(counted_here, verb, plugin, pod.attachment.environ)
            assert pid == last, verb


def counted_here(verb: str, plugin: Json, environ: dict[str, str]) -> tuple[int, int]:
    """Run a verb; return the plugin's process number, and the last one that was given.

    Numbers are given in a row (pid_namespaces(7)), and nothing else runs on this node: whatever
    the plugin had started, a thread even, would have had the next ones.
    """
    told = {"CNI_COMMAND": verb, "CNI_PATH": BIN_DIR, **environ}
    with subprocess.Popen(
        (f"{BIN_DIR}/kuma-cni",),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | told,
    ) as process:
        process.communicate(json.dumps(plugin).encode())
    assert process.returncode == 0
    return process.pid, int(Path("/proc/loadavg").read_text(encoding="ascii").split()[-1])
