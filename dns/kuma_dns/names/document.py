"""Kuma's DNS document: ``{"records": [{"name", "ips"}], "ttl", "extraLabels"}``.

The shape is what kuma-dp's own reader takes (Go's encoding/json): a value of the wrong type
refuses the whole document, unknown keys are ignored, and ``null`` stands for an empty list, which
is how Go writes one that was never filled.  Stricter than Go: no key twice in an object, since one
of the two values would be lost.

Theory.  A million records as dictionaries are half a gigabyte, in a container that was given much
less.  So every record that is as it should be becomes a tuple of bytes at the moment the
parser closes its brace (``object_pairs_hook``), and its text is gone.  JSON has no tuples: whatever
is still a dictionary when the list is walked over is one that something is wrong with, and gets
the slow way that finds out what.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NoReturn

from kuma_dns.names.addresses import IPV4_BYTES, IPV6_BYTES, addresses_of, packed
from kuma_dns.names.gathering import Keys, checked_key
from kuma_dns.names.source import LONGEST_SHOWN, Complaints, Names
from kuma_dns.names.table import MOST_ADDRESSES
from kuma_net.errors import ConfigError
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from kuma_dns.names.source import Given

LONGEST_TTL: Final = 2**31 - 1
"""Seconds (RFC 2181 section 8)."""
MOST_EXTRA_LABELS: Final = 64
LONGEST_EXTRA_LABEL: Final = 1024
"""Characters of a label's name or text: every series of the metrics repeats them."""
_LONGEST_PLAIN: Final = 8
"""Addresses of a record that is read the short way."""


class _Twice:
    """An object with a key that stands in it twice."""

    def __init__(self, key: str) -> None:
        self.key = key

    def tell(self, path: str, shape: Complaints) -> None:
        """Complain of it."""
        shape.tell(path, "", f"the key {self.key!r} stands in it twice", "write it once")


def read_document(text: str, source: str) -> Names:
    """Return what a document says; ``ConfigError`` with all violations if its shape is wrong."""
    names = Names(source)
    document = _load(text, names.complaints)
    shape = Complaints(source)
    if isinstance(document, _Twice):
        document.tell("document", shape)
        raise ConfigError(shape.violations)
    if not isinstance(document, dict):
        shape.tell("document", "", f"{_kind(document)}, not an object", 'write {"records": [...]}')
        raise ConfigError(shape.violations)
    names.ttl = _ttl(document.get("ttl"), shape)
    names.labels = _labels(document.get("extraLabels"), names.complaints, shape)
    records = document.get("records")
    if isinstance(records, list):
        document.clear()
        _read_records(records, names, shape)
    elif records is not None or "records" not in document:
        told = "missing" if records is None else f"{_kind(records)}, not a list"
        shape.tell("records", "", told, 'write a list of {"name": NAME, "ips": [IP, ...]}')
    if shape.count:
        raise ConfigError(shape.violations)
    return names


def _load(text: str, complaints: Complaints) -> object:
    try:
        return json.loads(text, object_pairs_hook=_Compact(), parse_constant=_no_constant)
    except RecursionError:
        complaints.tell("document", "", "nested too deeply")
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        complaints.tell("document", "", f"not JSON: {problem.msg} at {place}")
    except ValueError as problem:  # NaN, or a number of thousands of digits
        complaints.tell("document", "", f"not JSON: {problem}")
    raise ConfigError(complaints.violations)


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is no value"
    raise ValueError(message)


class _Compact:
    """Makes a tuple of a record without fault, and leaves any other object as it is."""

    __slots__ = ("_key_of",)

    def __init__(self) -> None:
        self._key_of = Keys().of

    def __call__(self, pairs: list[tuple[str, object]]) -> object:
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            return _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
        name, texts = value.get("name"), value.get("ips")
        if isinstance(name, str) and isinstance(texts, list) and "records" not in value:
            try:
                if len(texts) <= _LONGEST_PLAIN:
                    return self._key_of(name), *addresses_of(texts)
            except (Malformed, TypeError):
                pass  # said later, when it is known which record this is
        return value


