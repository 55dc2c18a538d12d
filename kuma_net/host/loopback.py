"""The loopback interface, its name and the address ``::6`` on it.

Envoy sends what it passed through inbound from a source address of its own, so that the rules
know it again: 127.0.0.6, which every Linux has (127.0.0.0/8 is local), and ``::6``, which
somebody must add.  Without it Envoy's connection fails or, worse, loops into itself.

**Who added it** must be known at uninstall, without a file.  An address may carry the metric of
its route (IFA_RT_PRIORITY, Linux 4.18, ``ip address`` prints it): ours is ``MARK``.  For an
address of /128 on ``lo`` it changes nothing else.  An address without the mark was there
before us, or is kumactl's, and stays.  (IFA_PROTO, the field made for such marks, came with Linux
5.18 only and is not shown by the iproute2 of that time.)

The loopback interface is the one with index 1 in every network namespace (LOOPBACK_IFINDEX,
include/net/net_namespace.h), whatever its name.

Every function takes another ``kernel`` than the real one, for tests.
"""

from __future__ import annotations

import errno

from kuma_net.errors import NetlinkError
from kuma_net.host.netlink_socket import ROUTE, NetlinkSocket
from kuma_net.netlink import route
from kuma_net.netlink.message import CREATE, DUMP, EXCLUSIVE, Request
from kuma_net.netlink.route import LinkAddress
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netlink.message import Kernel, Message

INDEX = 1
MARK = 5678
"""The metric that says that the address is ours."""
LOCALHOST, PASSTHROUGH = 1, 6
"""::1 and ::6."""
PLACE = "::6/128 on the loopback interface"
CHANGE = "changing the addresses of the loopback interface"
OURS = LinkAddress(Family.IPV6, INDEX, PASSTHROUGH, 128, MARK, route.IFA_F_NODAD)


def name(kernel: Kernel | None = None) -> str:
    """Return the name of this network namespace's loopback interface; raises NetlinkError."""
    question = route.link_body(route.Link(INDEX, "", 0))
    what = "the question for the loopback interface"
    answers = _asked(Request(route.GETLINK, 0, question, what), kernel)
    return route.read_link(answers[0].payload).name


def ipv6_addresses(kernel: Kernel | None = None) -> tuple[LinkAddress, ...]:
    """Return every IPv6 address of every interface; none where the kernel has no IPv6."""
    question = route.addresses_question(Family.IPV6)
    request = Request(route.GETADDR, DUMP, question, "the question for IPv6 addresses")
    answers = _asked(request, kernel)
    read = [route.read_address(said.payload) for said in answers if said.type == route.NEWADDR]
    return tuple(found for found in read if found and found.family == Family.IPV6)


def has_ipv6_address(kernel: Kernel | None = None) -> bool:
    """Whether any interface has an IPv6 address besides ``::1`` and the ``::6`` of install.

    Link-local addresses count.  Raises NetlinkError.
    """
    return any(found.address not in {LOCALHOST, PASSTHROUGH} for found in ipv6_addresses(kernel))


def has_passthrough_address(kernel: Kernel | None = None) -> bool:
    """Whether ``::6`` is on the loopback interface, whoever put it there; raises NetlinkError."""
    places = [(found.index, found.address) for found in ipv6_addresses(kernel)]
    return (INDEX, PASSTHROUGH) in places


def add_passthrough_address(kernel: Kernel | None = None) -> bool:
    """Put ``::6/128`` on the loopback interface; True when it was not there.

    Raises NetlinkError, with the usual causes explained, and PermissionDenied; IPv4 is not
    concerned.
    """
    flags, body = CREATE | EXCLUSIVE, route.address_body(OURS)
    try:
        _commit(Request(route.NEWADDR, flags, body, PLACE), kernel)
    except NetlinkError as refused:
        if refused.errno == errno.EEXIST:
            return False
        raise _explained(refused) from refused
    return True


def remove_passthrough_address(kernel: Kernel | None = None, *, pretend: bool = False) -> bool:
    """Take ``::6/128`` off the loopback interface if it is ours; True when it was.

    False, too, when somebody else who uninstalls at the same time takes it off first.
    ``pretend``: only say whether it is.  Raises NetlinkError and PermissionDenied.
    """
    ours = [
        found
        for found in ipv6_addresses(kernel)
        if (found.index, found.address, found.metric) == (INDEX, PASSTHROUGH, MARK)
    ]
    for found in () if pretend else ours:
        try:
            _commit(Request(route.DELADDR, 0, route.address_body(found), PLACE), kernel)
        except NetlinkError as refused:
            if refused.errno == errno.EADDRNOTAVAIL:
                return False
            raise
    return bool(ours)


def _asked(request: Request, kernel: Kernel | None) -> list[Message]:
    if kernel is not None:
        return kernel.dump(request)
    with NetlinkSocket(ROUTE) as ours:
        return ours.dump(request)


def _commit(request: Request, kernel: Kernel | None) -> None:
    if kernel is not None:
        kernel.commit([request])
        return
    with NetlinkSocket(ROUTE, CHANGE) as ours:
        ours.commit([request])


def _explained(refused: NetlinkError) -> NetlinkError:
    reasons = {
        errno.EOPNOTSUPP: "the kernel has no IPv6",
        errno.EAFNOSUPPORT: "the kernel has no IPv6",
        errno.EACCES: "IPv6 is switched off there: net.ipv6.conf.lo.disable_ipv6",
    }
    return NetlinkError(
        refused.errno,
        refused.strerror,
        refused.what,
        explanation=reasons.get(refused.errno, refused.explanation),
    )
