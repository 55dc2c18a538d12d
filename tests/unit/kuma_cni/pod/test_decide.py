"""The decision: whose pod is left alone, looked up, captured, and by which configuration."""

from __future__ import annotations

import pytest

from kuma_cni.pod.decide import (
    Capture,
    FetchedPod,
    LookUp,
    Skip,
    concerned,
    decide,
    decide_fetched,
)
from kuma_cni.pod.identity import PodIdentity
from kuma_cni.spec.netconf import Netconf
from kuma_net.errors import ConfigError
from kuma_net.tproxy.config import Config
from kuma_net.values import PortSet
from lab.injected import INJECTED, documented, single

WEB = PodIdentity("demo", "web-0")
DOCUMENTED = documented("redirect: {inbound: {port: 1}}")
BROKEN = documented("redirect: 5")


def captured(annotations: dict[str, str], **netconf: object) -> Capture:
    """Return how a pod is captured, which it must be."""
    decision = decide(Netconf(annotations=annotations, **netconf), WEB)  # type: ignore[arg-type]
    assert isinstance(decision, Capture)
    return decision


def config_of(annotations: dict[str, str]) -> Config:
    """Return a pod's configuration."""
    return captured(annotations).config


def skipped(netconf: Netconf, identity: PodIdentity = WEB) -> str:
    """Return why a pod is left alone, which it must be, also when rules are taken away."""
    decision = decide(netconf, identity)
    assert isinstance(decision, Skip)
    assert concerned(netconf, identity) == decision
    return decision.reason


@pytest.mark.parametrize("identity", [PodIdentity(), PodIdentity("", "x"), PodIdentity("x", "")])
def test_without_pod_and_annotations_nothing_is_done(identity: PodIdentity) -> None:
    """Podman sends a pod's name alone, which is the container's."""
    assert "names no pod" in skipped(Netconf(), identity)


def test_annotations_count_without_a_pods_name() -> None:
    assert isinstance(decide(Netconf(annotations=DOCUMENTED), PodIdentity()), Capture)


@pytest.mark.parametrize("annotations", [None, {}, DOCUMENTED, BROKEN])
def test_namespaces_are_excluded_whatever_their_pods_say(
    annotations: dict[str, str] | None,
) -> None:
    excluded = Netconf(annotations=annotations, exclude_namespaces=("kube-system", "demo"))
    assert skipped(excluded) == "namespace demo is excluded"
    own = Netconf(annotations=annotations, own_namespace="demo")
    assert skipped(own) == "namespace demo is the plugin's own"


def test_an_empty_own_namespace_is_nobodys() -> None:
    netconf = Netconf(annotations=DOCUMENTED, own_namespace="")
    assert isinstance(decide(netconf, PodIdentity()), Capture)


@pytest.mark.parametrize("word", ["", "false", "enabled", "yes", "1", "truely"])
def test_only_the_word_true_makes_a_mesh_pod(word: str) -> None:
    annotations = BROKEN | {"kuma.io/sidecar-injected": word}
    assert "kuma.io/sidecar-injected" in skipped(Netconf(annotations=annotations))


@pytest.mark.parametrize("word", ["true", "True", " TRUE "])
def test_its_case_and_blanks_do_not_matter(word: str) -> None:
    assert (
        captured(DOCUMENTED | {"kuma.io/sidecar-injected": word}).config.redirect.inbound.port == 1
    )


def test_a_pod_without_annotations_is_left_alone() -> None:
    assert skipped(Netconf(annotations={})) == "it has no annotation kuma.io/sidecar-injected"


def test_without_word_of_annotations_the_pod_is_looked_up() -> None:
    assert decide(Netconf(), WEB) == LookUp("demo", "web-0")
    assert concerned(Netconf(), WEB) == LookUp("demo", "web-0")


def test_whether_a_pod_is_ours_is_known_without_reading_its_configuration() -> None:
    assert concerned(Netconf(annotations=BROKEN), WEB) is None
    with pytest.raises(ConfigError, match="must hold keys"):
        decide(Netconf(annotations=BROKEN), WEB)


# --- pods that were looked up -----------------------------------------------------------------


def fetched(
    annotations: dict[str, str], containers: str = "app kuma-sidecar", init: str = ""
) -> Skip | Capture:
    """Return what becomes of a pod that was looked up."""
    pod = FetchedPod(annotations, tuple(containers.split()), tuple(init.split()))
    return decide_fetched(Netconf(exclude_namespaces=("kube-system",)), WEB, pod)


@pytest.mark.parametrize(
    ("containers", "init", "reason"),
    [
        ("app kuma-sidecar", "kuma-init", "it has an init container kuma-init"),
        ("app", "kuma-init kuma-sidecar", "it has an init container kuma-init"),
        ("app", "early", "it has no container kuma-sidecar"),
    ],
)
def test_containers_of_a_looked_up_pod_decide_first(
    containers: str, init: str, reason: str
) -> None:
    assert fetched(BROKEN, containers, init) == Skip(reason)


