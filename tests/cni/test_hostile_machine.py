"""A machine that has nothing left: full disks, nothing to write to, no rights, sudden ends.

Log and records may fail; the pod's rules may not, and what is not a mesh pod's never does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyroute2 import IPRoute

from kuma_net.netfilter.nf_tables import TABLE as OURS
from lab import pod_api
from lab.cni import Caller, bundled, environ_of
from lab.cni_given import MESH
from lab.injected import ANNOTATIONS
from lab.system import MS_BIND, MS_RDONLY, MS_REMOUNT, mount

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICKLY = 5.0
CONFIG: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "name": "net",
    "log_level": "debug",
    "runtimeConfig": {ANNOTATIONS: MESH},
}
SOUND = json.dumps(CONFIG).encode()
NOBODY = json.dumps(CONFIG | {"runtimeConfig": {ANNOTATIONS: {}}}).encode()


@pytest.fixture
def caller() -> Iterator[Caller]:
    """Make a machine for each test: they leave it in a bad state."""
    made = Caller()
    yield made
    made.stop()


def captured_and_released(caller: Caller, *wrapper: str) -> None:
    """See that a pod is captured, checked and released, each quickly."""
    pod = caller.new_pod()
    for verb, tables in (("ADD", [OURS]), ("CHECK", [OURS]), ("ADD", [OURS]), ("DEL", [])):
        answered = caller.ask([*wrapper, bundled()], environ_of(verb, pod), SOUND)
        assert (answered.code, answered.stderr) == (0, ""), answered
        assert answered.printed == ({"cniVersion": "1.1.0"} if verb == "ADD" else None)
        assert answered.seconds < QUICKLY
        assert caller.tables(pod) == tables


def _full(folder: str) -> None:
    """Put a file system there that has no room left."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    mount("lab-full", folder, "tmpfs", options="mode=0700,size=4k,nr_inodes=4")
    with Path(folder, "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass


def _read_only() -> None:
    """Make every file system that the plugin might write to one that cannot be written."""
    for place in ("/run", "/var", "/etc"):
        mount("none", place, "none", MS_REMOUNT | MS_RDONLY)
    mount("lab-tmp", "/tmp", "tmpfs", MS_RDONLY)
    mount("/", "/", "none", MS_BIND)
    mount("none", "/", "none", MS_REMOUNT | MS_BIND | MS_RDONLY)


def test_a_full_disk_costs_lines_of_the_log_and_nothing_else(caller: Caller) -> None:
    caller.call(_full, "/var/log/kuma-net")
    captured_and_released(caller)


def test_a_log_that_was_full_and_has_room_again_is_written_again(caller: Caller) -> None:
    caller.call(_full, "/var/log/kuma-net")
    captured_and_released(caller)
    caller.run(["rm", "/var/log/kuma-net/filler"])
    captured_and_released(caller)
    shown = caller.run([bundled(), "logs", "shop/web"])
    assert "captured" in shown.stdout
    assert all(line.startswith("2") for line in shown.stdout.splitlines())


def test_nothing_that_can_be_written_is_needed(caller: Caller) -> None:
    caller.call(_read_only)
    captured_and_released(caller)


@pytest.mark.parametrize(
    "limits", ["--nofile=12", "--fsize=0", "--core=0", "--nproc=1", "--stack=1000000"]
)
def test_little_is_enough(caller: Caller, limits: str) -> None:
    captured_and_released(caller, "/usr/bin/prlimit", limits)


@pytest.mark.parametrize("full", [False, True])
def test_a_record_that_finds_no_room_is_a_note_of_the_log(caller: Caller, *, full: bool) -> None:
    """Looked up at the API server, since the runtime sends no annotations."""
    caller.call(_serve_pod_here)
    if full:
        caller.call(_full, "/var/lib/cni/kuma-net")
    caller.write("/run/kubeconfig", pod_api.KUBECONFIG_TEXT)
    config = CONFIG | {"runtimeConfig": {}, "kubernetes": {"kubeconfig": "/run/kubeconfig"}}
    pod = caller.new_pod()
    answered = caller.ask(bundled(), environ_of("ADD", pod), json.dumps(config).encode())
    assert (answered.code, answered.stderr) == (0, ""), answered
    assert caller.tables(pod) == [OURS]
    (entry,) = map(json.loads, caller.read("/var/log/kuma-net/cni.log").splitlines())
    assert entry["event"] == "captured"
    assert (entry["level"], "no record of the pod" in entry.get("notes", "")) == (
        ("warning", True) if full else ("info", False)
    )


def _serve_pod_here() -> None:
    with IPRoute() as routes:
        routes.link("set", index=1, state="up")
    pod_api.serve_here(pod_api.mesh_pod("shop", "web", MESH))


WITHOUT = {
    "CAP_SYS_ADMIN": ("--bounding-set=-sys_admin",),
    "CAP_NET_ADMIN": ("--bounding-set=-net_admin",),
    "all capabilities": ("--bounding-set=-all",),
    "root": ("--reuid=1000", "--regid=1000", "--clear-groups"),
}


@pytest.mark.parametrize("missing", WITHOUT)
def test_without_rights_status_is_50_and_a_mesh_pod_does_not_start(
    caller: Caller, missing: str
) -> None:
    pod = caller.new_pod()
    wrapper = ["/usr/bin/setpriv", *WITHOUT[missing], "--", bundled()]
    status = caller.ask(wrapper, environ_of("STATUS"), SOUND).error
    assert status["code"] == 50
    assert "CAP_" in status["details"]
    added = caller.ask(wrapper, environ_of("ADD", pod), SOUND).error
    assert added["code"] == 101, added
    assert "CAP_" in added["details"]
    assert caller.tables(pod) == []
    assert caller.ask(wrapper, environ_of("ADD", pod), NOBODY).code == 0
    assert caller.ask(wrapper, environ_of("DEL", pod), SOUND).code == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_add_that_ends_at_any_moment_leaves_all_or_nothing(
    caller: Caller, number: signal.Signals
) -> None:
    pod = caller.new_pod()
    caller.ask(bundled(), environ_of("ADD", pod), SOUND)
    whole = caller.ask(bundled(), environ_of("ADD", pod), SOUND).seconds
    caller.ask(bundled(), environ_of("DEL", pod), SOUND)
    for part in range(8):
        caller.call(_interrupted, environ_of("ADD", pod), whole * part / 7, int(number))
        left = caller.tables(pod)
        checked = caller.ask(bundled(), environ_of("CHECK", pod), SOUND)
        assert (checked.code == 0) == (left == [OURS]), "half a state"
        assert caller.ask(bundled(), environ_of("DEL", pod), SOUND).code == 0
        assert caller.tables(pod) == []
    captured_and_released(caller)


def _interrupted(environ: dict[str, str], seconds: float, number: int) -> None:
    """Begin a call of the plugin and end it after a while."""
    with subprocess.Popen(
        [bundled()], env=environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        process.stdin.write(SOUND)
        process.stdin.close()
        time.sleep(seconds)
        if process.poll() is None:
            os.kill(process.pid, number)
