"""Netlink messages and attributes as bytes, both ways; nothing here opens a socket.

Theory.  A netlink message is a header (length, type, flags, sequence, port) and a payload; the
payload is a small fixed header of its protocol and then attributes: length, kind, value, each
padded to four bytes.  A value may itself be attributes ("nested").  Several messages may travel
in one datagram; nf_tables makes a transaction of those between a batch's begin and end.

The kernel answers with messages of type ERROR: errno 0 is an acknowledgement.  Since 4.12 such
an answer may carry attributes of its own ("extended acknowledgement"): a sentence and the offset
of what it disliked.  Long listings ("dumps") come in many messages closed by DONE.

What surprised us: the length of an attribute has 16 bits, so a list of 10,000 set elements must
be cut into several messages; the numbers of netlink itself are in the machine's byte order,
those of nf_tables in the network's; and a listing that was interrupted by a change says so by
one flag in its messages only (NLM_F_DUMP_INTR), it ends without an error.

Facts: include/uapi/linux/netlink.h, include/uapi/linux/nfnetlink.h; ``man 7 netlink``.
"""

from __future__ import annotations

from _struct import pack, unpack_from
from sys import byteorder

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Protocol, TypeAlias

    Attributes: TypeAlias = dict[int, bytes]

ERROR = 2
DONE = 3
OVERRUN = 4
BATCH_BEGIN = 0x10
BATCH_END = 0x11

REQUEST = 0x1
MULTI = 0x2
ACK = 0x4
DUMP_INTERRUPTED = 0x10
EXCLUSIVE = 0x200
DUMP = 0x300
CREATE = 0x400
APPEND = 0x800
CAPPED = 0x100
"""On an ERROR: of the message answered only the header is repeated."""
ACK_ATTRIBUTES = 0x200
"""On an ERROR: attributes follow (NLM_F_ACK_TLVS)."""

HEADER_BYTES = 16
ATTRIBUTE_BYTES = 4
LONGEST_ATTRIBUTE = 65535
NESTED = 0x8000
KIND_BITS = 0x3FFF
"""The two highest bits of a kind are flags: nested, and network byte order."""

_ERROR_MESSAGE = 1
_ERROR_OFFSET = 2
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Truncated(ValueError):
    """Bytes end before the length that they announce."""


class Request(Record):
    """A message to be sent.

    ``payload`` is what follows the netlink header.  ``subject`` and ``place`` say what it is
    about, for an error: ``str(subject) + place``; they do not take part in equality.
    """

    type: int
    flags: int
    payload: bytes
    subject: object = ""
    place: str = ""

    _incidental = ("subject", "place")

    def words(self) -> str:
        """Return what the message is about."""
        return f"{self.subject}{self.place}"


class Message(Record):
    """A message received; ``payload`` is what follows the netlink header."""

    type: int
    flags: int
    sequence: int
    payload: bytes


class Answer(Record):
    """What the kernel says to the request of a sequence number: ``errno`` 0 means done.

    ``explanation`` is its sentence, ``offset`` where in the request (counted from its header)
    the attribute stands that it disliked; empty and 0 where it says nothing.
    """

    sequence: int
    errno: int
    explanation: str = ""
    offset: int = 0


if TYPE_CHECKING:

    class Kernel(Protocol):
        """Whoever answers requests: a socket, or the shipped fake kernel."""

        def commit(self, requests: Sequence[Request]) -> None:
            """Send all in one datagram; NetlinkError names the first that was refused."""

        def dump(self, request: Request) -> list[Message]:
            """Ask, and return all messages of the answer; NetlinkError when it is refused."""

        def close(self) -> None:
            """Let go of the connection; the next request opens another."""


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute with padding; ``struct.error`` when the value has above 65,531 bytes."""
    length = len(value) + ATTRIBUTE_BYTES
    return pack("=HH", length, kind) + value + _PADDING[length & 3]


def nested(kind: int, *parts: bytes) -> bytes:
    """Return an attribute made of attributes."""
    value = b"".join(parts)
    return pack("=HH", len(value) + ATTRIBUTE_BYTES, kind | NESTED) + value


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds 32 bits in network byte order."""
    return pack("=HH", 8, kind) + value.to_bytes(4, "big")


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds text closed by a zero byte."""
    return attribute(kind, value.encode() + b"\0")


def items(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield kind (without its flags) and value of each attribute from ``start``; ``Truncated``."""
    offset, end = start, len(data)
    while offset + ATTRIBUTE_BYTES <= end:
        length, kind = unpack_from("=HH", data, offset)
        if length < ATTRIBUTE_BYTES or offset + length > end:
            raise Truncated(f"an attribute of {length} bytes in the last {end - offset}")
        yield kind & KIND_BITS, data[offset + ATTRIBUTE_BYTES : offset + length]
        offset += length + 3 & ~3


def attributes(data: bytes, start: int = 0) -> Attributes:
    """Return the values by kind from ``start``; of a kind that is there twice, the last."""
    return dict(items(data, start))


def read_number(value: bytes) -> int:
    """Return the number that bytes in network byte order hold."""
    return int.from_bytes(value, "big")


def read_text(value: bytes) -> str:
    """Return the text before the closing zero byte."""
    return value.partition(b"\0")[0].decode(errors="replace")


def encode(request: Request, sequence: int, flags: int = 0) -> bytes:
    """Return a request as the bytes of one message."""
    body = request.payload
    flags |= REQUEST | request.flags
    header = pack("=IHHII", len(body) + HEADER_BYTES, request.type, flags, sequence, 0)
    return header + body + _PADDING[len(body) & 3]


def messages(data: bytes) -> Iterator[Message]:
    """Yield the messages of a datagram; ``Truncated``."""
    offset, end = 0, len(data)
    while offset + HEADER_BYTES <= end:
        length, kind, flags, sequence, _port = unpack_from("=IHHII", data, offset)
        if length < HEADER_BYTES or offset + length > end:
            raise Truncated(f"a message of {length} bytes in the last {end - offset}")
        yield Message(kind, flags, sequence, data[offset + HEADER_BYTES : offset + length])
        offset += length + 3 & ~3


def answer(message: Message) -> Answer:
    """Read a message of type ERROR; ``Truncated`` when it is too short to be one."""
    payload = message.payload
    if len(payload) < ATTRIBUTE_BYTES + HEADER_BYTES:
        raise Truncated(f"an error of {len(payload)} bytes")
    code, repeated = unpack_from("=iI", payload)
    told: Attributes = {}
    if message.flags & ACK_ATTRIBUTES:
        length = HEADER_BYTES if message.flags & CAPPED else repeated + 3 & ~3
        told = attributes(payload[ATTRIBUTE_BYTES + length :])
    return Answer(
        message.sequence,
        -code,
        read_text(told.get(_ERROR_MESSAGE, b"")),
        int.from_bytes(told.get(_ERROR_OFFSET, b""), byteorder),
    )


def encode_answer(said: Answer, refused: bytes) -> bytes:
    """Return an answer to the message ``refused`` as bytes: what a kernel does."""
    told = b""
    if said.explanation:
        told += text(_ERROR_MESSAGE, said.explanation)
    if said.offset:
        told += attribute(_ERROR_OFFSET, pack("=I", said.offset))
    payload = pack("=i", -said.errno) + refused[:HEADER_BYTES] + told
    flags = CAPPED | (ACK_ATTRIBUTES if told else 0)
    length = len(payload) + HEADER_BYTES
    return pack("=IHHII", length, ERROR, flags, said.sequence, 0) + payload
