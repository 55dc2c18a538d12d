"""The small values everything else is made of; each knows its text form both ways.

``Family``, ``L4Proto``, ``IntervalSet`` (``PortSet`` and ``IdSet``), ``IdRange``, ``Network``,
``InterfacePattern``.  Parsing happens once, at the edge, and gives a value that cannot be
wrong; bad text raises ``Malformed`` with the offending piece and what would be right.

Interval sets are canonical: sorted, disjoint, adjacent intervals joined.  Two sets with the
same members are therefore equal and print the same text.  They are kept as plain tuples of
integers because a pod may bring ten thousand of them and start-up counts.

Addresses are parsed here, not with ``ipaddress`` (4 ms of import for a process that lives
20 ms); a property test holds the two equal.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import ClassVar, Self

HIGHEST_PORT = 65535
HIGHEST_ID = 4294967294
"""(uid_t)-1 means "no id" to the kernel (include/linux/uidgid.h), so it names no user."""

IPV4_BITS = 32
IPV6_BITS = 128
LONGEST_INTERFACE = 15
"""IFNAMSIZ is 16 with the closing zero byte (include/uapi/linux/if.h)."""


class Malformed(ValueError):
    """A piece of text is not what it should be; ``right`` says what would be."""

    def __init__(self, piece: str, wrong: str, right: str = "") -> None:
        """Keep the offending piece, what is wrong with it and what would be right."""
        self.piece = piece
        self.wrong = wrong
        self.right = right
        super().__init__(f"{piece!r}: {wrong}" + (f"; {right}" if right else ""))


class Family(Record):
    """An address family: ``Family.IPV4`` or ``Family.IPV6``.

    ``number`` is NFPROTO_IPV4 (2) or NFPROTO_IPV6 (10) of include/uapi/linux/netfilter.h,
    the same values as AF_INET and AF_INET6.
    """

    name: str
    number: int
    bits: int

    IPV4: ClassVar[Family]
    IPV6: ClassVar[Family]

    def __str__(self) -> str:
        """``IPv4`` or ``IPv6``."""
        return self.name


Family.IPV4 = Family("IPv4", 2, IPV4_BITS)
Family.IPV6 = Family("IPv6", 10, IPV6_BITS)
BOTH_FAMILIES = (Family.IPV4, Family.IPV6)


class L4Proto(Record):
    """A transport protocol by its iptables name and IANA number: ``TCP`` (6) or ``UDP`` (17)."""

    name: str
    number: int

    TCP: ClassVar[L4Proto]
    UDP: ClassVar[L4Proto]

    def __str__(self) -> str:
        """``tcp`` or ``udp``."""
        return self.name


L4Proto.TCP = L4Proto("tcp", 6)
L4Proto.UDP = L4Proto("udp", 17)
L4_PROTOS = (L4Proto.TCP, L4Proto.UDP)


def parse_number(text: str, lowest: int, highest: int, what: str) -> int:
    """Return the decimal number ``text``; ``Malformed`` unless within the bounds."""
    right = f"a {what} is a whole number from {lowest} to {highest}"
    piece = text.strip()
    if not (piece.isascii() and piece.isdigit()):
        raise Malformed(text, f"not a {what}", right)
    if len(piece) > 10 or not lowest <= int(piece) <= highest:  # noqa: PLR2004 - 2**32 has 10 digits
        raise Malformed(text, f"no such {what}", right)
    return int(piece)


def parse_interval(text: str, lowest: int, highest: int, what: str) -> tuple[int, int]:
    """Return ``(first, last)`` of ``a`` or ``a-b``; ``Malformed`` if backwards or out of bounds."""
    first_text, dash, last_text = text.partition("-")
    first = parse_number(first_text, lowest, highest, what)
    last = parse_number(last_text, lowest, highest, what) if dash else first
    if first > last:
        raise Malformed(text, "the range runs backwards", f"write {last}-{first}")
    return first, last


def interval_text(interval: tuple[int, int], separator: str = "-") -> str:
    """Return ``a`` or ``a-b``."""
    first, last = interval
    return str(first) if first == last else f"{first}{separator}{last}"


def join_intervals(intervals: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the canonical form: sorted, overlapping and adjacent intervals joined."""
    listed = sorted(intervals)
    if len(listed) == 1:
        return (listed[0],)
    joined: list[tuple[int, int]] = []
    for first, last in listed:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