def _read_records(records: list[object], names: Names, shape: Complaints) -> None:
    """Move records into ``names``, in order; the list is empty afterwards."""
    kept = names.records
    records.reverse()
    for index in range(len(records)):
        record = records.pop()
        if type(record) is tuple:
            kept.append(record)
        else:
            given = _read_faulty(record, f"records[{index}]", names.complaints, shape)
            if given is not None:
                kept.append(given)


def _read_faulty(
    record: object, path: str, left_out: Complaints, shape: Complaints
) -> Given | None:
    """Say what is wrong with a record; return what of it can be used, if anything."""
    if isinstance(record, _Twice):
        record.tell(path, shape)
        return None
    if not isinstance(record, dict):
        right = 'write {"name": NAME, "ips": [IP, ...]}'
        shape.tell(path, "", f"{_kind(record)}, not an object", right)
        return None
    name, texts = record.get("name"), _texts(record.get("ips"), f"{path}.ips", shape)
    if not isinstance(name, str):
        shape.tell(f"{path}.name", "", "missing" if name is None else f"{_kind(name)}, not a text")
        return None
    try:
        key = checked_key(name)
    except Malformed as problem:
        left_out.tell_malformed(f"{path}.name", problem)
        return None
    return key, *_usable(texts, f"{path}.ips", left_out)


def _texts(value: object, path: str, shape: Complaints) -> list[str]:
    """Return the list of texts that a value must be."""
    if value is None:
        return []
    if not isinstance(value, list):
        shape.tell(path, "", f"{_kind(value)}, not a list")
        return []
    for index, text in enumerate(value):
        if not isinstance(text, str):
            shape.tell(f"{path}[{index}]", "", f"{_kind(text)}, not a text")
    return [text for text in value if isinstance(text, str)]


def _usable(texts: list[str], path: str, left_out: Complaints) -> tuple[bytes, bytes]:
    """Return the addresses that are addresses, as many as a name may have."""
    ipv4, ipv6 = bytearray(), bytearray()
    for index, text in enumerate(texts):
        try:
            address = packed(text)
        except Malformed as problem:
            left_out.tell_malformed(f"{path}[{index}]", problem)
            continue
        family, size = (ipv4, IPV4_BYTES) if len(address) == IPV4_BYTES else (ipv6, IPV6_BYTES)
        if len(family) == MOST_ADDRESSES * size:
            left_out.tell(f"{path}[{index}]", text, f"more than {MOST_ADDRESSES} of one family")
            break
        family += address
    return bytes(ipv4), bytes(ipv6)


def _ttl(value: object, shape: Complaints) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= LONGEST_TTL:
        shown = str(value) if type(value) in {int, float} else _kind(value)
        shape.tell("ttl", shown, "no number of seconds", f"write 0 to {LONGEST_TTL}")
        return None
    return value


def _labels(value: object, left_out: Complaints, shape: Complaints) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        shape.tell("extraLabels", "", f"{_kind(value)}, not an object", 'write {"label": "text"}')
        return {}
    if len(value) > MOST_EXTRA_LABELS:
        shape.tell("extraLabels", "", f"{len(value)} of them", f"{MOST_EXTRA_LABELS} at most")
        return {}
    kept = {}
    for key, text in value.items():
        path = f"extraLabels[{key!r}]"[:LONGEST_SHOWN]
        if not isinstance(text, str):
            shape.tell(path, "", f"{_kind(text)}, not a text")
        elif not (key.isascii() and key.isidentifier() and len(key) <= LONGEST_EXTRA_LABEL):
            left_out.tell(path, "", "no name of a label", "write letters, digits and _")
        elif not text.isprintable() or len(text) > LONGEST_EXTRA_LABEL:
            right = f"write {LONGEST_EXTRA_LABEL} printable characters at most"
            left_out.tell(path, text, "no text of a label", right)
        else:
            kept[key] = text
    return kept


def _kind(value: object) -> str:
    """Name a JSON value's type."""
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "null"
    kinds = {str: "a text", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object")
