"""The packet that ``kuma-net explain`` is asked about, from its flags."""

from __future__ import annotations

from kuma_net.errors import ConfigError, Violation
from kuma_net.netfilter.packet import Packet
from kuma_net.record import Record
from kuma_net.tproxy.flags import COMMAND_LINE, Flag
from kuma_net.values import (
    HIGHEST_ID,
    HIGHEST_PORT,
    L4_PROTOS,
    Family,
    L4Proto,
    Malformed,
    Network,
    parse_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.tproxy.flags import Arguments

TO = Flag("--to", "Where a packet goes: ADDRESS:PORT; IPv6 as [ADDRESS]:PORT.", "ADDRESS:PORT")
FROM = Flag("--from", "Where it comes from; the port may be left out.", "ADDRESS:PORT")
PROTO = Flag("--proto", "tcp (unless told) or udp.", "PROTO")
UID = Flag("--uid", "The user whose socket sends it (0 unless told).", "UID")
GID = Flag("--gid", "The group of that socket (0 unless told).", "GID")
ARRIVING = Flag("--arriving", "The packet arrives here; otherwise it is sent from here.")
INTERFACE = Flag("--interface", "The interface it leaves or comes in through.", "NAME")
PACKET = (TO, FROM, PROTO, UID, GID, ARRIVING, INTERFACE)


class End(Record):
    """An address, as an integer, and a port."""

    family: Family
    address: int
    port: int


def packet_of(arguments: Arguments, violations: list[Violation]) -> Packet | None:
    """Return the packet, or None when none is asked about; mistakes go to ``violations``."""
    given = [flag.name for flag in PACKET if arguments.every(flag.name)]
    if TO.name not in given:
        violations += [
            Violation(name, "", COMMAND_LINE, "means nothing without --to") for name in given
        ]
        return None
    try:
        return _packet(arguments)
    except ConfigError as error:
        violations += error.violations
        return None


def _packet(arguments: Arguments) -> Packet:
    to = _end(TO, arguments.last(TO.name))
    if not to.port:
        raise _wrong(TO, arguments.last(TO.name), "the port is missing", "write 10.0.0.5:80")
    zero = "::" if to.family == Family.IPV6 else "0.0.0.0"  # noqa: S104 - "from anywhere"
    source = _end(FROM, arguments.last(FROM.name, zero))
    if source.family != to.family:
        wrong = f"not of the family of {TO.name}"
        raise _wrong(FROM, arguments.last(FROM.name), wrong, f"write an {to.family} address")
    name = arguments.last(PROTO.name, "tcp").lower()
    proto = next((known for known in L4_PROTOS if known.name == name), None)
    if proto is None:
        raise _wrong(PROTO, name, "no such protocol", "write tcp or udp")
    return _directed(arguments, proto, source, to)


def _directed(arguments: Arguments, proto: L4Proto, source: End, to: End) -> Packet:
    interface = arguments.last(INTERFACE.name)
    arriving = arguments.switched(ARRIVING.name)
    return Packet(
        hook="PREROUTING" if arriving else "OUTPUT",
        family=to.family,
        proto=proto,
        source=source.address,
        destination=to.address,
        source_port=source.port,
        destination_port=to.port,
        in_interface=interface if arriving else "",
        out_interface="" if arriving else interface,
        uid=None if arriving else _id(arguments, UID),
        gid=None if arriving else _id(arguments, GID),
    )


def _id(arguments: Arguments, flag: Flag) -> int:
    text = arguments.last(flag.name, "0")
    try:
        return parse_number(text, 0, HIGHEST_ID, "user or group id")
    except Malformed as error:
        raise _wrong(flag, text, error.wrong, error.right) from error


def _end(flag: Flag, text: str) -> End:
    """Read ``10.0.0.5:80``, ``[fd00::1]:80``, and either without a port (0)."""
    address, port = text, ""
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        network = Network.parse(address)
        number = parse_number(port, 1, HIGHEST_PORT, "port") if port else 0
    except Malformed as error:
        raise _wrong(flag, text, error.wrong, error.right) from error
    if network.prefix != network.family.bits:
        raise _wrong(flag, text, "a network, not an address", "write one address")
    return End(network.family, network.address, number)


def _wrong(flag: Flag, text: str, wrong: str, right: str) -> ConfigError:
    return ConfigError([Violation(flag.name, text, COMMAND_LINE, wrong, right)])