class IntervalSet(Record):
    """A canonical set of whole numbers kept as ``((first, last), ...)``; subclasses set bounds."""

    intervals: tuple[tuple[int, int], ...] = ()

    LOWEST: ClassVar[int] = 0
    HIGHEST: ClassVar[int] = HIGHEST_ID
    WHAT: ClassVar[str] = "number"

    @classmethod
    def of(cls, *members: int | tuple[int, int]) -> Self:
        """Return the set of the given numbers and ``(first, last)`` intervals."""
        return cls(
            join_intervals(
                (member, member) if isinstance(member, int) else member for member in members
            )
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``80, 443,8000-8999``; empty items are dropped, a bad one is ``Malformed``."""
        items = [item for item in text.split(",") if item.strip()]
        return cls(
            join_intervals(
                parse_interval(item, cls.LOWEST, cls.HIGHEST, cls.WHAT) for item in items
            )
        )

    def union(self, other: Self) -> Self:
        """Return the members of either set."""
        return type(self)(join_intervals(self.intervals + other.intervals))

    def __contains__(self, number: int) -> bool:
        """Whether ``number`` is a member."""
        return any(first <= number <= last for first, last in self.intervals)

    def __bool__(self) -> bool:
        """Whether there is any member."""
        return bool(self.intervals)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Iterate over the intervals in order."""
        return iter(self.intervals)

    def __str__(self) -> str:
        """``80,443,8000-8999``: ``parse`` of it gives an equal set."""
        return ",".join(interval_text(interval) for interval in self.intervals)


class PortSet(IntervalSet):
    """A set of TCP or UDP ports (0 to 65535; options that redirect to a port want 1 or more)."""

    HIGHEST = HIGHEST_PORT
    WHAT = "port"

    ALL: ClassVar[PortSet]


PortSet.ALL = PortSet(((0, HIGHEST_PORT),))


class IdSet(IntervalSet):
    """A set of numeric user or group ids (0 to 4294967294)."""

    WHAT = "user or group id"


class Network(Record):
    """An IPv4 or IPv6 network: ``address`` as an integer with the host bits cleared."""

    family: Family
    address: int
    prefix: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address or CIDR; host bits are masked; ``Malformed`` says what is wrong."""
        piece = text.strip()
        address_text, slash, prefix_text = piece.partition("/")
        family = Family.IPV6 if ":" in address_text else Family.IPV4
        address = parse_address(address_text, family, piece)
        prefix = family.bits
        if slash:
            if prefix_text != prefix_text.strip():
                raise Malformed(piece, "a blank inside", f"write {RIGHT_ADDRESS}")
            prefix = parse_number(prefix_text, 0, family.bits, f"prefix length of {family}")
        mask = (1 << family.bits) - (1 << (family.bits - prefix))
        return cls(family, address & mask, prefix)

    def contains(self, address: int) -> bool:
        """Whether an address (as an integer, of the same family) lies in the network."""
        shift = self.family.bits - self.prefix
        return address >> shift == self.address >> shift

    def __str__(self) -> str:
        """CIDR text, always with the prefix, as iptables-save prints it."""
        return f"{address_text(self.address, self.family)}/{self.prefix}"

    def sort_key(self) -> tuple[int, int, int]:
        """Order IPv4 before IPv6, then by address, then the wider network first."""
        return self.family.number, self.address, self.prefix


def outermost(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Return the networks sorted, each once, without those that lie inside another."""
    kept: list[Network] = []
    for network in sorted(networks, key=Network.sort_key):
        last = kept[-1] if kept else None
        if last and last.family == network.family and last.contains(network.address):
            continue
        kept.append(network)
    return tuple(kept)


RIGHT_ADDRESS = "an address such as 10.1.2.3 or fd00::1, or a network such as 10.0.0.0/8"


def parse_address(text: str, family: Family, piece: str = "") -> int:
    """Return an address as an integer; ``Malformed`` for anything else (RFC 4291 section 2.2)."""
    value = _ipv6_value(text) if family == Family.IPV6 else _ipv4_value(text)
    if value is None:
        raise Malformed(piece or text, "not an IP address or network", f"write {RIGHT_ADDRESS}")
    return value


def _ipv4_value(text: str) -> int | None:
    """Four decimal octets without leading zeros (they would be octal to inet_aton)."""
    octets = text.split(".")
    if len(octets) != 4:  # noqa: PLR2004 - dotted quad
        return None
    value = 0
    for octet in octets:
        if not (octet.isascii() and octet.isdigit() and len(octet) <= 3):  # noqa: PLR2004 - 255
            return None
        if (octet[0] == "0" and octet != "0") or int(octet) > 255:  # noqa: PLR2004 - one byte
            return None
        value = value << 8 | int(octet)
    return value


def _ipv6_value(text: str) -> int | None:
    """Eight groups, one ``::`` for a run of zeros, the last two perhaps as a dotted quad."""
    head_text, gap, tail_text = text.partition("::")
    if gap and "::" in tail_text:
        return None
    head = _ipv6_groups(head_text, last=not gap)
    tail = _ipv6_groups(tail_text, last=True)
    if head is None or tail is None:
        return None
    zeros = 8 - len(head) - len(tail)
    if zeros < 1 if gap else zeros != 0:
        return None
    value = 0
    for group in (*head, *([0] * zeros), *tail):
        value = value << 16 | group
    return value


def _ipv6_groups(text: str, *, last: bool) -> list[int] | None:
    groups: list[int] = []
    if not text:
        return groups
    pieces = text.split(":")
    if last and "." in pieces[-1]:
        quad = _ipv4_value(pieces.pop())
        if quad is None:
            return None
        groups = [quad >> 16, quad & 0xFFFF]
    front: list[int] = []
    for piece in pieces:
        if not 1 <= len(piece) <= 4 or piece.strip("0123456789abcdefABCDEF"):  # noqa: PLR2004 - 16 bits
            return None
        front.append(int(piece, 16))
    return front + groups


def address_text(address: int, family: Family) -> str:
    """Return an address as text; IPv6 in the canonical form of RFC 5952 section 4."""
    if family == Family.IPV4:
        return ".".join(str(address >> shift & 0xFF) for shift in (24, 16, 8, 0))
    if address >> IPV4_BITS == 0xFFFF:  # noqa: PLR2004 - ::ffff:0:0/96, RFC 5952 section 5
        return f"::ffff:{address_text(address & 0xFFFFFFFF, Family.IPV4)}"
    groups = [address >> shift & 0xFFFF for shift in range(112, -16, -16)]
    start, length = _longest_zeros(groups)
    if length < 2:  # noqa: PLR2004 - RFC 5952 4.2.2: never for one group alone
        return ":".join(f"{group:x}" for group in groups)
    head = ":".join(f"{group:x}" for group in groups[:start])
    tail = ":".join(f"{group:x}" for group in groups[start + length :])
    return f"{head}::{tail}"


def _longest_zeros(groups: list[int]) -> tuple[int, int]:
    best = (0, 0)
    start = 0
    for index, group in enumerate([*groups, 1]):
        if group:
            if index - start > best[1]:
                best = (start, index - start)
            start = index + 1
    return best


_NO_NAME = '/:"\\*'
"""``/`` and ``:`` the kernel refuses; quotes, backslash and ``*`` mean something in nft(8)."""


class InterfacePattern(Record):
    """An interface name, or a prefix of names: ``br+`` in iptables(8) means every ``br...``."""

    prefix: str
    wildcard: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``eth0`` or ``br+``; ``Malformed`` for what dev_valid_name refuses."""
        name = text.strip()
        wildcard = name.endswith("+")
        prefix = name[:-1] if wildcard else name
        bad = any(letter in _NO_NAME or not letter.isprintable() for letter in name)
        if not name or bad or " " in name or name in {".", ".."} or "+" in prefix:
            raise Malformed(text, "not an interface name", "write eth0, or br+ for every br...")
        if len(name.encode()) > LONGEST_INTERFACE:
            raise Malformed(text, "too long", f"names have at most {LONGEST_INTERFACE} bytes")
        return cls(prefix, wildcard)

    def matches(self, interface: str) -> bool:
        """Whether the pattern covers ``interface``."""
        return interface.startswith(self.prefix) if self.wildcard else interface == self.prefix

    def __str__(self) -> str:
        """``eth0`` or ``br+``."""
        return self.prefix + ("+" if self.wildcard else "")
