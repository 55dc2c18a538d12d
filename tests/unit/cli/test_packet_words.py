"""The packet that ``explain`` is asked about."""

from __future__ import annotations

import pytest

from kuma_net.cli.packet_words import PACKET, packet_of
from kuma_net.errors import Violation
from kuma_net.netfilter.packet import Packet
from kuma_net.tproxy.flags import parse_flags
from kuma_net.values import Family, L4Proto

PORT_80 = Packet("OUTPUT", Family.IPV4, L4Proto.TCP, 0, 0x0A000005, 0, 80, uid=0, gid=0)


def read(*words: str) -> tuple[Packet | None, list[Violation]]:
    violations: list[Violation] = []
    arguments = parse_flags(words, PACKET)
    assert arguments.violations == ()
    return packet_of(arguments, violations), violations


def test_no_packet_is_asked_about_without_a_destination() -> None:
    assert read() == (None, [])
    packet, violations = read("--uid", "1", "--arriving")
    assert packet is None
    assert [violation.path for violation in violations] == ["--uid", "--arriving"]


@pytest.mark.parametrize(
    ("words", "packet"),
    [
        ("--to 10.0.0.5:80", PORT_80),
        ("--to 10.0.0.5:80 --uid 7 --gid 8", PORT_80.replace(uid=7, gid=8)),
        ("--to 10.0.0.5:80 --proto UDP", PORT_80.replace(proto=L4Proto.UDP)),
        ("--to 10.0.0.5:80 --from 1.0.0.1", PORT_80.replace(source=0x01000001)),
        (
            "--to 10.0.0.5:80 --from 1.0.0.1:9 --interface lo",
            PORT_80.replace(source=0x01000001, source_port=9, out_interface="lo"),
        ),
        (
            "--to 10.0.0.5:80 --arriving --interface eth0",
            PORT_80.replace(hook="PREROUTING", in_interface="eth0", uid=None, gid=None),
        ),
        (
            "--to [fd00::1]:443 --from ::1",
            Packet("OUTPUT", Family.IPV6, L4Proto.TCP, 1, 0xFD << 120 | 1, 0, 443, uid=0, gid=0),
        ),
    ],
)
def test_a_packet_is_read_from_its_flags(words: str, packet: Packet) -> None:
    assert read(*words.split()) == (packet, [])


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("--to 10.0.0.5", "--to"),
        ("--to 10.0.0.5:0", "--to"),
        ("--to 10.0.0.0/8", "--to"),
        ("--to fd00::1", "--to"),
        ("--to [fd00::1", "--to"),
        ("--to 10.0.0.5:80 --from fd00::1", "--from"),
        ("--to 10.0.0.5:80 --from x", "--from"),
        ("--to 10.0.0.5:80 --proto sctp", "--proto"),
        ("--to 10.0.0.5:80 --uid root", "--uid"),
        ("--to 10.0.0.5:80 --gid 4294967295", "--gid"),
    ],
)
def test_what_makes_no_packet_is_a_violation_of_that_flag(words: str, path: str) -> None:
    packet, violations = read(*words.split())
    assert packet is None
    assert [violation.path for violation in violations] == [path]
