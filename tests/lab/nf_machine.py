"""A small machine that runs nf_tables expressions on packets, as the kernel would.

It knows nothing of rulesets: registers, sets, verdicts (net/netfilter/nf_tables_core.c and its
neighbours).  What ``lower`` makes of a ruleset must do to a packet what ``simulate`` says.
"""

from __future__ import annotations

from struct import pack
from sys import byteorder
from typing import TYPE_CHECKING

from kuma_net.netfilter.nf_tables import (
    Bitwise,
    Cmp,
    Counter,
    CtState,
    CtZone,
    Hton,
    Immediate,
    Log,
    Lookup,
    Meta,
    Payload,
    Range,
    Redir,
    Verdict,
    VerdictMap,
)
from kuma_net.netfilter.questions import CT_STATES

if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Chain, Expression, Table, Tables
    from kuma_net.netfilter.packet import Packet

FAMILIES = {"ip": {2}, "ip6": {10}, "inet": {2, 10}}
HOOKS = {"PREROUTING": "prerouting", "OUTPUT": "output"}


class Break(Exception):
    """The rule does not go on: NFT_BREAK."""


class Machine:
    """One packet on its way through tables; what became of it is in the attributes."""

    def __init__(self, tables: Tables, packet: Packet) -> None:
        """Send the packet through the tables."""
        self.packet = packet
        self.outcome = "untouched"
        self.port = 0
        self.zone = 0
        self.logged: list[str] = []
        self.looked_at = 0
        chains = [
            (chain.hook.priority, number, table, chain)
            for table in tables
            for number, chain in enumerate(table.chains)
            if chain.hook
            and chain.hook.hook == HOOKS[packet.hook]
            and packet.family.number in FAMILIES[table.family]
        ]
        for _, _, table, chain in sorted(chains, key=lambda each: each[:2]):
            new = packet.state in {"NEW", "RELATED"}
            hook = chain.hook
            if self.outcome == "untouched" and (new or (hook and hook.type != "nat")):
                self.table = table
                self._run(chain)

    def _run(self, chain: Chain) -> str:
        """Run a chain: "ends" when the table is done with the packet, else "returns"."""
        for rule in chain.rules:
            verdict = self._rule(rule.expressions)
            if verdict is None:
                continue
            if verdict.code == "return":
                return "returns"
            if verdict.code in {"jump", "goto"}:
                ended = self._run(self._chain(verdict.chain))
                if ended == "ends" or verdict.code == "goto":
                    return ended
                continue
            if verdict.code == "drop":
                self.outcome = "dropped"
            return "ends"
        return "returns"

    def _chain(self, name: str) -> Chain:
        return next(chain for chain in self.table.chains if chain.name == name)

    def _rule(self, expressions: tuple[Expression, ...]) -> Verdict | None:
        self.looked_at += 1
        registers = bytearray(64)
        try:
            for expression in expressions:
                verdict = self._expression(expression, registers)
                if verdict is not None:
                    return verdict
        except Break:
            pass
        return None

    def _expression(self, it: Expression, registers: bytearray) -> Verdict | None:
        match it:
            case Meta() | Payload() | CtState() | Immediate():
                value = self._load(it)
                start = 4 * it.register
                padded = value + bytes(-len(value) & 3)
                registers[start : start + len(padded)] = padded
            case Bitwise(mask, register):
                start = 4 * register
                for place, byte in enumerate(mask):
                    registers[start + place] &= byte
            case Hton(register):
                start = 4 * register
                number = int.from_bytes(registers[start : start + 4], byteorder)
                registers[start : start + 4] = number.to_bytes(4, "big")
            case Cmp() | Range() | Lookup():
                if not self._holds(it, registers):
                    raise Break
            case VerdictMap(name, register):
                found = next(each for each in self.table.maps if each.name == name)
                key = bytes(registers[4 * register : 4 * register + found.key.length])
                return dict(found.elements).get(key)
            case Verdict():
                return it
            case _:
                return self._act(it, registers)
        return None

    def _load(self, it: Meta | Payload | CtState | Immediate) -> bytes:
        packet = self.packet
        if isinstance(it, Immediate):
            return it.data
        if isinstance(it, CtState):
            return pack("=I", CT_STATES[packet.state])
        if isinstance(it, Payload):
            return self._payload(it)
        if it.key in {"skuid", "skgid"}:
            owner = packet.uid if it.key == "skuid" else packet.gid
            if owner is None:
                raise Break
            return pack("=I", owner)
        known = {
            "nfproto": bytes([packet.family.number]),
            "l4proto": bytes([packet.proto.number]),
            "iifname": packet.in_interface.encode().ljust(16, b"\0"),
            "oifname": packet.out_interface.encode().ljust(16, b"\0"),
        }
        return known[it.key]

    def _payload(self, it: Payload) -> bytes:
        packet = self.packet
        if it.base == "transport":
            assert it.length == 2
            return pack(">H", packet.destination_port if it.offset else packet.source_port)
        assert it.length * 8 == packet.family.bits
        address = packet.source if it.offset in {8, 12} else packet.destination
        return address.to_bytes(it.length, "big")

    def _holds(self, it: Cmp | Range | Lookup, registers: bytearray) -> bool:
        start = 4 * it.register
        match it:
            case Cmp(op, data):
                value = bytes(registers[start : start + len(data)])
                answers = {
                    "==": value == data,
                    "!=": value != data,
                    "<=": value <= data,
                    ">=": value >= data,
                }
                return answers[op]
            case Range(op, first, last):
                inside = first <= bytes(registers[start : start + len(first)]) <= last
                return inside == (op == "==")
            case Lookup(name, inverted):
                return self._contains(name, bytes(registers[start:])) != inverted

    def _contains(self, name: str, value: bytes) -> bool:
        found = next(each for each in self.table.sets if each.name == name)
        for first, last in found.elements:
            start = 0
            inside = []
            for field in found.key:
                end = start + field.length
                inside.append(first[start:end] <= value[start:end] <= last[start:end])
                start = end + (-end & 3)
            if all(inside):
                return True
        return False

    def _act(self, it: Expression, registers: bytearray) -> Verdict | None:
        match it:
            case Redir(register):
                self.outcome = "redirected"
                self.port = int.from_bytes(registers[4 * register : 4 * register + 2], "big")
                return Verdict("accept")
            case CtZone(register):
                zone = int.from_bytes(registers[4 * register : 4 * register + 2], byteorder)
                self.zone = self.zone or zone
            case Log(prefix):
                self.logged.append(prefix)
            case Counter():
                pass
            case _:
                raise AssertionError(it)
        return None


def looked_at(tables: Table | Tables, packet: Packet) -> int:
    """Return how many rules a packet meets."""
    return Machine(tables if isinstance(tables, tuple) else (tables,), packet).looked_at
