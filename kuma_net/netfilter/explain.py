"""A verdict in plain English: what becomes of the packet, and which rules saw to it.

The first line is the answer; behind it stand the rules that the packet matched, in the order it
met them, with the reason and the setting of each::

    TCP from 10.0.0.2:40000 to 10.0.0.5:80, sent by user 1000, goes to port 15001 of this machine.
      nat OUTPUT, rule 4: TCP goes through KUMA_MESH_OUTBOUND: ...
      nat KUMA_MESH_OUTBOUND, rule 7: everything goes through KUMA_MESH_OUTBOUND_REDIRECT: ...
      nat KUMA_MESH_OUTBOUND_REDIRECT, rule 1: TCP goes to port 15001 ...: ... [redirect...]

``describe`` and ``describe_ruleset`` (from ``kuma_net.netfilter.describe``) do the same for rules.
"""

from __future__ import annotations

from kuma_net.netfilter.describe import describe, describe_match, describe_ruleset
from kuma_net.values import Family, address_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import assert_never  # noqa: TC004 - a branch never reached

    from kuma_net.netfilter.packet import Packet
    from kuma_net.netfilter.simulate import Step, Verdict

__all__ = ["describe", "describe_packet", "describe_ruleset", "explain"]


def explain(verdict: Verdict, *, all_steps: bool = False) -> str:
    """Return what becomes of the packet and why; ``all_steps`` tells also what did not match."""
    lines = [f"{describe_packet(verdict.packet)} {_outcome(verdict)}."]
    lines += [f"  {_step(step)}" for step in verdict.steps if step.matched or all_steps]
    if not verdict.matched:
        lines.append("  no rule of ours matched it")
    lines += [
        f"  {table} is not asked: the packet's connection state is {verdict.packet.state}"
        for table in verdict.skipped
    ]
    return "\n".join(lines) + "\n"


def describe_packet(packet: Packet) -> str:
    """Return the packet in words: protocol, from where, to where, who sent it and which way."""
    source = _end(packet.source, packet.source_port, packet.family)
    destination = _end(packet.destination, packet.destination_port, packet.family)
    words = [f"{str(packet.proto).upper()} from {source} to {destination}"]
    if packet.uid is not None or packet.gid is not None:
        owners = (("user", packet.uid), ("group", packet.gid))
        told = [f"{what} {number}" for what, number in owners if number is not None]
        words.append(f"sent by {' and '.join(told)}")
    elif packet.hook == "OUTPUT":
        words.append("sent by the kernel itself")
    if packet.in_interface:
        words.append(f"coming in through {packet.in_interface}")
    if packet.out_interface:
        words.append(f"going out through {packet.out_interface}")
    return ", ".join(words) + ("," if len(words) > 1 else "")


def _end(address: int, port: int, family: Family) -> str:
    told = address_text(address, family)
    return f"[{told}]:{port}" if family == Family.IPV6 else f"{told}:{port}"


def _outcome(verdict: Verdict) -> str:
    match verdict.outcome:
        case "redirected":
            words = f"goes to port {verdict.port} of this machine"
        case "untouched":
            words = "is left alone"
        case "dropped":
            words = "is dropped"
        case "handed over":
            words = f"is handed over to {verdict.chain}, a chain of another owner"
        case _:
            assert_never(verdict.outcome)
    zone = f" and is tracked in zone {verdict.zone}" if verdict.zone else ""
    logged = f", logged as {' and '.join(map(repr, verdict.logged))}" if verdict.logged else ""
    return words + zone + logged


def _step(step: Step) -> str:
    told = f"{step.table} {step.chain}, rule {step.position}: {describe(step.rule)}"
    if step.failed is None:
        return told
    return f"{told} -- does not match: the packet is not {describe_match(step.failed)}"
