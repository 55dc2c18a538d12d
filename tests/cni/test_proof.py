"""A pod whose rules nobody changed is not looked at twice; whatever changes them is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_cni.repair.findings import INSTALLED, MENDED, RIGHT, UNCHANGED, Finding
from kuma_cni.repair.proof import Memory, proof_of, still_holds
from kuma_cni.repair.rounds import make_round
from kuma_cni.repair.settings import RepairSettings
from lab.agent import Agent
from lab.cri_server import Told, runtime, telling
from lab.host import Host, run_here
from lab.repairing import MESH
from lab.senders import Probe, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def worker() -> Iterator[Agent]:
    """Make a process that makes rounds; each could leave its thread anywhere."""
    made = Agent("worker", lambda: None)
    yield made
    made.stop()


def round_here(settings: RepairSettings, memory: Memory) -> tuple[Finding, ...]:
    return tuple(make_round(settings, memory))


def test_any_transaction_of_any_table_ends_a_proof_and_packets_do_not(pod: Host) -> None:
    pod.run(("ip", "link", "set", "lo", "up"))
    pod.run(("nft", "add table inet x; add chain inet x y { type filter hook output priority 0; }"))
    pod.run(("nft", "add rule inet x y counter"))
    proof = proof_of(pod.netns)
    assert still_holds(proof)
    pod.call(send, Probe("udp", ("127.0.0.1", 9), patience=0.1))
    assert "packets 0" not in pod.run(("nft", "list", "ruleset")).stdout
    assert still_holds(proof)
    for command in ("insert rule inet x y accept", "flush chain inet x y", "delete table inet x"):
        pod.run(("nft", command))
        assert not still_holds(proof)
        proof = proof_of(pod.netns)


def test_a_proof_of_one_namespace_is_none_of_another_nor_of_one_that_went(pod: Host) -> None:
    other = Host("other")
    proof = proof_of(other.netns)
    assert not still_holds(proof.replace(other.netns, pod.netns))
    other.stop()
    assert not still_holds(proof)
    assert not still_holds("")
    assert not still_holds("1:2:3 /etc/passwd")


def test_a_pod_is_looked_at_until_it_is_right_and_again_when_something_changed(
    pod: Host, worker: Agent, tmp_path: Path
) -> None:
    told = Told("a", "web", MESH, (pod.netns,) * 4)
    with runtime(tmp_path / "s", telling(told)) as path:
        settings = RepairSettings(endpoint=path)
        (first,) = worker.call(round_here, settings, Memory())
        (second,) = worker.call(round_here, settings, Memory())
        proofs = {"a": second.details}
        (third,) = worker.call(round_here, settings, Memory(proofs=proofs))
        pod.call(run_here, ("nft", "flush ruleset"), "", {})
        (fourth,) = worker.call(round_here, settings, Memory(proofs=proofs))
        pod.call(run_here, ("nft", "add table inet kuma_net"), "", {})
        pod.call(run_here, ("nft", "add chain inet kuma_net odd"), "", {})
        (fifth,) = worker.call(round_here, settings, Memory(proofs=proofs))
    outcomes = [one.outcome for one in (first, second, third, fourth, fifth)]
    assert outcomes == [INSTALLED, RIGHT, UNCHANGED, INSTALLED, MENDED]
