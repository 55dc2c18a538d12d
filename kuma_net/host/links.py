"""Whether a pod will have IPv6, asked while its network is still being made.

A CNI plugin is called before the network is quiet.  Tried in a namespace (Linux 6.18): a veth
that is up, but whose other end is not, has no address of IPv6 at all, however long one waits; its
link-local address comes with the carrier.  What routers hand out comes seconds later, what
another plugin of the chain adds comes when it likes.  So whoever asks for *addresses* decides by
the clock, and would decide otherwise a moment later: rules for IPv6 would then be found missing,
although nobody took them away.

What does not change by itself is whether IPv6 is switched off on the links: ``disable_ipv6``, a
kernel without IPv6, an MTU below 1280 (the kernel then drops the settings of IPv6 as a whole).
Links that nobody set up do not count: a kernel may put ``tunl0`` and ``sit0`` into every new
namespace.  Where no link but the loopback is up yet, IPv6 is taken to come.  Rules for IPv6 that
never comes harm nobody; IPv6 that comes where there are none goes around the mesh.

The loopback interface itself may still be down (containerd makes it ready at the same time as the
rest): ``::6`` can be put onto it all the same, and stays when it is set up.
"""

from __future__ import annotations

from kuma_net.host.netlink_socket import ROUTE, NetlinkSocket
from kuma_net.netlink import route
from kuma_net.netlink.message import DUMP, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netlink.message import Kernel
    from kuma_net.netlink.route import Link


def links(kernel: Kernel | None = None) -> tuple[Link, ...]:
    """Return every interface of this network namespace; raises NetlinkError."""
    what = "the question for network interfaces"
    request = Request(route.GETLINK, DUMP, route.links_question(), what)
    if kernel is not None:
        answers = kernel.dump(request)
    else:
        with NetlinkSocket(ROUTE) as ours:
            answers = ours.dump(request)
    found = [route.read_link(said.payload) for said in answers if said.type == route.NEWLINK]
    return tuple(found)


def why_no_ipv6(found: tuple[Link, ...]) -> str:
    """Return why there will be no IPv6, a clause; empty where there will be."""
    if not all(link.ipv6 for link in found if link.loopback):
        return "it is switched off on the loopback interface (disable_ipv6)"
    others = [link for link in found if link.up and not link.loopback]
    if others and not any(link.ipv6 for link in others):
        return "it is switched off on every interface (disable_ipv6)"
    return ""
