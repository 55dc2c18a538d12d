"""Addresses that are told one by one, gathered by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.names.addresses import IPV4_BYTES
from kuma_dns.names.table import MOST_ADDRESSES
from kuma_dns.wire.name import key_of, labels
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from kuma_dns.names.source import Complaints, Given

MOST_LABELS: Final = 32
"""Of a name: each label may make an empty name above it, and no mesh needs more than ten."""


def checked_key(name: str) -> bytes:
    """Return a name's key; ``Malformed`` if it is none that a source may bring."""
    if not name.isascii():
        raise Malformed(name, "not the name of a host", "write letters, digits, - and _")
    key = key_of(name)
    if name.count(".") >= MOST_LABELS and sum(1 for _ in labels(key)) > MOST_LABELS:
        raise Malformed(name, f"more than {MOST_LABELS} labels", f"{MOST_LABELS} at most")
    return key


class Gathering:
    """Names with the addresses told so far, each once, in order."""

    __slots__ = ("_complaints", "_names")

    def __init__(self, complaints: Complaints) -> None:
        """Begin with none; what cannot be used is told to ``complaints``."""
        self._complaints = complaints
        self._names: dict[bytes, tuple[dict[bytes, None], dict[bytes, None]]] = {}

    def add(self, path: str, name: str, address: bytes) -> None:
        """Give a name one more (packed) address; ``path`` is where that was said."""
        try:
            key = checked_key(name)
        except Malformed as problem:
            self._complaints.tell_malformed(path, problem)
            return
        families = self._names.setdefault(key, ({}, {}))
        family = families[len(address) != IPV4_BYTES]
        if address not in family and len(family) == MOST_ADDRESSES:
            wrong = f"more than {MOST_ADDRESSES} addresses of one family"
            self._complaints.tell(path, name, wrong)
            return
        family[address] = None

    def records(self) -> list[Given]:
        """Return everything that was gathered."""
        return [(key, b"".join(ipv4), b"".join(ipv6)) for key, (ipv4, ipv6) in self._names.items()]
