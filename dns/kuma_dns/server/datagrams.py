"""Many datagrams with one system call, received, answered and sent in the same memory.

Theory.  recvmmsg(2) fills an array of ``struct mmsghdr``; sendmmsg(2) takes the very same array.
So an answer is written over its query, the length of its iovec is set, and the headers go back
to the kernel as they came: who asked is who is answered.  On 64-bit Linux (<bits/socket.h>,
<bits/types/struct_iovec.h>; all of it in the machine's byte order)::

    struct mmsghdr, 64 bytes                   struct iovec, 16 bytes
     0  msg_name        address of the sender   0  iov_base   address of the packet
     8  msg_namelen     in: room, out: length   8  iov_len    in: room; out: what to send
    16  msg_iov         address of the iovec
    24  msg_iovlen      1                      struct cmsghdr, 16 bytes, then its data (cmsg(3))
    32  msg_control     address of cmsghdr      0  cmsg_len   header and data
    40  msg_controllen  in: room, out: length   8  cmsg_level IPPROTO_IP or IPPROTO_IPV6
    48  msg_flags       out: MSG_TRUNC ...     12  cmsg_type  IP_PKTINFO (8), IPV6_PKTINFO (50)
    56  msg_len         out: bytes received    16  struct in_pktinfo (ip(7)): int ipi_ifindex,
                                                   in_addr ipi_spec_dst, in_addr ipi_addr;
                                                   struct in6_pktinfo (ipv6(7)): in6_addr
                                                   ipi6_addr, unsigned int ipi6_ifindex

The PKTINFO message of a query names the address it was sent to; given back with the answer, it
names the address that the answer is sent from.  A socket that is bound to one address needs none
of this.  One that is bound to all of them does: behind a REDIRECT rule the kernel would choose
the route's address, connection tracking would not know the answer, and the client would wait.

What surprised us:

* ``ipi_ifindex`` of a received message must be set to 0 before it is given back: otherwise it
  decides about the way out, whatever the routing table says (ip(7)).  ``ipi_spec_dst`` need not
  be touched: on the way in it is the address *we* were asked at.
* The kernel writes into ``msg_namelen``, ``msg_controllen`` and ``msg_flags``: all headers are
  copied afresh from a pattern after each batch, which is cheaper than mending them.
* Slots that lie a power of two apart share the same few sets of the processor's caches; to move
  them apart made no measurable difference, so they lie where counting puts them.
* sendmmsg stops at the first datagram that cannot be sent and says how many went before; the
  reason is told only if there was none before.  Going on behind the bad one is up to the caller.
* A slice of ``mmap`` is ``bytes`` (a slice of ``bytearray`` would have to be copied once more to
  be the key of a dict), and it may be written to in the same way.
* ``ctypes.PyDLL`` calls without letting go of the interpreter's lock: neither call here ever
  waits (MSG_DONTWAIT), and to take the lock again costs as much as a small system call.  What a
  call through ctypes costs is the making of its arguments (0.4 us of 1.3): they are made once.
"""

from __future__ import annotations

import ctypes
from mmap import mmap
from socket import (
    AF_INET,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_RECVPKTINFO,
    MSG_DONTWAIT,
    MSG_TRUNC,
)
from struct import Struct, calcsize
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from socket import socket

SLOTS: Final = 64
ROOM: Final = 4096
"""Bytes for a query: more than any has, since we offer to take 1,232."""
_IOVEC: Final = 16
_NAME: Final = 28
"""Bytes of ``sockaddr_in6``; ``sockaddr_in`` has 16."""
_CONTROL: Final = 64
_HEADER: Final = 64
_IP_PKTINFO: Final = 8
"""<bits/in.h>; the module ``socket`` has no name for it."""
_TRUNCATED: Final = int(MSG_TRUNC)
"""A plain number: arithmetic with the members of an enumeration takes a microsecond."""
_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 - to recognise it, not to bind to it
_NAME_LENGTH, _CONTROL_LENGTH, _FLAGS, _LENGTH = 2, 10, 12, 14
"""Places in a header, in words of four bytes."""

if calcsize("P") != 8:  # noqa: PLR2004 - bytes of an address
    raise ImportError("the structures described here are those of 64-bit machines")

_HEADER_FIELDS: Final = Struct("8Q")
_IOVEC_FIELDS: Final = Struct("2Q")

_recvmmsg = ctypes.PyDLL(None).recvmmsg
_sendmmsg = ctypes.PyDLL(None).sendmmsg
_DONT_WAIT: Final = ctypes.c_int(MSG_DONTWAIT)
_NO_TIMEOUT: Final = ctypes.c_void_p(None)


class Peer(NamedTuple):
    """Who asked and where: a socket address and a control message as the kernel wrote them."""

    name: bytes
    control: bytes


class Place(NamedTuple):
    """Where one slot is: indices into the views of ``Datagrams``."""

    slot: int
    start: int
    """Of the packet in ``packets``."""
    body: int
    """Of the packet without its id."""
    length: int
    """Of the received length in ``words``."""
    size: int
    """Of the length to send in ``sizes``."""


