"""Standard input, environment and streams as nobody should give them: the right code, quickly.

And whatever somebody gives for a pod outside the mesh, that pod starts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.spec.netconf import LONGEST
from kuma_net.netfilter.nf_tables import TABLE as OURS
from lab.cni import Caller, bundled, environ_of
from lab.cni_given import MESH
from lab.injected import ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICKLY = 5.0
"""Seconds, on a busy machine: no answer here needs more than a tenth of one on an idle one."""
CONFIG: dict[str, Any] = {
    "cniVersion": "1.0.0", "name": "net", "runtimeConfig": {ANNOTATIONS: MESH},
}  # fmt: skip
SOUND = json.dumps(CONFIG).encode()
NOBODY = json.dumps(CONFIG | {"runtimeConfig": {ANNOTATIONS: {"app": "cron"}}}).encode()
MANY = 10 << 20


@pytest.fixture
def pod(caller: Caller) -> Iterator[str]:
    path = caller.new_pod()
    yield path
    caller.drop_pod(path)


INPUTS = {
    "nothing": b"",
    "10 MB of zeros": bytes(MANY),
    "10 MB of blanks": b" " * MANY,
    "10 MB of one text": b'{"name": "' + b"x" * MANY + b'"}',
    "10 MB of brackets": b"[" * MANY,
    "10 MB behind a sound one": SOUND + b" " * MANY,
    "as much as is read, all of it braces": b'{"":' * (LONGEST // 4),
    "as much as is read, all of it lists": b"[" + b"[]," * (LONGEST // 3 - 1) + b"1]",
    "no JSON": b"name: net\ncniVersion: 1.0.0\n",
    "an executable": b"\x7fELF\x02\x01\x01" + bytes(1000),
    "cut off": SOUND[:-1],
    "cut off in a text": SOUND[: len(SOUND) // 2],
    "two configurations": SOUND + SOUND,
    "a key twice": SOUND[:-1] + b', "name": "other"}',
    "nested deeply": SOUND[:-1] + b', "x": ' + b'{"x": ' * 5000 + b"1" + b"}" * 5001,
    "no UTF-8": SOUND[:-1] + b', "x": "\xff\xfe"}',
    "UTF-16": SOUND.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + SOUND,
    "a number without end": SOUND[:-1] + b', "x": ' + b"9" * 100_000 + b"}",
    "an infinite number": SOUND[:-1] + b', "x": 1e999}',
    "no number": SOUND[:-1] + b', "x": NaN}',
    "null": b"null",
    "a number": b"1",
}


@pytest.mark.parametrize("what", INPUTS)
def test_input_that_is_no_configuration_has_code_6(caller: Caller, pod: str, what: str) -> None:
    answered = caller.ask(bundled(), environ_of("ADD", pod), INPUTS[what])
    assert answered.error["code"] == 6
    assert answered.seconds < QUICKLY
    assert answered.stderr == ""
    assert caller.tables(pod) == []


def test_input_that_comes_late_and_in_pieces_is_waited_for(caller: Caller, pod: str) -> None:
    pieces = ["import sys, time, subprocess", "p = subprocess.Popen(sys.argv[1], stdin=-1)"]
    pieces.append("for b in sys.stdin.buffer.read(): p.stdin.write(bytes([b])); p.stdin.flush()")
    pieces += ["p.stdin.close()", "sys.exit(p.wait())"]
    slowly = ["/usr/bin/python3", "-IS", "-c", "\n".join(pieces), bundled()]
    answered = caller.ask(slowly, environ_of("ADD", pod), SOUND)
    assert (answered.code, answered.printed) == (0, {"cniVersion": "1.0.0"})
    assert caller.tables(pod) == [OURS]


@pytest.mark.parametrize(("redirection", "code"), [("<&-", 5), ("</dev/null", 6)])
def test_closed_input_has_code_5_and_empty_input_6(
    caller: Caller, pod: str, redirection: str, code: int
) -> None:
    shell = ["/bin/sh", "-c", f'exec "$0" {redirection}', bundled()]
    answered = caller.ask(shell, environ_of("ADD", pod), SOUND)
    assert answered.error["code"] == code
    assert answered.seconds < QUICKLY


def test_a_version_probe_needs_no_input_at_all(caller: Caller) -> None:
    shell = ["/bin/sh", "-c", 'exec "$0" <&-', bundled()]
    answered = caller.ask(shell, {"CNI_COMMAND": "VERSION"})
    assert (answered.code, answered.stderr) == (0, "")
    assert answered.printed is not None
    assert answered.printed["cniVersion"] == "1.1.0"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "9</dev/null 10</etc/passwd"])
def test_streams_that_are_closed_or_too_many_harm_nobody(
    caller: Caller, pod: str, redirection: str
) -> None:
    shell = ["/bin/bash", "-c", f'exec "$0" {redirection}', bundled()]
    answered = caller.ask(shell, environ_of("ADD", pod), SOUND)
    unread = redirection.startswith(">&-")
    assert answered.code == (1 if unread else 0), "a result that nobody could read is a failure"
    assert answered.stderr == ""
    assert caller.tables(pod) == [OURS]
    assert caller.ask(shell, environ_of("DEL", pod), SOUND).code == 0
    assert caller.tables(pod) == []


def test_a_reader_that_has_gone_is_told_by_the_exit_code(caller: Caller, pod: str) -> None:
    """The runtime then asks for DEL."""
    shell = ["/bin/bash", "-c", '{ sleep 0.2; "$0"; echo $? >&2; } | :', bundled()]
    answered = caller.ask(shell, environ_of("ADD", pod, PATH="/usr/bin:/bin"), SOUND)
    assert answered.stderr == "1\n"


HOSTILE_ENVIRONMENTS: dict[str, dict[str, str]] = {
    "nothing else": {},
    "an empty PATH": {"PATH": ""},
    "a PATH of nonsense": {"PATH": "\n:/dev/null::"},
    "no home": {"HOME": "/nonexistent", "TMPDIR": "/nonexistent"},
    "a locale that is not there": {"LANG": "xx_XX.EBCDIC", "LC_ALL": "xx_XX.EBCDIC"},
    "the C locale": {"LC_ALL": "C"},
    "a long container id": {"CNI_CONTAINERID": "c" * 5000},
    "a hundred thousand arguments": {"CNI_ARGS": "A=1;" * 20_000},
    "arguments of one sign": {"CNI_ARGS": ";"},
    "arguments that are no pairs": {"CNI_ARGS": "IgnoreUnknown;=;;==;K8S_POD_NAME"},
    "names with slashes": {"CNI_ARGS": "K8S_POD_NAMESPACE=../../etc;K8S_POD_NAME=/passwd"},
    "names with newlines": {"CNI_ARGS": 'K8S_POD_NAMESPACE=a\nb;K8S_POD_NAME="}{\n'},
    "names with other bytes": {"CNI_ARGS": "K8S_POD_NAMESPACE=\udcff\udcfe;K8S_POD_NAME=é"},
    "long names": {"CNI_ARGS": f"K8S_POD_NAMESPACE={'n' * 5000};K8S_POD_NAME={'p' * 5000}"},
    "a path of many folders": {"CNI_PATH": ":".join(["/x"] * 5000)},
    "our own settings": {"KUMA_NET_BACKEND": "restore", "XTABLES_LOCKFILE": "/etc/passwd"},
    "proxies": {"HTTPS_PROXY": "http://192.0.2.1:1", "ALL_PROXY": "socks://192.0.2.1"},
}


@pytest.mark.parametrize("what", HOSTILE_ENVIRONMENTS)
def test_an_odd_environment_changes_nothing(caller: Caller, pod: str, what: str) -> None:
    environ = HOSTILE_ENVIRONMENTS[what]
    answered = caller.ask(bundled(), environ_of("ADD", pod, **environ), SOUND)
    assert (answered.code, answered.stderr) == (0, ""), answered
    assert answered.printed == {"cniVersion": "1.0.0"}
    assert caller.tables(pod) == [OURS]


NAMESPACES = {
    "gone": "/run/netns/gone",
    "a relative path": "netns",
    "a process that is gone": "/proc/4194303/ns/net",
    "a plain file": "/etc/passwd",
    "a folder": "/etc",
    "a link that leads nowhere": "/run/odd/nowhere",
    "a link to itself": "/run/odd/loop",
    "a pipe": "/run/odd/pipe",
    "a socket": "/run/odd/socket",
    "a device": "/dev/null",
    "a terminal": "/dev/tty",
    "another kind of namespace": "/proc/self/ns/user",
    "a long path": "/run/" + "x" * 5000,
    "a path through a file": "/etc/passwd/net",
    "lines": "/run/netns/a\nb",
    "other bytes": "/run/netns/\udcff",
    "our own": "/proc/self/ns/net",
    "the node's": "/proc/1/ns/net",
}
ODD_PLACES = """
import os, socket
os.mkdir("/run/odd")
os.symlink("/run/odd/none", "/run/odd/nowhere")
os.symlink("/run/odd/loop", "/run/odd/loop")
os.mkfifo("/run/odd/pipe")
socket.socket(socket.AF_UNIX).bind("/run/odd/socket")
"""


@pytest.fixture(scope="module")
def odd_places(caller: Caller) -> None:
    caller.run(["/usr/bin/python3", "-c", ODD_PLACES])


@pytest.mark.usefixtures("odd_places")
@pytest.mark.parametrize("what", NAMESPACES)
def test_what_is_no_pods_namespace_has_code_8_and_del_does_not_mind(
    caller: Caller, what: str
) -> None:
    netns = NAMESPACES[what]
    answered = caller.ask(bundled(), environ_of("ADD", netns), SOUND)
    assert answered.error["code"] == 8, answered
    assert answered.seconds < QUICKLY
    assert len(answered.stdout) < 1500
    deleted = caller.ask(bundled(), environ_of("DEL", netns), SOUND)
    assert (deleted.code, deleted.stdout, deleted.stderr) == (0, b"", "")
    assert deleted.seconds < QUICKLY


@pytest.mark.usefixtures("odd_places")
@pytest.mark.parametrize("what", NAMESPACES)
def test_a_pod_outside_the_mesh_starts_wherever_it_is(caller: Caller, what: str) -> None:
    answered = caller.ask(bundled(), environ_of("ADD", NAMESPACES[what]), NOBODY)
    assert (answered.code, answered.stderr) == (0, "")


@pytest.mark.parametrize("name", ["with blanks in it", "with\nlines", "-rf", "é", "{}$(reboot)"])
def test_a_namespace_may_have_any_name(caller: Caller, pod: str, name: str) -> None:
    caller.run(["ln", "-sfn", pod, f"/run/{name}"])
    answered = caller.ask(bundled(), environ_of("ADD", f"/run/{name}"), SOUND)
    assert (answered.code, answered.stderr) == (0, "")
    assert caller.tables(pod) == [OURS]


def test_sixteen_at_once_for_one_pod_make_one_table(caller: Caller, pod: str) -> None:
    call = (bundled(), environ_of("ADD", pod), SOUND)
    for answered in caller.ask_at_once([call] * 16):
        assert (answered.code, answered.stderr) == (0, ""), answered
        assert answered.printed == {"cniVersion": "1.0.0"}
    assert caller.tables(pod) == [OURS]
    assert caller.ask(bundled(), environ_of("CHECK", pod), SOUND).code == 0


def test_sixteen_pods_at_once_are_all_captured(caller: Caller) -> None:
    pods = [caller.new_pod() for _ in range(16)]
    calls = [
        (bundled(), environ_of("ADD", pod, CNI_CONTAINERID=f"c{number}"), SOUND)
        for number, pod in enumerate(pods)
    ]
    assert [answered.code for answered in caller.ask_at_once(calls)] == [0] * 16
    assert [caller.tables(pod) for pod in pods] == [[OURS]] * 16
    for pod in pods:
        caller.drop_pod(pod)
