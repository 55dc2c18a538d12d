"""Pod annotations of both generations, and the files they come in."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.errors import ConfigError
from kuma_net.tproxy.annotations import DOCUMENT, PLAIN, parse_annotations, read_annotations
from kuma_net.tproxy.config import Config, OwnerExclusion, Redirect
from kuma_net.tproxy.legacy import ANNOTATIONS
from kuma_net.tproxy.sources import Loaded, Sources, load
from kuma_net.values import L4Proto, PortSet

UIDS = "traffic.kuma.io/exclude-outbound-ports-for-uids"
TCP_UIDS = "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids"
UDP_UIDS = "traffic.kuma.io/exclude-outbound-udp-ports-for-uids"
INBOUND_PORTS = "traffic.kuma.io/exclude-inbound-ports"
PROBES = "kuma.io/application-probe-proxy-port"
GATEWAY = "kuma.io/gateway"
INIT_CONTAINER = (
    OwnerExclusion((L4Proto.TCP,), PortSet.of(443), (1234, 1234)),
    OwnerExclusion((L4Proto.UDP,), PortSet.of(53), (1234, 1234)),
)


def from_annotations(annotations: dict[str, str], *files: str) -> Loaded:
    """Load annotations over documents."""
    named = tuple((f"{number}.yaml", text) for number, text in enumerate(files, 1))
    return load(Sources(files=named, annotations=(("pod", annotations),)))


def config_of(annotations: dict[str, str], *files: str) -> Config:
    """Return the configuration of annotations over documents."""
    return from_annotations(annotations, *files).config


def refused(annotations: dict[str, str]) -> list[str]:
    """Return the lines of the refusal."""
    with pytest.raises(ConfigError) as caught:
        from_annotations(annotations)
    return str(caught.value).splitlines()


# --- meaning ----------------------------------------------------------------------------------


def test_the_two_generations_of_rules_give_the_same_configuration() -> None:
    older = from_annotations({TCP_UIDS: "443:1234", UDP_UIDS: "53:1234"})
    newer = from_annotations({UIDS: "tcp:443:1234; udp:53:1234;"})
    document = "redirect: {outbound: {excludePortsForUIDs: ['tcp:443:1234', 'udp:53:1234']}}"
    whole = from_annotations({DOCUMENT: document})
    assert older.config == newer.config == whole.config
    assert older.config.redirect.outbound.exclude_for_uids == INIT_CONTAINER
    assert len(older.notes) == 2
    assert all("is deprecated since Kuma 2.9" in note for note in older.notes)
    assert newer.notes == whole.notes == ()


def test_old_and_new_rules_add_up_and_replace_those_of_files() -> None:
    file = "redirect: {outbound: {excludePortsForUIDs: [9]}}"
    config = config_of({TCP_UIDS: "443:1234", UDP_UIDS: "53:1234", UIDS: "7"}, file)
    ids = [rule.ids for rule in config.redirect.outbound.exclude_for_uids]
    assert ids == [(7, 7), (1234, 1234), (1234, 1234)]
    config = config_of({TCP_UIDS: "443:1;444:2", UDP_UIDS: "53:3"}, file)
    ids = [rule.ids for rule in config.redirect.outbound.exclude_for_uids]
    assert ids == [(1, 1), (2, 2), (3, 3)]


def test_beside_a_document_single_annotations_say_nothing() -> None:
    document = "redirect: {inbound: {excludePorts: [1]}}"
    besides = {
        INBOUND_PORTS: "x",
        PROBES: "3",
        GATEWAY: "enabled",
        "kuma.io/sidecar-uid": "7",
        "kuma.io/transparent-proxying-ebpf": "enabled",
        "traffic.kuma.io/no-such": "x",
    }
    loaded = from_annotations({DOCUMENT: document, **besides})
    assert loaded == from_annotations({DOCUMENT: document})
    assert loaded.config.source_of("redirect.inbound.excludePorts") == f"annotation {DOCUMENT}"
    assert loaded.notes == ()


def test_old_spellings_beside_a_document_are_told_of() -> None:
    """Its injector does not know them: whoever wrote them believes that they work."""
    loaded = from_annotations({DOCUMENT: "{}", TCP_UIDS: "443:1234", UDP_UIDS: " "})
    assert loaded.config == Config()
    assert loaded.notes == (f"annotation {TCP_UIDS} has no effect beside {DOCUMENT}",)


def test_an_unknown_key_in_a_pods_document_is_a_note() -> None:
    loaded = from_annotations({DOCUMENT: "wiat: 5\nredirect: {dns: {new: {a: 1}, enabled: true}}"})
    assert loaded.config.redirect.dns.enabled
    source = f"(from annotation {DOCUMENT}): unknown key, without effect"
    assert len(loaded.notes) == 2
    assert loaded.notes[0] == f"wiat {source}; did you mean wait?"
    assert loaded.notes[1].startswith(f"redirect.dns.new {source}")


@pytest.mark.parametrize("document", ["ebpf: {enabled: true}", "redirect: 5", "- a"])
def test_what_a_document_asks_for_and_cannot_have_is_refused(document: str) -> None:
    assert refused({DOCUMENT: document})


@pytest.mark.parametrize("word", ["enabled", "true", "yes", "provided", "builtin", " Enabled "])
def test_gateways_capture_nothing_that_arrives(word: str) -> None:
    config = config_of({GATEWAY: word, PROBES: "9001"})
    assert not config.redirect.inbound.enabled
    assert config.source_of("redirect.inbound.enabled") == f"annotation {GATEWAY}"
    assert config.redirect.inbound.exclude_ports == PortSet()


@pytest.mark.parametrize("word", ["disabled", "false", "no", ""])
def test_what_is_no_gateway_is_captured(word: str) -> None:
    assert config_of({GATEWAY: word}) == Config()


def test_builtin_dns_captures_all_dns() -> None:
    dns = config_of({"kuma.io/builtin-dns": "enabled", "kuma.io/builtin-dns-port": "53"})
    assert (dns.redirect.dns.enabled, dns.redirect.dns.capture_all) == (True, True)
    assert dns.redirect.dns.port == 53
    file = "redirect: {dns: {captureAll: true}}"
    assert not config_of({"kuma.io/builtin-dns": "disabled"}, file).redirect.dns.enabled


def test_the_probe_proxys_port_joins_whatever_list_is_there() -> None:
    file = "redirect: {inbound: {excludePorts: [80]}}"
    assert config_of({PROBES: "9001"}).redirect.inbound.exclude_ports == PortSet.of(9001)
    assert config_of({PROBES: "9001"}, file).redirect.inbound.exclude_ports == PortSet.of(80, 9001)
    both = {PROBES: "9001", INBOUND_PORTS: "9902"}
    assert config_of(both, file).redirect.inbound.exclude_ports == PortSet.of(9001, 9902)
    assert config_of({PROBES: "0"}, file).redirect.inbound.exclude_ports == PortSet.of(80)


def test_the_oldest_port_annotation_still_works() -> None:
    key = "kuma.io/transparent-proxying-inbound-v6-port"
    assert config_of({key: "15010"}).redirect.inbound.port_ipv6 == 15010
    assert config_of({key: "0"}).ip_family_mode == "ipv4"


def test_new_options_have_annotations_too() -> None:
    config = config_of(
        {
            "traffic.kuma.io/include-outbound-ips": "10.0.0.0/8",
            "traffic.kuma.io/exclude-outbound-ports-for-gids": "443:5",
            "traffic.kuma.io/exclude-interfaces": "eth1, br+",
            "traffic.kuma.io/redirect-dns-tcp": "true",
        }
    )
    redirect = config.redirect
    assert redirect.outbound.include_ips
    assert redirect.outbound.exclude_for_gids
    assert redirect.dns.tcp
    assert [str(interface) for interface in redirect.exclude_interfaces] == ["eth1", "br+"]


def test_an_empty_value_says_nothing() -> None:
    file = "redirect: {inbound: {excludePorts: [80]}}"
    empty = dict.fromkeys((*PLAIN, *ANNOTATIONS, GATEWAY, PROBES, DOCUMENT), " ")
    loaded = from_annotations(empty, file)
    assert loaded.config == config_of({}, file)
    assert loaded.notes == ()


@pytest.mark.parametrize(
    ("annotations", "messages"),
    [
        ({INBOUND_PORTS: "80,x"}, ["redirect.inbound.excludePorts: 'x' (from annotation traffic."]),
        ({GATEWAY: "perhaps"}, ["write enabled, provided, builtin or disabled"]),
        ({"kuma.io/builtin-dns": "perhaps"}, ["write enabled or disabled"]),
        ({PROBES: "many"}, [f"'many' (from annotation {PROBES}): not a port"]),
        ({UIDS: "53:"}, [f"(from annotation {UIDS}): the id part is empty"]),
        ({TCP_UIDS: "443:"}, [f"(from annotation {TCP_UIDS}): the id part is empty"]),
        ({"traffic.kuma.io/iptables-logs": "loud"}, ["write true or false"]),
        ({DOCUMENT: "a: ["}, [f"(from annotation {DOCUMENT}): not YAML"]),
        ({"kuma.io/transparent-proxying-ebpf": "enabled"}, ["use --backend nftables"]),
        ({INBOUND_PORTS: "x", GATEWAY: "x"}, ["no such choice", "not a port"]),
    ],
)
def test_wrong_values_name_their_annotation(
    annotations: dict[str, str], messages: list[str]
) -> None:
    found = refused(annotations)
    assert len(found) == len(messages)
    for line, message in zip(found, messages, strict=True):
        assert message in line


@pytest.mark.parametrize(
    "key",
    [
        "kuma.io/mesh",
        "kuma.io/direct-access-services",
        "kuma.io/transparent-proxying-reachable-services",
        "kuma.io/transparent-proxying-ebpf-instance-ip",
        "traffic.kuma.io/transparent-proxy-configmap-name",
        "kuma.io/virtual-probes-port",
        "prometheus.metrics.kuma.io/port",
        "example.com/anything",
    ],
)
def test_keys_without_bearing_on_capture_are_passed_over(key: str) -> None:
    assert from_annotations({key: "something"}) == Loaded(Config())


def test_keys_that_look_like_options_are_told() -> None:
    key = "traffic.kuma.io/exclude-inbound-port"
    assert from_annotations({key: "80"}).notes == (
        f"annotation {key} has no effect; did you mean {INBOUND_PORTS}?",
    )
    key = "traffic.kuma.io/something-else-entirely-of-its-own"
    assert from_annotations({key: "80"}).notes == (f"annotation {key} has no effect",)
    loaded = from_annotations({"kuma.io/transparent-proxying": "disabled"})
    assert loaded.config == Config()
    note = "annotation kuma.io/transparent-proxying: disabled has no effect"
    assert loaded.notes == (f"{note}: capture is not switched by annotation",)
    assert from_annotations({"kuma.io/transparent-proxying": "enabled"}).notes == ()


# --- files ------------------------------------------------------------------------------------


def test_the_kubelets_file_is_read_with_gos_quoting() -> None:
    text = (
        'kuma.io/gateway="enabled"\n'
        'traffic.kuma.io/transparent-proxy-config="redirect:\\n  dns:\\n    enabled: true\\n"\r\n'
        "\n"
        r'other="a\"b\\c\\\"\t\a\b\f\r\v\x00\x7f\xffé\u00e9\U0001f600"'
        "\n"
        'empty=""\n'
    )
    assert parse_annotations(text, "annotations") == {
        GATEWAY: "enabled",
        DOCUMENT: "redirect:\n  dns:\n    enabled: true\n",
        "other": 'a"b\\c\\"\t\a\b\f\r\v\x00\x7f\udcffé\u00e9\U0001f600',
        "empty": "",
    }


@pytest.mark.parametrize(
    "line",
    [
        'a="b',
        "a=b",
        'a="',
        'a="b"c"',
        'a="\\"',
        'a="b\\"',
        'a="\\q"',
        'a="\\x0"',
        'a="\\u00zz"',
        'a="\\U00110000"',
        'a="\\n"b"',
        "a b",
        '="b"',
        'a b="c"',
    ],
)
def test_a_line_that_the_kubelet_did_not_write_is_named(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_annotations(f'first="1"\n\n{line}\nlast="2"', "/podinfo/annotations")
    violation = caught.value.violations[0]
    assert len(caught.value.violations) == 1
    assert (violation.path, violation.value) == ("line 3", line)
    assert violation.source == "annotations /podinfo/annotations"


MAPPING = "{traffic.kuma.io/exclude-inbound-ports: 80, b: 'true', c: , d: 1.5}"


@pytest.mark.parametrize(
    "text",
    [
        "traffic.kuma.io/exclude-inbound-ports: 80\nb: true\nc:\nd: 1.5",
        '{"traffic.kuma.io/exclude-inbound-ports": "80", "b": true, "c": null, "d": 1.5}',
        f"metadata: {{annotations: {MAPPING}}}",
        f"metadata: {{}}\nspec: {{template: {{metadata: {{annotations: {MAPPING}}}}}}}",
    ],
)
def test_mappings_pods_and_workloads_are_read(text: str) -> None:
    found = parse_annotations(text, "x")
    assert found == {INBOUND_PORTS: "80", "b": "true", "c": "", "d": "1.5"}


@pytest.mark.parametrize("text", ["", " \n", "# nothing"])
def test_a_file_that_says_nothing_holds_no_annotations(text: str) -> None:
    assert parse_annotations(text, "x") == {}


@pytest.mark.parametrize(
    "text",
    [
        "metadata: {annotations: }",
        "kind: Pod\nspec: {}",
        "metadata: {annotations: {a: b}}\nspec: {template: {spec: {}}}",
    ],
)
def test_a_pod_without_annotations_has_none(text: str) -> None:
    assert parse_annotations(text, "x") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "annotations (from annotations x): must be a mapping"),
        ("a: [1]\nb: {c: 1}", "a (from annotations x): must be a text; quote it"),
        ("a: [", "line 2, column 1 (from annotations x): not YAML"),
        ("kuma.io/direct-access-services: *", "put the text in quotes to mean a star"),
        ("metadata: {annotations: 5}", "must be a mapping"),
    ],
)
def test_files_that_hold_something_else_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Sources(annotations=(("x", text),)))
    assert message in str(caught.value)


def test_several_files_are_read_in_order() -> None:
    files = (("a", f"{INBOUND_PORTS}: 1"), ("b", f'{INBOUND_PORTS}="2"'))
    config = load(Sources(annotations=files)).config
    assert config.redirect.inbound.exclude_ports == PortSet.of(2)


# --- laws -------------------------------------------------------------------------------------

keys = st.one_of(
    st.sampled_from([*PLAIN, *ANNOTATIONS, GATEWAY, PROBES, DOCUMENT, "kuma.io/builtin-dns"]),
    st.text(max_size=8).map(lambda text: f"traffic.kuma.io/{text}"),
)


@given(st.dictionaries(keys, st.text(max_size=20), max_size=5))
def test_any_annotations_give_a_configuration_or_a_refusal(annotations: dict[str, str]) -> None:
    assert read_annotations(annotations) == read_annotations(annotations)
    with contextlib.suppress(ConfigError):
        assert isinstance(from_annotations(annotations).config.redirect, Redirect)


@given(st.text(max_size=40))
def test_any_file_gives_annotations_or_a_refusal(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_annotations(text, "x"), dict)
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_annotations(f'a="{text}"', "x"), dict)