@pytest.mark.parametrize(
    ("containers", "init"), [("app kuma-sidecar", ""), ("app", "kuma-validation kuma-sidecar")]
)
def test_a_looked_up_pod_with_a_sidecar_is_captured_by_its_annotations(
    containers: str, init: str
) -> None:
    decision = fetched(DOCUMENTED, containers, init)
    assert isinstance(decision, Capture)
    assert decision.config.redirect.inbound.port == 1
    assert fetched({}, containers, init) == Skip("it has no annotation kuma.io/sidecar-injected")


def test_a_looked_up_pod_of_an_excluded_namespace_is_left_alone() -> None:
    pod = FetchedPod(DOCUMENTED, ("kuma-sidecar",))
    netconf = Netconf(exclude_namespaces=("demo",))
    assert decide_fetched(netconf, WEB, pod) == Skip("namespace demo is excluded")


# --- how --------------------------------------------------------------------------------------


def test_the_document_is_all_that_counts() -> None:
    assert config_of(single() | DOCUMENTED | {"kuma.io/gateway": "enabled"}) == config_of(
        DOCUMENTED
    )


def test_single_annotations_count_where_there_is_no_document() -> None:
    redirect = config_of(single()).redirect
    assert redirect.inbound.exclude_ports == PortSet.of(9001, 9902)
    assert (redirect.inbound.port, redirect.outbound.port) == (15006, 15001)
    assert (redirect.dns.capture_all, redirect.dns.port) == (True, 15053)


def test_of_a_pod_of_kuma_2_that_says_nothing_more_both_directions_are_captured() -> None:
    redirect = config_of(INJECTED).redirect
    assert (redirect.inbound.enabled, redirect.inbound.port) == (True, 15006)
    assert (redirect.outbound.enabled, redirect.outbound.port) == (True, 15001)
    assert not redirect.dns.enabled


@pytest.mark.parametrize("word", ["enabled", "provided", "builtin"])
def test_nothing_that_arrives_at_a_gateway_is_captured(word: str) -> None:
    assert not config_of(single() | {"kuma.io/gateway": word}).redirect.inbound.enabled
    document = documented("redirect: {inbound: {enabled: false}}")
    assert not config_of(document).redirect.inbound.enabled


def test_a_user_must_be_a_number() -> None:
    assert config_of(INJECTED | {"kuma.io/sidecar-uid": "0777"}).kuma_dp_user == "777"
    with pytest.raises(ConfigError, match=r"kumaDPUser: 'kuma-dp' .*outside of the pod"):
        config_of(INJECTED | {"kuma.io/sidecar-uid": "kuma-dp"})


def test_an_unknown_key_is_a_note_and_what_cannot_be_done_an_error() -> None:
    assert len(captured(documented("newer: {than: us}")).notes) == 1
    with pytest.raises(ConfigError, match=r"ebpf\.enabled"):
        captured(documented("ebpf: {enabled: true}"))


def test_all_that_is_wrong_is_told_at_once() -> None:
    annotations = documented("{kumaDPUser: me, redirect: {dns: {enabled: true}}}")
    with pytest.raises(ConfigError) as caught:
        decide(Netconf(annotations=annotations), WEB)
    assert [violation.path for violation in caught.value.violations] == [
        "kumaDPUser",
        "redirect.dns.enabled",
    ]


# --- name servers -----------------------------------------------------------------------------

LISTED_DNS = documented("redirect: {dns: {enabled: true}}")


def test_name_servers_are_those_that_the_runtime_sent() -> None:
    sent = ("10.96.0.10", "fd00::a", "nonsense", "fe80::1%eth0", "10.96.0.10", "10.0.0.0/8")
    servers = captured(LISTED_DNS, dns_servers=sent).servers
    assert [str(server) for server in servers] == ["10.96.0.10/32", "fd00::a/128", "fe80::1/128"]


@pytest.mark.parametrize("sent", [None, (), ("nonsense", "10.0.0.0/8")])
def test_without_name_servers_dns_that_names_them_is_refused(sent: tuple[str, ...] | None) -> None:
    with pytest.raises(ConfigError, match=r"the runtime sent none.*captureAll"):
        captured(LISTED_DNS, dns_servers=sent)


@pytest.mark.parametrize("sent", [None, (), ("10.96.0.10",)])
@pytest.mark.parametrize("dns", ["{captureAll: true}", "{enabled: false}"])
def test_capturing_all_dns_or_none_needs_no_name_server(
    sent: tuple[str, ...] | None, dns: str
) -> None:
    annotations = documented(f"redirect: {{dns: {dns}}}")
    assert captured(annotations, dns_servers=sent).config.redirect.dns.enabled == ("All" in dns)