class Datagrams:
    """Slots for datagrams on one socket: received together, sent together.

    ``packets`` holds the packets, ``words`` the headers, ``sizes`` the iovecs; ``places`` says
    where in them.  They are public since one slot is all that a query costs: a quarter of a
    million calls a second of some method would cost as much as the kernel's half of the work.
    """

    def __init__(self, sock: socket, *, slots: int = SLOTS, room: int = ROOM) -> None:
        """Make the slots, and ask the kernel for PKTINFO if the socket's address is any."""
        self._descriptor = ctypes.c_int(sock.fileno())
        self._numbers = [ctypes.c_uint(number) for number in range(slots + 1)]
        self.packets, packets = _memory(slots * room)
        self._names, names = _memory(slots * _NAME)
        self._controls, controls = _memory(slots * _CONTROL)
        self._iovecs, iovecs = _memory(slots * _IOVEC)
        self._headers, base = _memory(slots * _HEADER)
        self._bases = [ctypes.c_void_p(base + slot * _HEADER) for slot in range(slots)]
        for slot in range(slots):
            iovec = slot * _IOVEC
            _IOVEC_FIELDS.pack_into(self._iovecs, iovec, packets + slot * room, room)
            name, control = names + slot * _NAME, controls + slot * _CONTROL
            fields = (name, _NAME, iovecs + iovec, 1, control, _CONTROL, 0, 0)
            _HEADER_FIELDS.pack_into(self._headers, slot * _HEADER, *fields)
        self._fresh_iovecs, self._fresh_headers = bytes(self._iovecs), bytes(self._headers)
        self.words = memoryview(self._headers).cast("I")
        self.sizes = memoryview(self._iovecs).cast("Q")
        self.places = [_place(slot, room) for slot in range(slots)]
        self._interfaces = self._ask_for_addresses(sock)
        self._zeros = memoryview(bytes(4 * slots)).cast("I")

    def _ask_for_addresses(self, sock: socket) -> memoryview | None:
        """Ask for PKTINFO if need be; return the view of all slots' interface numbers."""
        if sock.getsockname()[0] not in _ANY:
            return None
        words = memoryview(self._controls).cast("I")
        if sock.family == AF_INET:
            sock.setsockopt(IPPROTO_IP, _IP_PKTINFO, 1)
            return words[4 :: _CONTROL // 4]
        sock.setsockopt(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        return words[8 :: _CONTROL // 4]

    def receive(self) -> int:
        """Receive what is there; return how many slots are filled."""
        room = self._numbers[-1]
        count: int = _recvmmsg(self._descriptor, self._bases[0], room, _DONT_WAIT, _NO_TIMEOUT)
        if count <= 0:
            return 0
        if self._interfaces is not None:
            self._interfaces[:count] = self._zeros[:count]
        return count

    def peer(self, slot: int) -> Peer:
        """Return who sent the packet in a slot."""
        name, control = slot * _NAME, slot * _CONTROL
        word = slot * (_HEADER // 4)
        return Peer(
            self._names[name : name + self.words[word + _NAME_LENGTH]],
            self._controls[control : control + self.words[word + _CONTROL_LENGTH]],
        )

    def is_cut(self, slot: int) -> bool:
        """Whether the packet in a slot had more bytes than there is room for."""
        return bool(self.words[slot * (_HEADER // 4) + _FLAGS] & _TRUNCATED)

    def put(self, slot: int, packet: bytes, peer: Peer) -> None:
        """Fill a slot with a packet for somebody."""
        place, word = self.places[slot], slot * (_HEADER // 4)
        self.packets[place.start : place.start + len(packet)] = packet
        self.sizes[place.size] = len(packet)
        name, control = slot * _NAME, slot * _CONTROL
        self._names[name : name + len(peer.name)] = peer.name
        self._controls[control : control + len(peer.control)] = peer.control
        self.words[word + _NAME_LENGTH] = len(peer.name)
        self.words[word + _CONTROL_LENGTH] = len(peer.control)

    def leave_out(self, slots: list[int], count: int) -> int:
        """Let the headers of all but some slots move together; return how many these are."""
        kept = sorted(set(range(count)).difference(slots))
        headers = [self._headers[at * _HEADER : (at + 1) * _HEADER] for at in kept]
        self._headers[: len(kept) * _HEADER] = b"".join(headers)
        return len(kept)

    def send(self, count: int) -> int:
        """Send the first slots; return how many could not be sent."""
        sent = lost = 0
        while sent < count:
            left = self._numbers[count - sent]
            done = _sendmmsg(self._descriptor, self._bases[sent], left, _DONT_WAIT)
            if done <= 0:
                lost += 1
            sent += max(done, 1)
        return lost

    def renew(self, count: int) -> None:
        """Make the first slots ready to receive."""
        headers, iovecs = count * _HEADER, count * _IOVEC
        self._headers[:headers] = self._fresh_headers[:headers]
        self._iovecs[:iovecs] = self._fresh_iovecs[:iovecs]


def _memory(size: int) -> tuple[mmap, int]:
    """Return memory and its address."""
    memory = mmap(-1, size)
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _place(slot: int, room: int) -> Place:
    word = slot * (_HEADER // 4) + _LENGTH
    return Place(slot, slot * room, slot * room + 2, word, 2 * slot + 1)
