"""The environment and the configuration together: libcni's checks (pkg/skel), in its order."""

from __future__ import annotations

import json

import pytest

from kuma_cni.spec.netconf import Netconf
from kuma_cni.spec.problem import CniError
from kuma_cni.spec.request import NEEDED, Request, read_args, read_request

ENVIRON = {
    "CNI_CONTAINERID": "abc-1",
    "CNI_NETNS": "/run/netns/x",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin:/usr/lib/cni",
}


def stdin(version: str = "1.1.0") -> bytes:
    """Return the least configuration of a version."""
    return json.dumps({"cniVersion": version, "name": "net"}).encode()


def refusal(verb: str, data: bytes = stdin(), **environ: str) -> CniError:
    """Return how a request is refused; a variable that is ``-`` is not there."""
    whole = {"CNI_COMMAND": verb} | ENVIRON | environ
    with pytest.raises(CniError) as caught:
        read_request({name: value for name, value in whole.items() if value != "-"}, data)
    return caught.value


@pytest.mark.parametrize("verb", NEEDED)
def test_every_verb_is_read(verb: str) -> None:
    environ = ENVIRON | {"CNI_COMMAND": verb, "CNI_ARGS": "A=1", "CNI_NETNS_OVERRIDE": "true"}
    assert read_request(environ, stdin()) == Request(
        verb,  # type: ignore[arg-type]
        container_id="abc-1",
        netns="/run/netns/x",
        ifname="eth0",
        args={"A": "1"},
        may_be_own=True,
        netconf=Netconf(cni_version="1.1.0", name="net"),
    )


def test_del_needs_no_namespace_and_gc_and_status_no_container() -> None:
    without = {name: value for name, value in ENVIRON.items() if name != "CNI_NETNS"}
    assert read_request({"CNI_COMMAND": "DEL", **without}, stdin()).netns == ""
    assert read_request({"CNI_COMMAND": "DEL", **ENVIRON, "CNI_NETNS": ""}, stdin()).netns == ""
    for verb in ("GC", "STATUS"):
        read = read_request({"CNI_COMMAND": verb, "CNI_PATH": "/x"}, stdin())
        assert (read.container_id, read.ifname) == ("", "")


def test_version_needs_nothing_and_looks_at_nothing_but_the_asked_version() -> None:
    probe = {
        "CNI_COMMAND": "VERSION",
        "CNI_NETNS": "dummy",
        "CNI_IFNAME": "dummy",
        "CNI_PATH": "dummy",
        "CNI_CONTAINERID": "",
    }
    read = read_request(probe, b'{"cniVersion": "1.0.0"}')
    assert read == Request("VERSION", netconf=Netconf(cni_version="1.0.0"))
    assert read_request({"CNI_COMMAND": "VERSION"}, b"").netconf.cni_version == "1.1.0"


@pytest.mark.parametrize("verb", ["add", "PLAY", "", " ADD", "ADD\n", "x" * 5000])
def test_an_unknown_verb_is_refused_briefly(verb: str) -> None:
    error = refusal(verb)
    assert error.code == 4
    assert "ADD, DEL, CHECK, GC, STATUS, VERSION" in error.details
    assert len(error.details) < 150


@pytest.mark.parametrize(
    ("verb", "names"),
    [
        ("ADD", "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH"),
        ("CHECK", "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH"),
        ("DEL", "CNI_CONTAINERID, CNI_IFNAME, CNI_PATH"),
        ("GC", "CNI_PATH"),
        ("STATUS", "CNI_PATH"),
    ],
)
def test_all_missing_variables_are_named_in_one_message(verb: str, names: str) -> None:
    for absent in ("-", ""):
        error = refusal(verb, stdin(), **dict.fromkeys(ENVIRON, absent))
        assert error.code == 4
        assert error.msg.endswith(f"missing: {names}")


@pytest.mark.parametrize("value", ["/", "../../x", "a\n", "a\0", "-a", "a b", "\udcff"])
def test_a_container_id_that_could_be_a_path_is_refused(value: str) -> None:
    error = refusal("ADD", CNI_CONTAINERID=value)
    assert (error.code, error.msg) == (4, "CNI_CONTAINERID is not valid")
    assert error.details.isascii()


@pytest.mark.parametrize("value", ["..", "a/b", "a:b", "a b", "x" * 16, "x" * 5000, "a\0"])
def test_an_interface_that_the_kernel_would_not_take_is_refused(value: str) -> None:
    error = refusal("DEL", CNI_IFNAME=value)
    assert (error.code, error.msg) == (4, "CNI_IFNAME is not valid")
    assert len(error.details) < 200


def test_what_a_verb_does_not_need_is_not_looked_at() -> None:
    environ = {"CNI_COMMAND": "GC", "CNI_PATH": "/x", "CNI_IFNAME": "..", "CNI_CONTAINERID": "/"}
    assert read_request(environ, stdin()).verb == "GC"


def test_environment_comes_before_configuration_and_its_name_before_its_version() -> None:
    assert refusal("ADD", b"", CNI_IFNAME="-").code == 4
    assert refusal("ADD", b"").code == 6
    assert refusal("ADD", b'{"cniVersion": "9.0.0"}').code == 7
    assert refusal("ADD", stdin("9.0.0")).code == 1
    assert refusal("CHECK", stdin("0.3.1")).code == 1


@pytest.mark.parametrize("text", ["", "0", "false", "yes"])
def test_only_1_and_true_allow_our_own_namespace(text: str) -> None:
    environ = {"CNI_COMMAND": "ADD", **ENVIRON, "CNI_NETNS_OVERRIDE": text}
    assert not read_request(environ, stdin()).may_be_own


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        (";;", {}),
        ("A=1;B=2", {"A": "1", "B": "2"}),
        ("B=2;A=1;", {"A": "1", "B": "2"}),
        ("A=1;A=2", {"A": "2"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=", {"A": ""}),
        ("A=1;B;C=3", {"A": "1", "C": "3"}),
        ("IgnoreUnknown=true;a=1;A=2", {"IgnoreUnknown": "true", "a": "1", "A": "2"}),
        ("A=x\ny", {"A": "x\ny"}),
    ],
)
def test_arguments_are_pairs_in_any_order(text: str, pairs: dict[str, str]) -> None:
    assert read_args(text) == pairs
