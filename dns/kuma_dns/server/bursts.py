"""Many datagrams over one connected socket with one system call, in memory that all of them share.

The upstream side of ``server.datagrams``, which describes the structures.  Everything is simpler
here: a connected socket needs no addresses and no control messages, so a header is the same for
ever.  What differs: the sockets are many and short-lived, so the memory belongs to none of them;
and errors matter, since an ICMP message is reported as one (``use_errno``).

What surprised us: a socket's ``recv`` makes an object of the whole size it is called with and
shrinks it afterwards, which takes longer than the system call.  Room for 64 datagrams of the
largest size costs only what is touched of it: a page each.
"""

from __future__ import annotations

import ctypes
import os
from errno import EAGAIN
from mmap import mmap
from socket import MSG_DONTWAIT
from struct import Struct
from typing import Final

SLOTS: Final = 64
_ROOM: Final = 65535
_STRIDE: Final = 65536 + 192
"""Bytes between slots: not a power of two, for the sake of the processor's cache."""
_HEADER: Final = Struct("8Q")
_IOVEC: Final = Struct("2Q")
_LENGTH: Final = 14
"""The place of ``msg_len`` in a header, in words of four bytes."""
_DONTWAIT: Final = int(MSG_DONTWAIT)

_libc = ctypes.PyDLL(None, use_errno=True)
_recvmmsg = _libc.recvmmsg
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
_sendmmsg = _libc.sendmmsg
_sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)


class Bursts:
    """Sends and receives over any connected datagram socket."""

    def __init__(self) -> None:
        """Make the slots."""
        self._packets = mmap(-1, SLOTS * _STRIDE)
        iovecs = mmap(-1, SLOTS * _IOVEC.size)
        headers = mmap(-1, SLOTS * _HEADER.size)
        packets, iovec, self._base = map(_address, (self._packets, iovecs, headers))
        for slot in range(SLOTS):
            at = slot * _IOVEC.size
            _IOVEC.pack_into(iovecs, at, packets + slot * _STRIDE, _ROOM)
            _HEADER.pack_into(headers, slot * _HEADER.size, 0, 0, iovec + at, 1, 0, 0, 0, 0)
        self._sizes = memoryview(iovecs).cast("Q")
        self._fresh = memoryview(bytes(iovecs)).cast("Q")
        self._words = memoryview(headers).cast("I")
        self._places = [
            (slot * _STRIDE, 2 * slot + 1, slot * (_HEADER.size // 4) + _LENGTH)
            for slot in range(SLOTS)
        ]

    def receive(self, descriptor: int) -> list[bytes]:
        """Return what has arrived, at most ``SLOTS``; raises OSError, but not for "nothing"."""
        count = _recvmmsg(descriptor, self._base, SLOTS, _DONTWAIT, None)
        if count < 0:
            _raise_unless_full()
            return []
        packets, words = self._packets, self._words
        return [packets[at : at + words[size]] for at, _, size in self._places[:count]]

    def send(self, descriptor: int, some: list[bytes]) -> None:
        """Send datagrams; those that find no room are lost, as on any way.  Raises OSError."""
        for first in range(0, len(some), SLOTS):
            self._send(descriptor, some[first : first + SLOTS])

    def _send(self, descriptor: int, some: list[bytes]) -> None:
        packets, sizes = self._packets, self._sizes
        for (at, size, _), packet in zip(self._places, some, strict=False):
            packets[at : at + len(packet)] = packet
            sizes[size] = len(packet)
        sent = 0
        try:
            while sent < len(some):
                at = self._base + sent * _HEADER.size
                done = _sendmmsg(descriptor, at, len(some) - sent, _DONTWAIT)
                if done < 0:
                    _raise_unless_full()
                    return
                sent += done
        finally:
            sizes[: 2 * len(some)] = self._fresh[: 2 * len(some)]


def _raise_unless_full() -> None:
    """Raise what the last call failed for, unless it would have had to wait."""
    number = ctypes.get_errno()
    if number != EAGAIN:
        raise OSError(number, os.strerror(number))


def _address(memory: mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
