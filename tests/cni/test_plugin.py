"""The plugin's verbs in real namespaces: what they do, what they leave alone, what they tell."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from kuma_cni.pod.decide import FetchedPod, LookUp
from kuma_cni.spec.netconf import Netconf
from kuma_cni.spec.problem import TRY_AGAIN_LATER, CniError
from kuma_net.errors import ConfigError, HostError
from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.host.netns import entered
from kuma_net.netfilter.nf_tables import TABLE
from kuma_net.netlink.nftables import OWNER_FLAG, batch, make_table
from lab.agent import Agent
from lab.attaching import CONTAINER, OURS, Attached, nft, state
from lab.host import Host
from lab.injected import PLAIN_DOCUMENT, document, documented, single
from lab.processes import eventually

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = documented(PLAIN_DOCUMENT)
BROKEN = documented("redirect: 5")
NOWHERE = "/nowhere/netns"


def events(attached: Attached) -> list[object]:
    """Return the names of what was logged."""
    return [line["event"] for line in attached.lines()]


# --- ADD --------------------------------------------------------------------------------------


def test_add_installs_by_one_transaction_and_is_idempotent(host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, PLAIN)
    before, _, address = state(host)
    assert not address
    attached.add()
    once = state(host)
    assert once[0] == before + 1
    assert "table inet kuma" in once[1]
    assert once[2]
    attached.add()
    assert state(host) == once
    assert events(attached) == ["captured", "captured already"]


def test_a_line_of_the_log_says_who_and_how_long(host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, PLAIN)
    attached.add()
    (line,) = attached.lines()
    assert (line["verb"], line["namespace"], line["pod"]) == ("ADD", "demo", "web-0")
    assert line["container"] == CONTAINER[:12]
    assert line["families"] == "IPv4 IPv6"
    assert isinstance(line["took_ms"], int)


def test_add_with_other_annotations_exchanges_the_rules(host: Host, tmp_path: Path) -> None:
    Attached(tmp_path, host, PLAIN).add()
    other = Attached(tmp_path, host, single("traffic.kuma.io/exclude-outbound-ports=3306"))
    assert "3306" in other.drift()
    other.add()
    assert other.drift() == ""
    assert state(host)[1].count("table ") == 1


@pytest.mark.parametrize(
    ("annotations", "match"),
    [
        (BROKEN, "must hold keys"),
        (documented(document(("port: 15001", "port: 0"))), r"redirect\.outbound\.port"),
        (documented(document(("captureAll: true", "captureAll: false"))), "the runtime sent none"),
        (documented(document(('"5678"', "kuma-dp"))), "outside of the pod"),
        (documented("redirect: {outbound: {chainName: 'x; drop'}}"), "not a chain name"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_touched(
    annotations: dict[str, str], match: str, host: Host, tmp_path: Path
) -> None:
    before = state(host)
    attached = Attached(tmp_path, host, annotations)
    with pytest.raises(ConfigError, match=match):
        attached.add()
    assert state(host) == before
    (line,) = attached.lines()
    assert (line["level"], line["event"]) == ("error", "failed")


def test_a_refusal_of_the_kernel_leaves_nothing_behind(host: Host, tmp_path: Path) -> None:
    """A table that a process owns cannot be changed by another; it ends with that process."""
    before = state(host)[1:]
    owner = Agent("owner", partial(own_a_table, host.pid))
    try:
        with pytest.raises(HostError, match=r"the kernel refused|CAP_NET_ADMIN"):
            Attached(tmp_path, host, PLAIN).add()
        assert not state(host)[2], "::6 stayed"
    finally:
        owner.stop()
    assert eventually(lambda: state(host)[1:] == before)


OWNED: list[NetlinkSocket] = []
"""Sockets that own tables live as long as their process."""


def own_a_table(pid: int) -> None:
    """Make a table of our name in a process's network namespace, and own it."""
    with entered(pid):
        OWNED.append(NetlinkSocket())
        OWNED[0].commit(batch([make_table("inet", TABLE, OWNER_FLAG)]))


# --- DEL --------------------------------------------------------------------------------------


def test_del_leaves_the_namespace_as_it_was(host: Host, tmp_path: Path) -> None:
    nft(host, "add table inet earlier")
    before = state(host)[1:]
    attached = Attached(tmp_path, host, PLAIN)
    attached.add()
    for _ in range(3):
        attached.delete()
        assert state(host)[1:] == before
    assert events(attached) == ["captured", "released", "released", "released"]


@pytest.mark.parametrize("netns", ["", NOWHERE, "/proc/self/ns/net", "/etc/passwd", "/etc", "\0"])
@pytest.mark.parametrize("annotations", [PLAIN, BROKEN], ids=["plain", "broken"])
def test_del_succeeds_whatever_is_left(
    netns: str, annotations: dict[str, str], tmp_path: Path
) -> None:
    Attached(tmp_path, netns, annotations).delete()


def test_del_takes_away_what_broken_annotations_would_not_have_installed(
    host: Host, tmp_path: Path
) -> None:
    Attached(tmp_path, host, PLAIN).add()
    Attached(tmp_path, host, BROKEN).delete()
    assert "kuma_net" not in state(host)[1]


# --- whose pods are left alone ----------------------------------------------------------------

OTHERS = {
    "no mesh pod": Netconf(annotations={"app": "web"}),
    "not injected": Netconf(annotations=BROKEN | {"kuma.io/sidecar-injected": "false"}),
    "excluded": Netconf(annotations=BROKEN, exclude_namespaces=("demo",)),
    "our own": Netconf(annotations=BROKEN, own_namespace="demo"),
    "excluded, without annotations": Netconf(exclude_namespaces=("demo",)),
}


