"""Reading legacy iptables tables from the kernel, without a program.

``getsockopt`` takes its question in the buffer that the answer comes in, which Python's own
``socket.getsockopt`` cannot do; hence ctypes.  Any socket of the family will do: the kernel asks
for CAP_NET_ADMIN, not for a raw socket (``do_ipt_get_ctl``).

Which tables there are is read from /proc first: to ask the kernel for a table that is not there
makes it (net/netfilter/x_tables.c, ``xt_find_table_lock``).
"""

from __future__ import annotations

from errno import EAGAIN

from kuma_net.errors import HostError
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.listing import Listing

PROC_NET = "/proc/thread-self/net"
NAMES = {Family.IPV4: "ip_tables_names", Family.IPV6: "ip6_tables_names"}
LEVELS = {Family.IPV4: 0, Family.IPV6: 41}
"""IPPROTO_IP, IPPROTO_IPV6: the level of the socket option."""
ATTEMPTS = 20
"""A table that changes between the two questions is asked for again."""


def table_names(family: Family, proc_net: str = PROC_NET) -> tuple[str, ...]:
    """Return the legacy tables of this network namespace; none where they cannot be seen."""
    try:
        with open(f"{proc_net}/{NAMES[family]}", encoding="utf-8") as names:  # noqa: PTH123 - lean
            return tuple(names.read().split())
    except OSError:
        return ()


def read_tables(family: Family, tables: tuple[str, ...]) -> Listing:
    """Return chains and rules of legacy tables that exist; raises HostError."""
    from kuma_net.netfilter.listing import Listing
    from kuma_net.netlink.legacy import supported

    if not supported():
        raise HostError("legacy iptables tables can be read by a 64-bit Python only")
    listings = [_read(family, table) for table in tables]
    return Listing(
        tuple(chain for listing in listings for chain in listing.chains),
        tuple(rule for listing in listings for rule in listing.rules),
    )


def _read(family: Family, table: str) -> Listing:
    from kuma_net.netlink import legacy

    for _ in range(ATTEMPTS):
        info = legacy.read_info(_ask(family, legacy.GET_INFO, legacy.info_question(table)))
        try:
            answer = _ask(family, legacy.GET_ENTRIES, legacy.entries_question(info))
        except BlockingIOError:  # EAGAIN: its size has changed meanwhile
            continue
        return legacy.read_entries(answer, info, family)
    raise HostError(f"the legacy {family} table {table} keeps changing while it is read")


def _ask(family: Family, option: int, question: bytes) -> bytes:
    """Return the buffer as the kernel filled it; BlockingIOError when its size is outdated."""
    import _socket
    import ctypes
    import os

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(question, len(question))
    length = ctypes.c_uint32(len(question))
    socket = _socket.socket(family.number, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        refused = libc.getsockopt(
            socket.fileno(), LEVELS[family], option, buffer, ctypes.byref(length)
        )
        number = ctypes.get_errno()
    finally:
        socket.close()
    if refused and number == EAGAIN:
        raise BlockingIOError(number, os.strerror(number))
    if refused:
        raise HostError(f"the kernel refused to list legacy {family} tables: {os.strerror(number)}")
    return buffer.raw
