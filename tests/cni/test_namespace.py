"""Pods' namespaces: entered by their path, told from the node's, with users of their own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_cni.plugin.namespace import PodNamespace
from kuma_cni.spec.problem import INVALID_NETNS, CniError
from kuma_net.errors import ConfigError
from kuma_net.host.netns import identity
from lab.attaching import Attached, state
from lab.cases_plugin import PLAIN_ROWS
from lab.cni import Caller, environ_of
from lab.cni_given import Asked
from lab.host import Host, run_here
from lab.injected import PLAIN_DOCUMENT, documented
from lab.programs import BIN
from lab.rows import check_rows, parse_rows
from lab.system import CLONE_NEWNET, MS_BIND, enter, mount
from lab.users import LabWithUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = documented(PLAIN_DOCUMENT)
PLUGIN = str(BIN / "kuma-cni")


@pytest.fixture
def caller() -> Iterator[Caller]:
    """Make a node that calls plugins."""
    made = Caller()
    yield made
    made.stop()


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with a network of its own."""
    made = Host("host")
    yield made
    made.stop()


# --- which namespace --------------------------------------------------------------------------


def test_inside_this_thread_is_there_and_afterwards_back(host: Host) -> None:
    before, there = identity(), host.call(identity)
    with PodNamespace(host.netns):
        assert identity() == there
    assert identity() == before


@pytest.mark.parametrize("kind", ["nothing", "file", "folder", "pipe", "mounts", "odd\0name"])
def test_what_is_no_network_namespace_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    """Opening a pipe waits for whoever writes to it, unless one takes care."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = "/proc/self/ns/mnt" if kind == "mounts" else str(tmp_path / kind)
    began, open_before = time.monotonic(), descriptors()
    with pytest.raises(CniError) as caught, PodNamespace(path):
        pass
    assert caught.value.code == INVALID_NETNS
    assert str(caught.value).count("not a network namespace") == 1
    assert caught.value.details
    assert time.monotonic() - began < 2
    assert descriptors() == open_before


def descriptors() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_link_to_a_namespace_leads_there(host: Host, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(host.netns)
    with PodNamespace(str(tmp_path / "link")):
        assert identity() == host.call(identity)


def test_our_own_is_refused_unless_that_is_asked_for(host: Host) -> None:
    assert "the plugin itself runs in" in host.call(refusal_of_own, allowed=False)
    assert host.call(refusal_of_own, allowed=True) == ""


def refusal_of_own(allowed: bool) -> str:
    """Return how our own namespace is refused, or nothing."""
    try:
        with PodNamespace("/proc/self/ns/net", may_be_own=allowed):
            return ""
    except CniError as refused:
        assert refused.code == INVALID_NETNS  # noqa: PT017 - in a host's own process
        return refused.details


@pytest.mark.parametrize("override", ["0", "1"])
def test_the_nodes_is_refused_whatever_is_asked_for(caller: Caller, override: str) -> None:
    node = "/proc/1/ns/net"
    request = Asked("ADD", "1.1.0", node).input_of()
    environ = environ_of("ADD", node, CNI_NETNS_OVERRIDE=override)
    error = caller.ask(PLUGIN, environ, request).error
    assert error["code"] == INVALID_NETNS
    assert "hostNetwork" in error["details"]
    assert caller.tables(node) == []


def test_del_leaves_the_nodes_rules_alone(caller: Caller) -> None:
    node = "/proc/1/ns/net"
    caller.call(in_node, ("nft", "add", "table", "inet", "kuma_net"))
    request = Asked("DEL", "1.1.0", node).input_of()
    answered = caller.ask(PLUGIN, environ_of("DEL", node, CNI_NETNS_OVERRIDE="1"), request)
    assert (answered.code, answered.stdout) == (0, b"")
    assert caller.tables(node) == ["kuma_net"]


def in_node(argv: tuple[str, ...]) -> None:
    """Run a program in the node's network."""
    here, node = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/proc/1/ns/net", os.O_RDONLY)
    enter(node, CLONE_NEWNET)
    ended = run_here(argv, "", {})
    enter(here, CLONE_NEWNET)
    assert ended.status == 0, ended


# --- without /proc ----------------------------------------------------------------------------


def test_all_verbs_work_without_proc(caller: Caller) -> None:
    """The namespace is a file that a runtime has mounted somewhere."""
    caller.call(hide_proc, caller.new_pod(), "/run/pod")

    def code_of(verb: str) -> int:
        request = Asked(verb, "1.1.0", "/run/pod").input_of()
        answered = caller.ask(PLUGIN, environ_of(verb, "/run/pod"), request)
        return answered.error["code"] if answered.code else 0

    codes = [code_of(verb) for verb in ("STATUS", "ADD", "CHECK", "DEL", "CHECK", "ADD", "CHECK")]
    assert codes == [0, 0, 0, 0, 102, 0, 0]


def test_our_own_is_refused_without_proc_too(caller: Caller) -> None:
    caller.call(hide_proc, "/proc/self/ns/net", "/run/own")
    request = Asked("ADD", "1.1.0", "/run/own").input_of()
    error = caller.ask(PLUGIN, environ_of("ADD", "/run/own"), request).error
    assert (error["code"], error["details"]) == (
        INVALID_NETNS,
        "it is the one that the plugin itself runs in",
    )


def hide_proc(netns: str, path: str) -> None:
    """Mount a namespace where it can be named, and an empty folder over /proc."""
    Path(path).touch()
    mount(netns, path, "none", MS_BIND)
    mount("nothing", "/proc", "tmpfs")


# --- users ------------------------------------------------------------------------------------


def test_a_pod_with_users_of_its_own_is_captured_by_its_own_numbers(tmp_path: Path) -> None:
    with LabWithUsers(65536) as lab:
        attached = Attached(tmp_path, lab.app, PLAIN)
        attached.add()
        check_rows(lab, parse_rows(PLAIN_ROWS))
        assert attached.drift() == ""
        attached.delete()
        assert "kuma_net" not in state(lab.app)[1]


def test_a_sidecar_that_is_nobody_there_is_refused(tmp_path: Path) -> None:
    with LabWithUsers(5678) as lab:
        before = state(lab.app)
        attached = Attached(tmp_path, lab.app, PLAIN)
        with pytest.raises(ConfigError, match="does not exist in the user namespace"):
            attached.add()
        assert state(lab.app) == before


def test_the_last_user_there_is_still_somebody(tmp_path: Path) -> None:
    with LabWithUsers(5679) as lab:
        namespace = PodNamespace(lab.app.netns)
        assert [namespace.has_user(uid) for uid in (0, 5678, 5679, 65534)] == [
            True,
            True,
            False,
            False,
        ]
        with namespace:
            assert [namespace.has_user(uid) for uid in (5678, 5679)] == [True, False]


def test_in_the_first_user_namespace_everybody_is_somebody(host: Host) -> None:
    with PodNamespace(host.netns) as namespace:
        assert all(namespace.has_user(uid) for uid in (0, 5678, 4294967294))
