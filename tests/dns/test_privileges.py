"""What is left of root's privileges: nothing, and nothing can be had back."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_dns.server.privileges import Identity, drop, identity, owning, raise_descriptors
from kuma_net.errors import ConfigError
from kuma_net.host.capabilities import STATUS, effective
from lab.agent import Agent, CallError
from lab.host import call_as
from lab.system import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

SYS_RESOURCE = 24
"""CAP_SYS_RESOURCE (include/uapi/linux/capability.h): root may lack it in a container."""
SIDECAR = Identity(5678, 5679, "user 5678")


@pytest.fixture
def agent() -> Iterator[Agent]:
    """Yield a process that may lose what it has."""
    made = Agent("privileges", nothing)
    yield made
    made.kill()


def nothing() -> None:
    """Prepare nothing."""


def dropped_here(wanted: Identity | None) -> dict[str, str]:
    """Drop the privileges of this process; return its state."""
    parent = os.getppid()
    drop(wanted)
    die_with_parent(parent)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    pairs = [line.partition(":") for line in status.splitlines()]
    return {name: " ".join(text.split()) for name, _, text in pairs}


def open_raw_here() -> None:
    """Do what takes CAP_NET_RAW."""
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()


def test_root_becomes_the_sidecar_for_good(agent: Agent) -> None:
    agent.call(os.setgroups, [4, 27])
    state = agent.call(dropped_here, SIDECAR)
    assert state["Uid"] == "5678 5678 5678 5678"
    assert state["Gid"] == "5679 5679 5679 5679"
    assert state["Groups"] == ""
    assert {state[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert state["NoNewPrivs"] == "1"
    with pytest.raises(CallError, match="PermissionError"):
        agent.call(open_raw_here)
    for regain in (os.setuid, os.seteuid, os.setgid):
        with pytest.raises(CallError, match="PermissionError"):
            agent.call(regain, 0)


def test_root_that_stays_root_has_no_capabilities_left(agent: Agent) -> None:
    state = agent.call(dropped_here, Identity(0, 0, "root"))
    assert state["Uid"] == "0 0 0 0"
    assert state["CapEff"] == "0" * 16
    with pytest.raises(CallError, match="PermissionError"):
        agent.call(open_raw_here)


def test_whoever_is_not_root_stays_who_she_is() -> None:
    state = call_as(1000, dropped_here, None)
    assert state["Uid"] == "1000 1000 1000 1000"
    assert state["NoNewPrivs"] == "1"
    assert call_as(1000, identity, "") is None


def test_only_root_may_become_another_user() -> None:
    with pytest.raises(CallError, match="cannot become user 5678: only root may become another"):
        call_as(1000, dropped_here, SIDECAR)
    state = call_as(1000, dropped_here, Identity(1000, 1000, "user 1000"))
    assert state["Uid"] == "1000 1000 1000 1000"


def test_sockets_belong_to_the_user_we_become(agent: Agent) -> None:
    assert agent.call(owners_here, SIDECAR) == (5678, 0)
    assert agent.call(owners_here, None) == (0, 0)


def owners_here(wanted: Identity | None) -> tuple[int, int]:
    """Return to whom sockets belong, made within and after."""
    with owning(wanted), socket.socket() as inner:
        first = os.fstat(inner.fileno()).st_uid
    with socket.socket() as outer:
        return first, os.fstat(outer.fileno()).st_uid


def test_a_user_that_the_namespace_does_not_map_is_told() -> None:
    program = (
        "from kuma_dns.server.privileges import Identity, drop\n"
        "try:\n    drop(Identity(5678, 5678, 'user 5678'))\n"
        "except Exception as problem:\n    print(problem)\n"
    )
    words = ["unshare", "--user", "--map-root-user", sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "cannot become user 5678: this user namespace has no such user\n"


def test_the_default_user_is_the_sidecar(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0::/:/bin/sh\n")
    assert identity("", passwd=str(passwd)) == Identity(5678, 5678, "user 5678")
    passwd.write_text("broken\nother:x:5678:77::/:/bin/sh\n")
    assert identity("", passwd=str(passwd)) == Identity(5678, 77, "user 5678")
    passwd.write_text("kuma-dp:x:901:902::/:/bin/sh\n")
    assert identity("kuma-dp", passwd=str(passwd)) == Identity(901, 902, "user 901")
    assert identity("4711", passwd=str(tmp_path / "none")) == Identity(4711, 4711, "user 4711")


def test_a_user_who_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--user: 'no-such-user': there is no such user"):
        identity("no-such-user", passwd=str(tmp_path / "none"))


def test_descriptors_are_raised_as_far_as_they_may(agent: Agent) -> None:
    agent.call(resource.setrlimit, resource.RLIMIT_NOFILE, (100, 200))
    assert agent.call(raise_descriptors, 50) == 100
    assert agent.call(raise_descriptors, 150) == 150
    assert agent.call(resource.getrlimit, resource.RLIMIT_NOFILE) == (150, 200)
    most = 300 if effective(Path(STATUS).read_text()) >> SYS_RESOURCE & 1 else 200
    assert agent.call(raise_descriptors, 300) == most
    assert agent.call(resource.getrlimit, resource.RLIMIT_NOFILE) == (most, most)
    assert call_as(1000, limited_here, 100, 200, 400) == (200, (200, 200))


def limited_here(soft: int, hard: int, wanted: int) -> tuple[int, tuple[int, int]]:
    """Set a limit, ask for more; return what was given and what holds."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return raise_descriptors(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)
