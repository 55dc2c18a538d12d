"""A machine of these tests leaves nothing behind, however the tests end."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from e2e.kubernetes.machine import CGROUPS, Machine
from lab.processes import eventually, network_of, networks_in_use
from lab.system import die_with_parent

MEMORY = next((path for path in (CGROUPS / "memory", CGROUPS) if path.is_dir()), CGROUPS)


def occupy(machine: Machine) -> Path:
    """Have a process leave its parent and a control group stay, as containers do."""
    words = "setsid sleep 600 >/dev/null 2>&1 & mkdir -p $0"
    group = Path(f"{MEMORY}{machine.cgroup}/pod")
    machine.run(("sh", "-c", words, str(group)))
    return group


def test_a_machine_that_is_stopped_leaves_nothing() -> None:
    machine = Machine("node1")
    try:
        group = occupy(machine)
        network = machine.call(network_of, working_process(machine))
        assert group.is_dir()
    finally:
        machine.stop()
    assert not group.exists()
    assert not group.parent.exists()
    assert network not in networks_in_use()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_machine_whose_tests_are_killed_leaves_nothing(end: signal.Signals) -> None:
    ours, theirs = Pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        keep_a_machine(parent, theirs)
    theirs.close()
    group, network = ours.recv()
    assert Path(group).is_dir()
    os.kill(pid, end)
    os.waitpid(pid, 0)
    assert eventually(lambda: not Path(group).parent.exists())
    assert network not in networks_in_use()


def keep_a_machine(parent: int, pipe: Connection) -> None:
    """Be the tests: make a machine, tell of it, and wait to be killed."""
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        machine = Machine("node1")
        group = occupy(machine)
        pipe.send((str(group), machine.call(network_of, working_process(machine))))
        signal.pause()
    finally:
        sys.stderr.flush()
        os._exit(1)


def working_process(machine: Machine) -> int:
    """Return the number that the process that answers calls has in its namespace."""
    return machine.call(os.getpid)
