"""Protocol buffers, as much as a few messages of the CRI need: fields as bytes, both ways; pure.

Theory (protobuf.dev, "Encoding").  A message is a row of fields, each a key and a value.  The key
is a varint: the field's number, shifted by 3, and the wire type in the low bits.  Of those:

====  ======================  ===============================================================
type  value                   used for
====  ======================  ===============================================================
0     a varint                integers, booleans, enumerations
1, 5  eight or four bytes     fixed numbers and floats
2     a length and bytes      text, bytes, messages within messages, entries of maps
3, 4  begin and end of group  given up long ago: refused
====  ======================  ===============================================================

A varint has seven bits a byte, the lowest first, and at most ten bytes (64 bits).  A field may come
several times, in any order: of one that is not repeated the last counts.  A map is a repeated
message of key (1) and value (2), each of which is left out where it is empty.  Nothing is told of
what a field means: unknown numbers are skipped by whoever does not ask for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    Value: TypeAlias = int | bool | str | bytes

MOST_FIELDS: Final = 100_000
"""Of one message: a node has some hundred pods, an answer about them some thousand fields."""
_LONGEST_VARINT: Final = 10
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_WIDTH: Final = {_EIGHT: 8, _FOUR: 4}
_BITS: Final = 64
_MORE: Final = 0x80
"""The bit of a varint's byte that says that another follows."""


class Malformed(Exception):
    """Bytes that are no message; ``at`` is the offset."""

    def __init__(self, at: int, wrong: str) -> None:
        """Keep where it is wrong, and what is."""
        self.at = at
        self.wrong = wrong
        super().__init__(f"byte {at}: {wrong}")


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """Return a message of (number, value) pairs in their order.

    Numbers and booleans become varints (``OverflowError`` below 0: the CRI has none there), text
    and bytes are preceded by their length; a message within is the bytes of another ``encode``.
    """
    message = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            message += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            message += _varint(number << 3 | _LENGTH) + _varint(len(raw)) + raw
    return bytes(message)


def _varint(value: int) -> bytes:
    if not 0 <= value < 1 << _BITS:
        raise OverflowError(f"{value} is no number of 64 bits")
    digits = bytearray()
    while value >= _MORE:
        digits.append(value % _MORE | _MORE)
        value >>= 7
    digits.append(value)
    return bytes(digits)


class Message:
    """A decoded message: its fields by number, asked for by what they are.

    What is asked for and not there has the value that Protocol buffers give it: 0, empty.  A field
    of another type than the one asked for raises Malformed, as does text that is not UTF-8.
    """

    __slots__ = ("_fields",)

    def __init__(self, message: bytes) -> None:
        """Read all fields; raises Malformed."""
        self._fields: dict[int, list[int | bytes]] = {}
        for count, (number, value) in enumerate(_fields(message)):
            if count >= MOST_FIELDS:
                raise Malformed(0, f"more than {MOST_FIELDS} fields")
            self._fields.setdefault(number, []).append(value)

    def number(self, field: int) -> int:
        """Return a number, enumeration or truth value."""
        values = self._fields.get(field, [0])
        last = values[-1]
        if isinstance(last, bytes):
            raise Malformed(0, f"field {field} is no number")
        return last

    def text(self, field: int) -> str:
        """Return a text."""
        raw = (self._all_bytes(field) or [b""])[-1]
        try:
            return raw.decode()
        except UnicodeDecodeError as problem:
            raise Malformed(problem.start, f"field {field} is no text") from problem

    def message(self, field: int) -> Message:
        """Return the message within; an empty one where there is none."""
        return Message(b"".join(self._all_bytes(field)))  # parts of one message are merged

    def messages(self, field: int) -> tuple[Message, ...]:
        """Return all messages of a repeated field."""
        return tuple([Message(raw) for raw in self._all_bytes(field)])

    def texts(self, field: int) -> dict[str, str]:
        """Return a map of texts."""
        return {entry.text(1): entry.text(2) for entry in self.messages(field)}

    def _all_bytes(self, field: int) -> list[bytes]:
        found: list[bytes] = []
        for value in self._fields.get(field, ()):
            if not isinstance(value, bytes):
                raise Malformed(0, f"field {field} is a number")
            found.append(value)
        return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value); fixed numbers are skipped, since no message we read has one."""
    at, end = 0, len(message)
    while at < end:
        began = at
        key, at = _read_varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise Malformed(began, "a field has the number 0")
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == _LENGTH:
            width, at = _read_varint(message, at)
        elif kind in _WIDTH:
            width = _WIDTH[kind]
        else:
            raise Malformed(began, f"wire type {kind} is unknown")
        if width > end - at:
            raise Malformed(began, f"field {number} is longer than the message")
        if kind == _LENGTH:
            yield number, message[at : at + width]
        at += width


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a varint and the offset behind it."""
    value = 0
    for index, digit in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= digit % _MORE << 7 * index
        if digit < _MORE:
            if value >= 1 << _BITS:
                break
            return value, at + index + 1
    raise Malformed(at, "a number without end, or beyond 64 bits")
