"""The lab itself: it ends with its process, keeps off the machine, and says what went astray."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.agent import Agent, CallError
from lab.host import WORKLOAD, Host
from lab.installing import config_of, install_here
from lab.processes import descendants, eventually, network_of, networks_in_use, running
from lab.rows import check_rows, parse_rows
from lab.senders import Probe, send
from lab.topology import Lab

if TYPE_CHECKING:
    from kuma_net.tproxy.config import Config

_kept: list[Lab] = []


def build_here() -> list[int]:
    """Build a lab that nobody takes down, and use it; return its hosts' processes."""
    _kept.append(Lab())
    # A process that was another user for a moment has forgotten that it wished to die with us.
    for host in _kept[0].hosts.values():
        host.call(send, Probe("udp", ("127.0.0.1", 9), uid=WORKLOAD, gid=WORKLOAD))
    return [host.pid for host in _kept[0].hosts.values()]


def do_nothing() -> None:
    """Need no preparation."""


def test_a_killed_process_takes_its_lab_with_it() -> None:
    builder = Agent("builder", do_nothing)
    hosts = builder.call(build_here)
    networks = {network_of(pid) for pid in hosts}
    below = descendants(builder.pid)
    assert len(networks) == 3
    assert set(hosts) <= set(below)
    os.kill(builder.pid, signal.SIGKILL)
    assert eventually(lambda: not running(below))
    assert not networks & networks_in_use()
    builder.stop()


def test_a_host_has_its_own_files_and_cannot_write_the_machines() -> None:
    before = Path("/etc/passwd").read_text(encoding="utf-8")
    host = Host("host")
    try:
        host.write("/etc/passwd", "nobody here\n")
        assert host.read("/etc/passwd") == "nobody here\n"
        with pytest.raises(CallError, match="Read-only file system"):
            host.write("/run/lab/etc/passwd", "nobody anywhere\n")
    finally:
        host.stop()
    assert Path("/etc/passwd").read_text(encoding="utf-8") == before


def test_a_row_that_goes_astray_is_told_with_the_rules_it_met(lab: Lab) -> None:
    config: Config = config_of({"redirect.outbound.port": 25001})
    lab.app.call(install_here, config)
    check_rows(lab, parse_rows("workload tcp world:80 -> 25001"))
    with pytest.raises(AssertionError) as astray:
        check_rows(lab, parse_rows("workload tcp world:80 -> outbound"))
    told = str(astray.value)
    assert "2 of 2 went astray" in told
    assert "workload     tcp world:80         -> outbound ipv6, but: at app port 25001" in told
    assert "sent to 192.0.2.9 80" in told
    assert "redirect to :25001" in told


@pytest.mark.parametrize(
    "line",
    [
        "workload sctp world:80 -> direct",
        "workload tcp world -> direct",
        "workload tcp world:80 direct",
        "workload tcp world:80 -> somewhere",
    ],
)
def test_what_is_no_row_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=line.partition(" ")[0]):
        parse_rows(line)


def test_an_error_in_a_host_comes_back_with_its_trace() -> None:
    host = Host("host")
    try:
        with pytest.raises(CallError) as raised:
            host.read("/not/there")
        assert raised.value.kind == "FileNotFoundError"
        assert "read_here" in raised.value.trace
        assert host.run(["true"]).status == 0, "it goes on serving"
    finally:
        host.stop()
