"""The configuration on the standard input, in every shape that runtimes and mistakes give it."""

from __future__ import annotations

import json

import pytest

from kuma_cni.spec.netconf import LOG_FILE, LONGEST, Netconf, asked_version, read_netconf
from kuma_cni.spec.problem import CniError

ANNOTATIONS = "io.kubernetes.cri.pod-annotations"


def read(**keys: object) -> Netconf:
    """Read a configuration that has a name and these keys."""
    return read_netconf(json.dumps({"name": "net"} | keys).encode())


def refusal(data: bytes) -> CniError:
    """Return how a configuration is refused."""
    with pytest.raises(CniError) as caught:
        read_netconf(data)
    return caught.value


def test_the_least_configuration_has_a_name_and_is_of_the_first_version() -> None:
    assert read() == Netconf(cni_version="0.1.0", name="net")
    assert read(cniVersion="").cni_version == "0.1.0"


def test_everything_that_the_installer_writes_is_read() -> None:
    netconf = read(
        cniVersion="1.0.0",
        type="kuma-cni",
        capabilities={ANNOTATIONS: True, "dns": True},
        log_level="debug",
        log_file="/l",
        log_socket="/s",
        state_dir="/d",
        kubernetes={
            "kubeconfig": "/k",
            "exclude_namespaces": ["kube-system", "x"],
            "namespace": "kuma",
            "cni_bin_dir": "/opt/cni/bin",
        },
    )
    assert netconf == Netconf(
        cni_version="1.0.0",
        name="net",
        type="kuma-cni",
        kubeconfig="/k",
        exclude_namespaces=("kube-system", "x"),
        own_namespace="kuma",
        log_level="debug",
        log_file="/l",
        log_socket="/s",
        state_dir="/d",
    )


def test_an_empty_log_file_means_none_and_an_absent_one_the_usual() -> None:
    assert read(log_file="").log_file == ""
    assert read().log_file == LOG_FILE


def test_the_result_so_far_is_kept_as_it_is() -> None:
    assert read(prevResult={"ips": [1]}).prev_result == {"ips": [1]}
    assert read(prevResult=None).prev_result is None
    assert read(prevResult={}).prev_result == {}


@pytest.mark.parametrize(
    ("runtime", "annotations"),
    [
        ({}, None),
        (None, None),
        ({ANNOTATIONS: {}}, {}),
        ({ANNOTATIONS: None}, {}),
        ({ANNOTATIONS: {"a": "b"}}, {"a": "b"}),
    ],
)
def test_no_annotations_are_something_else_than_annotations_not_sent(
    runtime: object, annotations: dict[str, str] | None
) -> None:
    assert read(runtimeConfig=runtime).annotations == annotations


@pytest.mark.parametrize(
    ("dns", "servers"),
    [
        (None, None),
        ({}, ()),
        ({"Servers": None, "Searches": None, "Options": None}, ()),
        ({"Servers": ["192.0.2.1"], "Searches": []}, ("192.0.2.1",)),
        ({"servers": ["192.0.2.1", "2001:db8::1"]}, ("192.0.2.1", "2001:db8::1")),
    ],
)
def test_name_servers_come_with_capitals_or_without(
    dns: object, servers: tuple[str, ...] | None
) -> None:
    assert read(runtimeConfig={"dns": dns}).dns_servers == servers


def test_valid_attachments_are_pairs() -> None:
    listed = [{"containerID": "a", "ifname": "eth0"}, {"containerID": "b", "ifname": "net1"}]
    pairs = (("a", "eth0"), ("b", "net1"))
    assert read(**{"cni.dev/valid-attachments": listed}).valid_attachments == pairs
    assert read(**{"cni.dev/attachments": listed}).valid_attachments == pairs
    both = {"cni.dev/attachments": [], "cni.dev/valid-attachments": listed}
    assert read(**both).valid_attachments == pairs