@pytest.mark.parametrize("verb", ["add", "check", "delete"])
@pytest.mark.parametrize("kind", OTHERS)
def test_of_other_pods_nothing_is_even_looked_at(kind: str, verb: str, tmp_path: Path) -> None:
    """Neither is there such a namespace nor a folder for the log."""
    nowhere = {"log_file": "/nowhere/cni.log", "state_dir": "/nowhere/state", "log_level": "info"}
    attached = Attached(tmp_path, NOWHERE, None)
    netconf = OTHERS[kind].replace(**nowhere, log_socket="/nowhere/cni.sock")
    request = attached.request("ADD", netconf=netconf)
    getattr(attached.plugin, verb)(request)
    assert list(tmp_path.iterdir()) == []


def test_why_a_pod_was_left_alone_is_told_to_who_asks_for_it(tmp_path: Path) -> None:
    attached = Attached(tmp_path, NOWHERE, {})
    attached.add()
    (line,) = attached.lines()
    assert (line["level"], line["event"]) == ("debug", "left alone")
    assert line["reason"] == "it has no annotation kuma.io/sidecar-injected"


# --- pods that were looked up -----------------------------------------------------------------


class Api:
    """An API server that knows one pod, or does not answer."""

    def __init__(self, pod: FetchedPod | None) -> None:
        """Know it."""
        self.pod = pod
        self.asked: list[LookUp] = []

    def __call__(self, lookup: LookUp, _: Netconf) -> FetchedPod:
        """Answer."""
        self.asked.append(lookup)
        if self.pod is None:
            raise CniError(TRY_AGAIN_LATER, "the API server does not answer")
        return self.pod


MESH_POD = FetchedPod(PLAIN, ("app", "kuma-sidecar"))


def test_of_a_pod_that_was_looked_up_a_record_is_kept(host: Host, tmp_path: Path) -> None:
    api = Api(MESH_POD)
    attached = Attached(tmp_path, host, None, api)
    attached.add()
    assert api.asked == [LookUp("demo", "web-0")]
    assert attached.drift() == ""
    nft(host, f"flush chain {OURS} KUMA_MESH_INBOUND")
    assert "excluded port" in attached.drift()
    attached.delete()
    assert "kuma_net" not in state(host)[1]
    assert attached.drift() == ""
    assert list((tmp_path / "state" / "net").iterdir()) == []
    assert len(api.asked) == 1, "CHECK and DEL ask nobody"


@pytest.mark.parametrize(
    "pod",
    [
        FetchedPod(PLAIN, ("app",)),
        FetchedPod(PLAIN, ("app", "kuma-sidecar"), ("kuma-init",)),
        FetchedPod({}, ("app", "kuma-sidecar")),
    ],
)
def test_other_pods_that_were_looked_up_leave_no_trace(pod: FetchedPod, tmp_path: Path) -> None:
    attached = Attached(tmp_path, NOWHERE, None, Api(pod))
    attached.add()
    attached.delete()
    assert attached.drift() == ""
    assert not (tmp_path / "state").exists()


def test_without_an_answer_the_pod_does_not_start(tmp_path: Path) -> None:
    """It may be a mesh pod: better late than past the mesh."""
    attached = Attached(tmp_path, NOWHERE, None, Api(None))
    with pytest.raises(CniError) as caught:
        attached.add()
    assert caught.value.code == TRY_AGAIN_LATER


@pytest.mark.parametrize("netns", ["", "/run/netns/gone", "/proc/self/ns/net"])
def test_the_record_goes_at_the_end_whatever_became_of_the_namespace(
    host: Host, tmp_path: Path, netns: str
) -> None:
    attached = Attached(tmp_path, host, None, Api(MESH_POD))
    attached.add()
    attached.plugin.delete(attached.request("DEL", netns=netns))
    assert list((tmp_path / "state" / "net").iterdir()) == []


def test_a_record_that_cannot_be_kept_fails_nobody(host: Host, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    attached = Attached(tmp_path, host, None, Api(MESH_POD))
    attached.add()
    (line,) = attached.lines()
    assert (line["level"], line["event"]) == ("warning", "captured")
    assert "no record of the pod" in str(line["notes"])


# --- GC, STATUS -------------------------------------------------------------------------------


def test_gc_forgets_attachments_that_are_gone(host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, None, Api(MESH_POD))
    attached.add()
    for valid, kept in ((None, 1), (((CONTAINER, "eth0"),), 1), ((("other", "eth0"),), 0)):
        netconf = attached.netconf.replace(valid_attachments=valid)
        attached.plugin.gc(attached.request("GC", netconf=netconf))
        assert len(list((tmp_path / "state" / "net").iterdir())) == kept
    assert events(attached)[1:] == ["nothing to forget", "forgot records", "forgot records"]


def test_gc_of_one_network_forgets_nothing_of_another(host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, None, Api(MESH_POD))
    attached.add()
    other = attached.netconf.replace(name="other", valid_attachments=())
    attached.plugin.gc(attached.request("GC", netconf=other))
    assert len(list((tmp_path / "state" / "net").iterdir())) == 1


def test_status_finds_that_this_node_can_serve(tmp_path: Path) -> None:
    attached = Attached(tmp_path, "", None)
    attached.plugin.status(attached.request("STATUS"))
    assert events(attached) == ["available"]
