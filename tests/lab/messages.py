"""DNS queries made by hand: what clients send, and what they would never send.

dnspython would refuse to write half of these, so they are put together here.
"""

from __future__ import annotations

from struct import pack

from hypothesis import strategies as st

from kuma_dns.wire.message import HEADER, IN, OPT, A
from kuma_dns.wire.name import key_of

RD, AD, CD, TC, QR = 0x0100, 0x0020, 0x0010, 0x0200, 0x8000
"""Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6)."""
DO = 0x8000
"""The bit of OPT's flags that asks for signatures (RFC 3225 section 3)."""


def name_of(text: str) -> bytes:
    """Return a name as bytes with its case kept; ``""`` is the root."""
    parts = [part.encode() for part in text.removesuffix(".").split(".") if part]
    return b"".join([bytes((len(part),)) + part for part in parts]) + b"\0"


def question(name: str | bytes, kind: int = A, klass: int = IN) -> bytes:
    """Return a question."""
    return (name_of(name) if isinstance(name, str) else name) + pack("!HH", kind, klass)


def opt(size: int = 1232, *, version: int = 0, flags: int = 0, options: bytes = b"") -> bytes:
    """Return an OPT record (RFC 6891 section 6.1.2)."""
    return pack("!BHHBBHH", 0, OPT, size, 0, version, flags, len(options)) + options


def option(code: int, data: bytes = b"") -> bytes:
    """Return one option for an OPT record."""
    return pack("!HH", code, len(data)) + data


def message(
    body: bytes,
    counts: tuple[int, int, int, int] = (1, 0, 0, 0),
    *,
    flags: int = RD,
    ident: int = 7,
) -> bytes:
    """Return a header with what follows it."""
    packet = pack("!6H", ident, flags, *counts) + body
    assert len(packet) >= HEADER
    return packet


def ask(
    name: str | bytes, kind: int = A, extra: bytes = b"", *, flags: int = RD, ident: int = 7
) -> bytes:
    """Return a query for a name with at most one additional record."""
    counts = (1, 0, 0, 1 if extra else 0)
    return message(question(name, kind) + extra, counts, flags=flags, ident=ident)


def keys() -> st.SearchStrategy[bytes]:
    """Give keys of host names of one to six labels."""
    label = st.text("abcxyz019_", min_size=1, max_size=12)
    return st.lists(label, min_size=1, max_size=6).map(".".join).map(key_of)
