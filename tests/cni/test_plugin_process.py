"""The plugin as a process: what it opens and starts, many at once, killed, without capabilities."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.cni import Caller, environ_of
from lab.injected import ANNOTATIONS, PLAIN_DOCUMENT, documented, single
from lab.programs import BIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLUGIN = str(BIN / "kuma-cni")
PLAIN = documented(PLAIN_DOCUMENT)
DRIFT = 102


@pytest.fixture
def caller() -> Iterator[Caller]:
    """Make a node that calls plugins."""
    made = Caller()
    yield made
    made.stop()


def config(annotations: Mapping[str, str] | None, **more: object) -> bytes:
    """Return a network configuration as a runtime writes it to the plugin."""
    runtime = {} if annotations is None else {ANNOTATIONS: annotations}
    whole = {"cniVersion": "1.1.0", "name": "net", "type": "kuma-cni", "runtimeConfig": runtime}
    return json.dumps(whole | more).encode()


# --- what it does besides ---------------------------------------------------------------------

AUDITED = """
import sys
sys.dont_write_bytecode = True
events = []
def hook(event, args):
    if event.partition(".")[0] in {"socket", "os", "subprocess", "open", "ctypes"}:
        events.append((event, [str(arg) for arg in args]))
from kuma_cni.cli.main import main
sys.addaudithook(hook)
code = main([])
sys.stderr.write(repr((code, list(events))))
"""
STARTING = ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen")
NETLINK = "16"


def audited(caller: Caller, verb: str, netns: str, stdin: bytes) -> list[tuple[str, list[str]]]:
    """Return what the interpreter saw the plugin do (PEP 578), once everything was imported."""
    caller.write("/run/audited.py", AUDITED)
    caller.write("/run/audited", f"#!/bin/sh\nexec {sys.executable} /run/audited.py\n")
    caller.run(["chmod", "+x", "/run/audited"])
    answered = caller.ask("/run/audited", environ_of(verb, netns), stdin)
    code, events = eval(answered.stderr)  # noqa: S307 - the repr of plain values
    assert code == 0, answered
    assert answered.code == 0
    return [(event, args) for event, args in events]


def files(events: list[tuple[str, list[str]]]) -> list[str]:
    """Return the files that were opened, but for those of modules."""
    opened = [args[0] for event, args in events if event == "open"]
    return [path for path in opened if not path.endswith((".py", ".pyc", ".so"))]


@pytest.mark.parametrize("annotations", [PLAIN, single()], ids=["document", "annotations"])
def test_a_pod_is_captured_without_a_child_or_a_connection(
    annotations: dict[str, str], caller: Caller
) -> None:
    pod = caller.new_pod()
    events = audited(caller, "ADD", pod, config(annotations))
    assert caller.tables(pod) == ["kuma_net"]
    assert [event for event, _ in events if event.startswith(STARTING)] == []
    sockets = {args[1] for event, args in events if event == "socket.__new__"}
    assert sockets == {NETLINK, "1"}, "the log's socket is the only other one"
    assert [args for event, args in events if event == "socket.connect"] == []
    sent = [args[1] for event, args in events if event == "socket.sendto"]
    assert sent == ["/run/kuma-net/cni.sock"]
    assert files(events) == [pod, "/proc/thread-self/ns/net", *["/var/log/kuma-net/cni.log"] * 2]


def test_of_another_pod_nothing_is_opened_or_asked(caller: Caller) -> None:
    events = audited(caller, "ADD", "/nowhere/netns", config({"app": "web"}))
    assert files(events) == []
    done = {event for event, _ in events if event.startswith(("socket.", "os.", "ctypes."))}
    assert done <= {"os.listdir"}, "which the import system does"


# --- many at once, and none of them whole -----------------------------------------------------


def test_many_pods_at_once_are_all_captured(caller: Caller) -> None:
    pods = [caller.new_pod() for _ in range(64)]
    outcomes = caller.call(add_all_here, pods, config(PLAIN))
    assert outcomes == [(0, {"cniVersion": "1.1.0"})] * 64
    assert [caller.tables(pod) for pod in pods] == [["kuma_net"]] * 64
    lines = caller.read("/var/log/kuma-net/cni.log").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["captured"] * 64


def add_all_here(pods: list[str], stdin: bytes) -> list[tuple[int, Any]]:
    """Call ADD for every pod at the same time; return codes and results."""
    running = [_started("ADD", pod, stdin) for pod in pods]
    outcomes = []
    for process in running:
        assert process.stdout
        outcomes.append((process.wait(60), json.loads(process.stdout.read())))
        process.stdout.close()
    return outcomes


def _started(verb: str, pod: str, stdin: bytes) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([PLUGIN], env=environ_of(verb, pod), stdin=pipe, stdout=pipe)
    assert process.stdin
    process.stdin.write(stdin)
    process.stdin.close()
    return process


def test_killed_at_any_moment_it_leaves_nothing_that_del_would_not_take(caller: Caller) -> None:
    """The kills are spread over the time that a whole ADD takes."""
    pod = caller.new_pod()
    began = time.monotonic()
    assert caller.ask(PLUGIN, environ_of("ADD", pod), config(PLAIN)).code == 0
    whole = time.monotonic() - began
    for step in range(16):
        caller.call(kill_add_here, pod, config(PLAIN), whole * step / 14)
        assert caller.ask(PLUGIN, environ_of("DEL", pod), config(PLAIN)).code == 0
        assert caller.tables(pod) == []
        if step % 4 == 0:
            caller.call(kill_add_here, pod, config(PLAIN), whole * step / 14)
            assert caller.ask(PLUGIN, environ_of("ADD", pod), config(PLAIN)).code == 0
            assert caller.ask(PLUGIN, environ_of("CHECK", pod), config(PLAIN)).code == 0


def kill_add_here(pod: str, stdin: bytes, seconds: float) -> None:
    """Call ADD and kill it so many seconds later."""
    process = _started("ADD", pod, stdin)
    assert process.stdout
    time.sleep(seconds)
    process.kill()
    process.wait()
    process.stdout.close()


# --- what it needs ----------------------------------------------------------------------------


def without(caller: Caller, capability: str) -> str:
    """Return the path of a plugin that lacks a capability."""
    drop = f"--inh-caps=-{capability} --bounding-set=-{capability}"
    caller.write("/run/weak", f"#!/bin/sh\nexec setpriv {drop} {PLUGIN}\n")
    caller.run(["chmod", "+x", "/run/weak"])
    return "/run/weak"


@pytest.mark.parametrize("capability", ["net_admin", "sys_admin"])
def test_without_a_capability_status_says_so_and_add_touches_nothing(
    capability: str, caller: Caller
) -> None:
    pod, weak = caller.new_pod(), without(caller, capability)
    path = {"PATH": "/usr/bin:/bin"}
    error = caller.ask(weak, environ_of("STATUS", **path), config(None)).error
    assert error["code"] == 50
    assert f"CAP_{capability.upper()}" in error["details"]
    error = caller.ask(weak, environ_of("ADD", pod, **path), config(PLAIN)).error
    assert error["code"] == 101
    assert f"CAP_{capability.upper()}" in error["details"]
    assert caller.tables(pod) == []
    assert caller.ask(weak, environ_of("DEL", pod, **path), config(PLAIN)).code == 0
    assert caller.ask(weak, environ_of("ADD", pod, **path), config({})).code == 0


def test_with_them_status_says_nothing_and_leaves_nothing(caller: Caller) -> None:
    answered = caller.ask(PLUGIN, environ_of("STATUS"), config(None))
    assert (answered.code, answered.stdout) == (0, b"")
    assert caller.tables("/proc/self/ns/net") == []
