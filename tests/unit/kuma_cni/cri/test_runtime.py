"""What runtimes of several kinds say of a sandbox, from their answers' bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kuma_cni.cri.protobuf import Malformed, Message, encode
from kuma_cni.cri.runtime import NODE, Network, Sandbox, _network, _sandboxes
from lab.protobuf_maps import encode_map

NETNS = "/var/run/netns/cni-1"
SPEC = {"linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": NETNS}]}}


def status(info: object, *, mode: int = 0, state: int = 0) -> Message:
    """Return the answer to PodSandboxStatus with that information."""
    options = encode([(2, encode([(1, mode)]))])
    pod = encode([(1, "id"), (3, state), (6, encode([(1, options)]))])
    text = info if isinstance(info, str) else json.dumps(info)
    return Message(encode([(1, pod), *encode_map(2, {"info": text})]))


@pytest.mark.parametrize(
    ("info", "network"),
    [
        (
            {
                "pid": 7,
                "netNamespaceClosed": False,
                "config": {"dns_config": {"servers": ["10.96.0.10", "fd00::a"]}},
                "runtimeSpec": SPEC,
            },
            Network(NETNS, 7, dns_servers=("10.96.0.10", "fd00::a")),
        ),
        (
            {"pid": 7, "sandboxMetadata": {"Version": "v1", "Metadata": {"NetNSPath": NETNS}}},
            Network(NETNS, 7),
        ),
        ({"image": "pause", "pid": 7, "runtimeSpec": SPEC}, Network(NETNS, 7)),
        ({"runtimeSpec": SPEC}, Network(NETNS)),
        ({"pid": 7, "runtimeSpec": {"linux": {"namespaces": None}}}, Network(pid=7)),
        ({"netNamespaceClosed": True, "pid": 0, "runtimeSpec": SPEC}, Network()),
        ({"config": {"dns_config": {}}}, Network()),
        ({"config": {"dns_config": {"servers": []}}}, Network(dns_servers=())),
        ({}, Network()),
        ("", Network()),
        ([], Network()),
    ],
    ids=["containerd", "metadata", "CRI-O", "no-pause", "pid", "closed", "no-dns", "empty-dns",
         "nothing", "no-info", "list"],
)  # fmt: skip
def test_a_sandboxs_network_is_found_where_each_runtime_tells_it(
    info: Any, network: Network
) -> None:
    assert _network(status(info)) == network


def test_the_nodes_network_is_told_by_its_mode_alone() -> None:
    assert _network(status({"pid": 7, "runtimeSpec": SPEC}, mode=NODE)) == Network(of_node=True)


def test_a_sandbox_that_is_at_its_end_has_no_network_any_longer() -> None:
    assert _network(status({"pid": 7, "runtimeSpec": SPEC}, state=1)) == Network()


@pytest.mark.parametrize(
    "odd",
    [
        {"pid": "7"},
        {"pid": -1},
        {"runtimeSpec": []},
        {"runtimeSpec": {"linux": {"namespaces": {"type": "network"}}}},
        {"runtimeSpec": {"linux": {"namespaces": [None, {"type": "network", "path": 1}]}}},
        {"sandboxMetadata": {"Metadata": {"NetNSPath": None}}},
        {"config": {"dns_config": {"servers": "10.96.0.10"}}},
    ],
)
def test_information_of_an_odd_shape_tells_nothing(odd: Any) -> None:
    assert _network(status(odd)) == Network()


@pytest.mark.parametrize("text", ["{", "nonsense", "[" * 100_000])
def test_information_that_is_no_json_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="no JSON"):
        _network(status(text))


def test_sandboxes_come_with_what_they_were_made_with() -> None:
    metadata = encode([(1, "web"), (2, "uid"), (3, "demo"), (4, 1)])
    item = encode(
        [(1, "id"), (2, metadata), (3, 1), *encode_map(5, {"l": "1"}), *encode_map(6, {"a": "2"})]
    )
    said = Message(encode([(1, item), (1, encode([(1, "bare")]))]))
    assert _sandboxes(said) == (
        Sandbox("id", "web", "demo", "uid", {"a": "2"}),
        Sandbox("bare", "", ""),
    )
