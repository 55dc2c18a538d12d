"""rtnetlink: links and addresses as values, both ways (rtnetlink(7), RFC 3549 section 3.1).

Only what capture needs: which interface is the loopback, the addresses of IPv6, and whether an
interface takes part in IPv6 at all (``disable_ipv6``, which a link message has among the
settings of IPv6, so that /proc/sys need not be there).

A message's body is a fixed structure (``ifinfomsg``, ``ifaddrmsg``: include/uapi/linux) in
host byte order, followed by attributes; addresses are in network byte order.  What surprised
us: a dump for AF_INET6 on a kernel without IPv6 is answered by the handler for *all* families,
so IPv4 addresses arrive; whoever asks must look at ``family``.
"""

from __future__ import annotations

from _struct import pack, unpack_from

from kuma_net.netlink.message import attribute, attributes
from kuma_net.record import Record
from kuma_net.values import Family, address_text

NEWLINK, GETLINK = 16, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
"""RTM_* (include/uapi/linux/rtnetlink.h)."""
IFLA_IFNAME = 3
IFLA_AF_SPEC, IFLA_INET6_CONF = 26, 2
"""Settings by family; of IPv6's the array of numbers (include/uapi/linux/if_link.h)."""
DEVCONF_DISABLE_IPV6 = 26
"""Place in that array (include/uapi/linux/ipv6.h)."""
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_RT_PRIORITY = 1, 2, 8, 9
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
IFA_F_NODAD = 0x2
"""Do not look for duplicates: the address is usable at once."""

LINK_SIZE, ADDRESS_SIZE = 16, 8

FAMILIES = {Family.IPV4.number: Family.IPV4, Family.IPV6.number: Family.IPV6}


class Link(Record):
    """An interface: its index, name and flags (IFF_*).

    ``ipv6``: whether IPv6 is there on it and not switched off.
    """

    index: int
    name: str
    flags: int
    ipv6: bool = False

    @property
    def loopback(self) -> bool:
        """Whether it is a loopback interface."""
        return bool(self.flags & IFF_LOOPBACK)

    @property
    def up(self) -> bool:
        """Whether somebody has set it up; it may lack a carrier all the same."""
        return bool(self.flags & IFF_UP)


class LinkAddress(Record):
    """An address on the interface ``index``: an integer, its prefix length, flags (IFA_F_*).

    ``metric`` (IFA_RT_PRIORITY, Linux 4.18) is that of the route to the prefix; 0: the
    kernel's own choice.
    """

    family: Family
    index: int
    address: int
    prefix: int
    metric: int = 0
    flags: int = 0

    def __str__(self) -> str:
        """As ip-address(8) takes it."""
        return f"{address_text(self.address, self.family)}/{self.prefix}"


def link_body(link: Link) -> bytes:
    """Return the body of a message about a link; with an empty name: a question about its index."""
    name = attribute(IFLA_IFNAME, link.name.encode() + b"\0") if link.name else b""
    return pack("=BxHiII", 0, 0, link.index, link.flags, 0) + name


def links_question() -> bytes:
    """Return the body of the question for all links (a dump)."""
    return bytes(LINK_SIZE)


def read_link(body: bytes) -> Link:
    """Return the link a message is about."""
    _, _, index, flags, _ = unpack_from("=BxHiII", body)
    found = attributes(body[LINK_SIZE:])
    name = found.get(IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "surrogateescape")
    return Link(index, name, flags, _has_ipv6(found.get(IFLA_AF_SPEC, b"")))


def _has_ipv6(settings: bytes) -> bool:
    """Whether an interface takes part in IPv6, by its settings of all families."""
    of_ipv6 = attributes(settings).get(Family.IPV6.number, b"")
    numbers = attributes(of_ipv6).get(IFLA_INET6_CONF, b"")
    at = 4 * DEVCONF_DISABLE_IPV6
    return len(numbers) >= at + 4 and unpack_from("=i", numbers, at) == (0,)


def address_body(address: LinkAddress) -> bytes:
    """Return the body of a message that adds or removes an address."""
    raw = address.address.to_bytes(address.family.bits // 8, "big")
    body = pack("=BBBBI", address.family.number, address.prefix, 0, 0, address.index)
    body += attribute(IFA_LOCAL, raw) + attribute(IFA_ADDRESS, raw)
    body += attribute(IFA_FLAGS, pack("=I", address.flags))
    if address.metric:
        body += attribute(IFA_RT_PRIORITY, pack("=I", address.metric))
    return body


def addresses_question(family: Family) -> bytes:
    """Return the body of the question for all addresses of a family (a dump)."""
    return pack("=BBBBI", family.number, 0, 0, 0, 0)


def read_address(body: bytes) -> LinkAddress | None:
    """Return the address a message is about; None for a family we do not know.

    IFA_FLAGS holds 32 bits of which the structure has room for 8; IFA_LOCAL is the interface's
    own address where IFA_ADDRESS is the other end of a line.
    """
    number, prefix, flags, _, index = unpack_from("=BBBBI", body)
    family = FAMILIES.get(number)
    if family is None:
        return None
    found = attributes(body[ADDRESS_SIZE:])
    raw = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, b"")
    metric = found.get(IFA_RT_PRIORITY, bytes(4))
    wide = found.get(IFA_FLAGS, pack("=I", flags))
    return LinkAddress(
        family,
        index,
        int.from_bytes(raw, "big"),
        prefix,
        unpack_from("=I", metric)[0],
        unpack_from("=I", wide)[0],
    )
