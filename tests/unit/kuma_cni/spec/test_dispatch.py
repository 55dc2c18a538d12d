"""Whatever comes in, one JSON object or nothing goes out, with the right exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.spec.dispatch import ABOUT, LONGEST_DETAILS, as_cni_error, dispatch
from kuma_cni.spec.problem import CniError
from kuma_cni.spec.versions import VERSIONS, at_least
from kuma_net.errors import ConfigError, DriftError, HostError, InputError, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuma_cni.spec.dispatch import Answer
    from kuma_cni.spec.request import Request

ENVIRON = {
    "CNI_CONTAINERID": "abc",
    "CNI_NETNS": "/run/netns/x",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin",
}
RESULT = {"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.1/8"}]}
CONFIG: dict[str, object] = {"cniVersion": "1.1.0", "name": "net", "prevResult": RESULT}


class Recorder:
    """A plugin that notes which verbs were called, and raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        """Keep the error."""
        self.called: list[str] = []
        self._error = error

    def _note(self, verb: str, request: Request) -> None:
        self.called.append(f"{verb} {request.netconf.name}")
        if self._error is not None:
            raise self._error

    def add(self, request: Request) -> None:
        """Note it."""
        self._note("add", request)

    def check(self, request: Request) -> None:
        """Note it."""
        self._note("check", request)

    def delete(self, request: Request) -> None:
        """Note it."""
        self._note("delete", request)

    def gc(self, request: Request) -> None:
        """Note it."""
        self._note("gc", request)

    def status(self, request: Request) -> None:
        """Note it."""
        self._note("status", request)


def ask(verb: str, config: object = None, plugin: Recorder | None = None, **environ: str) -> Answer:
    """Ask a verb with a whole environment."""
    whole = ENVIRON | {"CNI_COMMAND": verb} | environ
    return dispatch(whole, json.dumps(config or CONFIG).encode(), plugin or Recorder())


def test_add_prints_the_result_of_the_chain() -> None:
    plugin = Recorder()
    answer = ask("ADD", plugin=plugin)
    assert (answer.code, json.loads(answer.output), answer.errors) == (0, RESULT, "")
    assert answer.output.endswith("\n")
    assert plugin.called == ["add net"]


@pytest.mark.parametrize(
    ("verb", "called"),
    [("DEL", "delete"), ("CHECK", "check"), ("GC", "gc"), ("STATUS", "status")],
)
def test_the_other_verbs_print_nothing(verb: str, called: str) -> None:
    plugin = Recorder()
    answer = ask(verb, plugin=plugin)
    assert (answer.code, answer.output, answer.errors) == (0, "", "")
    assert plugin.called == [f"{called} net"]


@pytest.mark.parametrize("asked", ["0.4.0", "1.0.0"])
def test_version_lists_all_versions_in_the_asked_one(asked: str) -> None:
    plugin = Recorder()
    answer = ask("VERSION", {"cniVersion": asked}, plugin)
    assert json.loads(answer.output) == {"cniVersion": asked, "supportedVersions": list(VERSIONS)}
    assert plugin.called == []


def test_without_a_command_it_says_what_it_is() -> None:
    for environ in ({}, {"CNI_COMMAND": ""}):
        answer = dispatch(environ, b"", Recorder())
        assert (answer.code, answer.output, answer.errors) == (0, "", ABOUT)
    assert "0.1.0, 0.2.0" in ABOUT


def test_a_result_that_cannot_be_told_fails_before_anything_is_done() -> None:
    plugin = Recorder()
    answer = ask("ADD", CONFIG | {"prevResult": {"cniVersion": "7.0.0"}}, plugin)
    assert json.loads(answer.output)["code"] == 7
    assert answer.refused
    assert plugin.called == []


def test_whether_a_verb_was_called_is_known_from_the_answer() -> None:
    assert not ask("ADD", plugin=Recorder(CniError(11, "later"))).refused
    assert ask("PLAY").refused
    assert not ask("ADD").refused


