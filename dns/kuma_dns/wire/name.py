r"""Domain names: as people write them and as messages carry them (RFC 1035 section 3.1).

A name as bytes is a sequence of labels, each behind its length, closed by the root's zero; all
of the project keeps names in lower case in this form, and calls that a *key*.  Two names are the
same name exactly if their keys are equal; one is below another if its key ends with the other's
**at the beginning of a label**: ``ends_with`` alone would find ``\4mesh\0`` in a label whose last
bytes happen to look like that.

What surprised us: ``bytes.lower`` may be used on a whole key, lengths included, since a length
is at most 63 and the letters A to Z begin at 65.  ``str.lower`` may not be used at all: the sign
for kelvin is a k to it.  And JSON may hold halves of surrogate pairs, which UTF-8 cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_NAME: Final = 255
"""Bytes of a name, lengths and the root included."""
LONGEST_LABEL: Final = 63
IPV4_BYTES: Final = 4
IN_ADDR_ARPA: Final = b"\7in-addr\4arpa\0"
IP6_ARPA: Final = b"\3ip6\4arpa\0"
_PRINTABLE: Final = frozenset(range(0x21, 0x7F)) - frozenset(b'."\\();@$')
_OCTET_LABELS: Final = [
    bytes((len(text),)) + text for text in [str(octet).encode() for octet in range(256)]
]
_RIGHT: Final = "labels of 1 to 63 letters, digits, - and _, with dots between them"


def key_of(text: str) -> bytes:
    """Return the key of a name as people write it; a closing dot changes nothing.

    For names that come from documents and people, so only host names and names with ``_`` are
    taken.  ``Malformed`` tells the offending label.
    """
    out = bytearray()
    for label in text.removesuffix(".").split("."):
        raw = label.encode("utf-8", "surrogatepass").lower()
        if not raw:
            raise Malformed(text, "a label is empty", _RIGHT)
        if len(raw) > LONGEST_LABEL:
            raise Malformed(label, f"the label has {len(raw)} bytes", "63 at most")
        if not _is_host_label(raw):
            raise Malformed(label, "not the label of a host", _RIGHT)
        out.append(len(raw))
        out += raw
    out.append(0)
    if len(out) > LONGEST_NAME:
        raise Malformed(text, f"the name takes {len(out)} bytes", f"{LONGEST_NAME} at most")
    return bytes(out)


def _is_host_label(raw: bytes) -> bool:
    """Whether a label is one of a host (RFC 1123 section 2.1), underscores allowed anywhere."""
    plain = raw.replace(b"-", b"").replace(b"_", b"")
    inner = raw[:1] != b"-" and raw[-1:] != b"-"
    return inner and (plain.isalnum() if plain else b"_" in raw) and raw.isascii()


def text_of(name: bytes) -> str:
    r"""Return a name as people write it, without the closing dot; the root is ``.``.

    Bytes that are no plain characters stand as ``\DDD`` (RFC 1035 section 5.1), so that what an
    application asked can be logged as it is.
    """
    return ".".join(_label_text(label) for label in labels(name)) or "."


def _label_text(label: bytes) -> str:
    return "".join([chr(byte) if byte in _PRINTABLE else f"\\{byte:03}" for byte in label])


def labels(name: bytes) -> Iterator[bytes]:
    """Iterate over the labels, the root excluded."""
    at = 0
    while length := name[at]:
        yield name[at + 1 : at + 1 + length]
        at += length + 1


def parents(name: bytes) -> Iterator[bytes]:
    """Iterate over the names above this one, nearest first, the root excluded."""
    at = name[0] + 1 if name[0] else 0
    while name[at]:
        yield name[at:]
        at += name[at] + 1


def is_within(name: bytes, top: bytes) -> bool:
    """Whether a key is ``top`` or below it."""
    if not name.endswith(top):
        return False
    left = len(name) - len(top)
    at = 0
    while at < left:
        at += name[at] + 1
    return at == left


def without(name: bytes, suffix: bytes) -> bytes:
    """Return the key of what stands before ``suffix`` in a name that is within it."""
    return name[: len(name) - len(suffix)] + b"\0"


def reverse_of(address: bytes) -> bytes:
    """Return the key that PTR questions about an address of 4 or 16 bytes carry.

    RFC 1035 section 3.5 and RFC 3596 section 2.5.
    """
    if len(address) == IPV4_BYTES:
        return b"".join([_OCTET_LABELS[byte] for byte in reversed(address)]) + IN_ADDR_ARPA
    digits = bytearray(b"\1" * 4 * len(address))
    digits[1::2] = address.hex().encode()[::-1]
    return bytes(digits) + IP6_ARPA