def test_a_null_list_of_attachments_is_an_empty_one_and_an_absent_one_is_none() -> None:
    assert read(**{"cni.dev/valid-attachments": None}).valid_attachments == ()
    assert read().valid_attachments is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "a value is missing"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b'"name"', "no JSON object"),
        (b'{"name": "net"', "line 1, column"),
        (b'{"name": "net"} {}', "more text after the value"),
        (b'{"name": "net", "name": "other"}', "'name' stands twice"),
        (b'{"name": NaN}', "NaN is no JSON"),
        (b'{"name": 1e999}', "too large a number"),
        (b'{"name": "\xff"}', "byte 10 is no UTF-8"),
        (b'\xef\xbb\xbf{"name": "net"}', "a value is missing"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"name": "net"}' + b" " * LONGEST, "longer than 2097152 bytes"),
        (b'{"cniVersion": 1, "name": "net"}', ""),
    ],
)
def test_what_cannot_be_decoded_has_code_6(data: bytes, told: str) -> None:
    error = refusal(data)
    assert error.code == 6
    assert told in error.details


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"name": None}, "has no name"),
        ({"name": ""}, "has no name"),
        ({"name": 5}, "name must be a text"),
        ({"name": "a/b"}, "name is not valid"),
        ({"name": "-x"}, "name is not valid"),
        ({"name": "x\n"}, "name is not valid"),
        ({"type": 1}, "type must be a text"),
        ({"prevResult": 1}, "prevResult must be an object"),
        ({"prevResult": "{}"}, "prevResult must be an object"),
        ({"prevResult": False}, "prevResult must be an object"),
        ({"prevResult": []}, "prevResult must be an object"),
        ({"runtimeConfig": []}, "runtimeConfig must be an object"),
        ({"runtimeConfig": {"dns": []}}, "runtimeConfig.dns must be an object"),
        ({"runtimeConfig": {"dns": {"Servers": "x"}}}, "runtimeConfig.dns.Servers must be a list"),
        ({"runtimeConfig": {"dns": {"servers": [1]}}}, "runtimeConfig.dns.servers[0] must be"),
        ({"runtimeConfig": {ANNOTATIONS: []}}, f"runtimeConfig.{ANNOTATIONS} must be an object"),
        ({"runtimeConfig": {ANNOTATIONS: {"a": True}}}, f"runtimeConfig.{ANNOTATIONS}['a'] must"),
        ({"runtimeConfig": {ANNOTATIONS: {"a": None}}}, "must be a text, not null"),
        ({"kubernetes": "x"}, "kubernetes must be an object"),
        ({"kubernetes": {"kubeconfig": 1}}, "kubernetes.kubeconfig must be a text"),
        ({"kubernetes": {"namespace": []}}, "kubernetes.namespace must be a text"),
        ({"kubernetes": {"exclude_namespaces": "x"}}, "exclude_namespaces must be a list"),
        ({"kubernetes": {"exclude_namespaces": [{}]}}, "exclude_namespaces[0] must be a text"),
        ({"log_level": 1}, "log_level must be a text"),
        ({"log_file": {}}, "log_file must be a text"),
        ({"log_socket": 1.5}, "log_socket must be a text"),
        ({"state_dir": True}, "state_dir must be a text"),
        ({"cni.dev/valid-attachments": {}}, "cni.dev/valid-attachments must be a list"),
        ({"cni.dev/attachments": [1]}, "cni.dev/attachments[0] must be an object"),
        ({"cni.dev/attachments": [{"ifname": 1}]}, "cni.dev/attachments[0].ifname must be a text"),
        ({"cni.dev/attachments": [{"containerID": 1}]}, "[0].containerID must be a text"),
    ],
)
def test_a_wrong_shape_has_code_7_and_names_the_key(keys: dict[str, object], told: str) -> None:
    error = refusal(json.dumps({"name": "net"} | keys).encode())
    assert error.code == 7
    assert told in error.msg


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b'{"cniVersion": "0.3.1"}', "0.3.1"),
        (b"{}", "0.1.0"),
        (b"", "1.1.0"),
        (b'{"cniVersion": 1}', "1.1.0"),
        (b'{"cniVersion": "2.0.0"}', "1.1.0"),
    ],
)
def test_an_answer_is_in_the_asked_version_and_in_the_newest_if_in_doubt(
    data: bytes, version: str
) -> None:
    assert asked_version(data) == version