@pytest.mark.parametrize("verb", ["DEL", "CHECK"])
def test_only_add_looks_into_the_result(verb: str) -> None:
    assert ask(verb, CONFIG | {"prevResult": {"cniVersion": "7.0.0"}}).code == 0


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (CniError(11, "try later", "why"), 11, "why"),
        (ConfigError([Violation("a", "b", "c", "wrong")]), 100, "a: 'b' (from c): wrong"),
        (InputError("this"), 100, "this"),
        (HostError("no room"), 101, "no room"),
        (DriftError("drift"), 101, "drift"),
        (ZeroDivisionError("oops"), 199, "ZeroDivisionError: oops"),
        (MemoryError(), 199, "MemoryError"),
        (RecursionError("deep"), 199, "deep"),
        (OSError(28, "No space left on device"), 199, "No space left"),
    ],
)
def test_every_error_becomes_an_error_object(error: Exception, code: int, told: str) -> None:
    answer = ask("ADD", CONFIG | {"cniVersion": "0.3.1"}, Recorder(error))
    fields = json.loads(answer.output)
    assert (answer.code, answer.errors) == (1, "")
    assert (fields["cniVersion"], fields["code"]) == ("0.3.1", code)
    assert told in fields["details"]
    assert "Traceback" not in answer.output


def test_a_defect_is_told_with_its_place() -> None:
    fields = json.loads(ask("ADD", plugin=Recorder(KeyError("x"))).output)
    assert "spec/test_dispatch.py:" in fields["details"]
    assert as_cni_error(KeyError("x")).details == "KeyError: 'x'"


def test_details_have_an_end_and_may_be_absent() -> None:
    long = json.loads(ask("ADD", plugin=Recorder(CniError(100, "m", "x" * 100_000))).output)
    assert len(long["details"]) == LONGEST_DETAILS
    assert "details" not in json.loads(ask("ADD", plugin=Recorder(CniError(100, "m"))).output)


def test_text_of_any_kind_is_printed_in_ascii() -> None:
    answer = ask("ADD", plugin=Recorder(CniError(100, "é\n\x00", "\ud800\udcff\u2028")))
    assert answer.output.isascii()
    assert answer.output.count("\n") == 1
    assert json.loads(answer.output)["msg"] == "é\n\x00"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = [
    "cniVersion", "name", "type", "prevResult", "runtimeConfig", "kubernetes", "log_level",
    "log_file", "state_dir", "cni.dev/valid-attachments", "cni.dev/attachments", "other",
]  # fmt: skip
VERSION = st.sampled_from([*VERSIONS, "9.9.9"])
RESULTS = st.fixed_dictionaries(
    {},
    optional={
        "cniVersion": VERSION | VALUES,
        "ips": VALUES | st.lists(st.fixed_dictionaries({"address": VALUES}), max_size=2),
        "routes": VALUES | st.lists(st.fixed_dictionaries({"dst": VALUES}), max_size=2),
        "ip4": VALUES | st.fixed_dictionaries({"ip": VALUES, "routes": VALUES}),
        "dns": VALUES,
    },
)


def _together(parts: tuple[dict[str, Any], str, dict[str, Any]]) -> dict[str, object]:
    odd, version, result = parts
    return {"name": "net", "cniVersion": version, "prevResult": result, **odd}


ODD = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)
CONFIGS = st.tuples(ODD, VERSION, RESULTS).map(_together)
INPUTS = st.binary(max_size=200) | CONFIGS.map(lambda config: json.dumps(config).encode())
ENVIRONS = st.fixed_dictionaries(
    {},
    optional={
        "CNI_COMMAND": st.sampled_from(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "x", ""]),
        **{name: st.just(value) | st.text(max_size=8) for name, value in ENVIRON.items()},
        "CNI_ARGS": st.text(max_size=20),
        "CNI_NETNS_OVERRIDE": st.text(max_size=4),
    },
)


def one_object(answer: Answer) -> dict[str, Any] | None:
    """Return the one JSON object that was printed; None for nothing."""
    if not answer.output:
        return None
    assert answer.output.isascii()
    assert answer.output.count("\n") == 1
    value = json.loads(answer.output, parse_constant=lambda _: pytest.fail("no JSON"))
    assert isinstance(value, dict)
    return value


