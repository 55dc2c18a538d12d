"""The repair as a service: rounds in time, one at a time, and a loop that never waits for them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kuma_cni.repair.loop import THOROUGH
from lab import unix_server
from lab.cri_server import Answers, Told, runtime, telling
from lab.host import Host
from lab.repairing import MESH, Service, settings
from lab.unix_server import Speaking


@pytest.mark.parametrize(
    "handler", [unix_server.hang, unix_server.ping, unix_server.drip, unix_server.close]
)
def test_a_runtime_that_hangs_stops_neither_loop_nor_service(
    tmp_path: Path, handler: unix_server.Handler
) -> None:
    with (
        runtime(tmp_path / "s", handler) as path,
        Service(settings(path, patience=0.5)) as service,
    ):
        turns, began = 0, time.monotonic()
        while service.rounds() < 2:
            service.loop.turn(0.01)
            turns += 1
        took = time.monotonic() - began
        told = service.told()
    assert took < 5.0
    assert turns > 20 or handler is unix_server.close, "the loop waited"
    assert set(told.names()) == {"cannot look for pods"}
    assert (told.counts["rounds_failed"], told.counts["last_round"]) == (2, 0.0)


def test_a_runtime_that_comes_back_is_told(pod: Host, tmp_path: Path) -> None:
    with Service(settings(str(tmp_path / "s"))) as service:
        service.turn_until(lambda: service.counts.rounds_failed > 0)
        with runtime(tmp_path / "s", telling(Told("a", "web", MESH, (pod.netns,)))):
            service.turn_until(lambda: service.counts.rounds_done > 0)
        names = service.told().names()
    assert names[0] == "cannot look for pods"
    assert names[-2:] == ["repaired", "looking for pods again"]


def test_closing_ends_a_round_that_hangs(tmp_path: Path) -> None:
    with (
        runtime(tmp_path / "s", unix_server.hang) as path,
        Service(settings(path)) as service,
    ):
        service.loop.turn(0.01)
        child = service.repair._child
        assert child is not None
        service.repair.close()
        assert not Path(f"/proc/{child.pid}").exists()


def test_a_wish_to_look_now_is_a_round_at_once_or_right_after(tmp_path: Path) -> None:
    with (
        runtime(tmp_path / "s", telling()) as path,
        Service(settings(path, interval=3600.0)) as service,
    ):
        service.turn_until(lambda: service.counts.rounds_done == 1)
        service.repair.look_now()
        service.turn_until(lambda: service.repair._child is not None)
        service.repair.look_now()
        service.repair.look_now()
        service.turn_until(lambda: service.counts.rounds_done == 3)
        service.loop.turn(0.05)
        assert service.repair._child is None


def test_a_pod_found_right_is_not_located_again_before_long(pod: Host, tmp_path: Path) -> None:
    # This runtime tells where the pod is twice: to have it mended, and to find it right.
    told = Told("a", "web", MESH, (pod.netns,) * 2)
    with (
        runtime(tmp_path / "s", telling(told)) as path,
        Service(settings(path)) as service,
    ):
        service.turn_until(lambda: service.counts.rounds_done == 5)
        assert (service.counts.pods, service.counts.installed) == (1, 1)
        service.loop.now = lambda: time.monotonic() + THOROUGH
        service.turn_until(lambda: service.counts.rounds_done == 7)
        assert service.counts.pods == 0


def test_a_runtime_that_goes_in_the_middle_of_a_round_is_no_pods_failure(
    pod: Host, tmp_path: Path
) -> None:
    told = [Told(name, name, MESH, (pod.netns,) * 9) for name in "abc"]
    with (
        runtime(tmp_path / "s", Speaking(Going(*told))) as path,
        Service(settings(path)) as service,
    ):
        service.turn_until(lambda: service.rounds() >= 2)
        seen = service.told()
    assert set(seen.names()) == {"cannot look for pods"}
    assert (seen.counts["failures"], seen.counts["rounds_done"]) == (0, 0)


def test_pods_that_are_gone_are_forgotten(pod: Host, tmp_path: Path) -> None:
    wrong = MESH | {"traffic.kuma.io/exclude-outbound-ports": "eighty"}
    told = [Told("a", "a", wrong, (pod.netns,) * 9), Told("b", "b", MESH, (pod.netns,) * 9)]
    with Service(settings(str(tmp_path / "s"))) as service:
        with runtime(tmp_path / "s", telling(*told)):
            service.turn_until(lambda: bool(service.repair._troubles and service.repair._proofs))
        (tmp_path / "s").unlink()
        with runtime(tmp_path / "s", telling()):
            service.turn_until(lambda: not (service.repair._troubles or service.repair._proofs))


class Going(Answers):
    """A runtime that hangs up when it is asked for one sandbox."""

    def __call__(self, method: str, body: bytes) -> bytes:
        """Answer."""
        if method.endswith("PodSandboxStatus"):
            raise ConnectionResetError
        return super().__call__(method, body)
