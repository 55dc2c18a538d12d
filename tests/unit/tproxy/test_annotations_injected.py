"""The pods that Kuma's injector writes mean the same in every mode, by every way of reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kuma_net.documents import load_document
from kuma_net.tproxy.annotations import DOCUMENT
from kuma_net.tproxy.config import Config, Dns, Inbound, Log, Outbound, OwnerExclusion, Redirect
from kuma_net.tproxy.flags import document_paths, parse_flags
from kuma_net.tproxy.sources import Sources, load
from kuma_net.values import L4Proto, Network, PortSet

PODS = load_document((Path(__file__).parent / "injected_pods.yaml").read_text())
assert isinstance(PODS, dict)
assert isinstance(PODS["pods"], list)
ALL: list[Any] = PODS["pods"]

EVERY_DNS = Dns(enabled=True, capture_all=True)
WANTED = {
    "plain": Config(
        redirect=Redirect(inbound=Inbound(exclude_ports=PortSet.of(9001, 9902)), dns=EVERY_DNS)
    ),
    "exclusions": Config(
        ip_family_mode="ipv4",
        drop_invalid_packets=True,
        log=Log(enabled=True),
        redirect=Redirect(
            inbound=Inbound(
                exclude_ports=PortSet.of(9001, 9902, 9999),
                exclude_ips=(Network.parse("192.168.7.0/24"),),
            ),
            outbound=Outbound(
                exclude_ports=PortSet.of(3306, 5432),
                exclude_ips=(Network.parse("10.9.9.0/24"), Network.parse("fd00:9::/64")),
                exclude_for_uids=(
                    OwnerExclusion((L4Proto.TCP,), PortSet.of(443), (1234, 1234)),
                    OwnerExclusion((L4Proto.UDP,), PortSet.of(53), (1234, 1234)),
                ),
            ),
            dns=EVERY_DNS,
        ),
    ),
    "gateway": Config(redirect=Redirect(inbound=Inbound(enabled=False), dns=EVERY_DNS)),
}


def captured(config: Config) -> Config:
    """Return what a configuration says about capture: who runs it and how is left out.

    The user is 5678 either way (written, or the default), and what is excluded from an inbound
    capture that is off excludes nothing.
    """
    assert config.kuma_dp_user in {"", "5678"}
    inbound = config.redirect.inbound
    if not inbound.enabled:
        inbound = Inbound(enabled=False)
    return config.replace(
        kuma_dp_user="",
        cni_mode=False,
        verbose=False,
        redirect=config.redirect.replace(inbound=inbound),
    )


def wanted(pod: dict[str, Any]) -> Config:
    """Return what the pod's workload wants."""
    return WANTED[pod["name"].partition(",")[0]]


def annotations_of(pod: dict[str, Any]) -> dict[str, str]:
    """Return all annotations of a pod."""
    document = {DOCUMENT: pod["document"]} if "document" in pod else {}
    return {**pod["annotations"], **document}


def named(pods: list[Any]) -> pytest.MarkDecorator:
    """Parametrize by pod."""
    return pytest.mark.parametrize("pod", pods, ids=[pod["name"] for pod in pods])


def test_there_are_twelve() -> None:
    assert len(ALL) == 12


@named(ALL)
def test_annotations_mean_what_the_workload_wants(pod: dict[str, Any]) -> None:
    loaded = load(Sources(annotations=(("pod", annotations_of(pod)),)))
    assert captured(loaded.config) == wanted(pod)
    assert loaded.notes == ()


@named([pod for pod in ALL if "args" in pod])
def test_the_command_line_of_kuma_init_means_the_same(pod: dict[str, Any]) -> None:
    arguments = parse_flags(pod["args"].split())
    sources = Sources(
        files=tuple((path, pod["document"]) for path in document_paths(arguments)),
        flags=arguments.options,
        violations=arguments.violations,
    )
    loaded = load(sources)
    assert captured(loaded.config) == wanted(pod)
    assert loaded.notes == ()
    both = load(sources.replace(annotations=(("pod", annotations_of(pod)),)))
    assert captured(both.config) == wanted(pod)


@named([pod for pod in ALL if "document" in pod])
def test_the_document_alone_means_the_same(pod: dict[str, Any]) -> None:
    loaded = load(Sources(files=(("config.yaml", pod["document"]),)))
    assert captured(loaded.config) == wanted(pod)
    annotations = annotations_of(pod)
    told = load(Sources(annotations=(("pod", annotations),))).config
    assert told.source_of("redirect.inbound.excludePorts") == f"annotation {DOCUMENT}"