@given(environ=ENVIRONS, stdin=INPUTS)
def test_whatever_comes_in_exactly_one_object_or_nothing_goes_out(
    environ: Mapping[str, str], stdin: bytes
) -> None:
    answer = dispatch(environ, stdin, Recorder())
    printed = one_object(answer)
    verb = environ.get("CNI_COMMAND")
    if answer.code:
        assert answer.code == 1
        assert printed is not None
        assert printed["code"] in {1, 4, 6, 7}
        assert printed["cniVersion"] in VERSIONS
        assert printed["msg"]
    else:
        assert (printed is not None) == (verb in {"ADD", "VERSION"})
        assert bool(answer.errors) == (not verb)


@given(config=CONFIGS)
def test_a_whole_environment_leaves_only_the_configuration_to_refuse(
    config: dict[str, Any],
) -> None:
    answer = ask("ADD", config)
    printed = one_object(answer)
    assert printed is not None
    if answer.code:
        assert printed["code"] in {1, 6, 7}
    else:
        assert printed["cniVersion"] == (config.get("cniVersion") or "0.1.0")


@given(
    config=CONFIGS,
    details=st.text(),
    code=st.integers(0, 200),
    version=st.sampled_from(VERSIONS),
)
def test_what_a_verb_raises_is_what_is_told(
    config: dict[str, Any], details: str, code: int, version: str
) -> None:
    sound = {"name": "net", "cniVersion": version}
    printed = one_object(ask("DEL", sound, Recorder(CniError(code, "msg", details))))
    assert printed is not None
    assert (printed["code"], printed.get("details", "")) == (code, details)
    assert printed["cniVersion"] == version
    assert at_least(version, "0.1.0")
    assert one_object(ask("GC", config, Recorder(CniError(code, "msg")))) is not None


WHOLE: dict[str, Any] = {
    "cniVersion": "0.4.0",
    "name": "net",
    "type": "kuma-cni",
    "capabilities": {"dns": True},
    "runtimeConfig": {
        "io.kubernetes.cri.pod-annotations": {"kuma.io/sidecar-injected": "true"},
        "dns": {"Servers": ["192.0.2.53"], "Searches": [], "Options": []},
    },
    "prevResult": {
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/x", "mtu": 1500}],
        "ips": [{"address": "10.0.0.1/8", "gateway": "10.0.0.2", "interface": 0}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.2", "priority": 1}],
        "dns": {"nameservers": ["192.0.2.53"]},
    },
    "kubernetes": {
        "kubeconfig": "/k", "exclude_namespaces": ["a"], "namespace": "b", "cni_bin_dir": "/c",
    },
    "log_level": "info",
    "log_file": "/l",
    "log_socket": "/s",
    "state_dir": "/d",
    "cni.dev/valid-attachments": [{"containerID": "a", "ifname": "eth0"}],
    "cni.dev/attachments": [{"containerID": "a", "ifname": "eth0"}],
}  # fmt: skip
WRONG: tuple[Any, ...] = (None, True, 0, 1.5, "text", [], [None], {}, {"a": 1})


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value inside of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


@pytest.mark.parametrize("path", list(places(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_a_wrong_shape_at_any_key_is_harmless_or_refused_by_its_name(
    path: tuple[str | int, ...],
) -> None:
    for wrong in WRONG:
        config = json.loads(json.dumps(WHOLE))
        holder = config
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = wrong
        answer = ask("ADD", config)
        printed = one_object(answer)
        assert printed is not None
        if answer.code:
            assert printed["code"] in {1, 6, 7}
            named = [key for key in path if isinstance(key, str)]
            told = f"{printed['msg']} {printed.get('details', '')}"
            assert named[-1] in told, told


def test_a_configuration_cut_off_anywhere_is_refused_as_what_cannot_be_read() -> None:
    text = json.dumps(WHOLE).encode()
    for length in range(len(text)):
        answer = dispatch({"CNI_COMMAND": "ADD", **ENVIRON}, text[:length], Recorder())
        assert json.loads(answer.output)["code"] == 6, text[:length]
