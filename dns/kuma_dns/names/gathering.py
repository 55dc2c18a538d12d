"""Names as sources write them, checked; and addresses that are told one by one, gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.names.addresses import IPV4_BYTES
from kuma_dns.names.table import MOST_ADDRESSES
from kuma_dns.wire.name import LONGEST_LABEL, LONGEST_NAME, key_of
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from kuma_dns.names.source import Complaints, Given

MOST_LABELS: Final = 32
"""Of a name: each label may make an empty name above it, and no mesh needs more than ten."""
_MOST_TAILS: Final = 20_000
_PLAIN: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_SIZES: Final = [bytes((size,)) for size in range(LONGEST_LABEL + 1)]


def checked_key(name: str) -> bytes:
    """Return a name's key; ``Malformed`` if it is none that a source may bring."""
    if len(name) > LONGEST_NAME:  # told before anything looks at each of its 64 million labels
        raise Malformed(name, f"the name has {len(name)} characters", "253 at most")
    key = key_of(name)
    if name.removesuffix(".").count(".") >= MOST_LABELS:
        raise Malformed(name, f"more than {MOST_LABELS} labels", f"{MOST_LABELS} at most")
    return key


class Keys:
    """Makes keys of many names: ``checked_key`` at a third of its cost.

    Names of a mesh differ in their first label and share the rest of it (namespace, kind, zone),
    so the rest is checked once, and of most names only a label.
    """

    __slots__ = ("_tails",)

    def __init__(self) -> None:
        """Begin with no name seen."""
        self._tails: dict[str, bytes] = {}

    def of(self, name: str) -> bytes:
        """Return a name's key; ``Malformed`` if it is none that a source may bring."""
        label, _, tail = name.partition(".")
        behind = self._tails.get(tail)
        size = len(label)
        if behind is not None and 0 < size <= LONGEST_LABEL and label.isascii():
            raw = label.encode().lower()
            if not raw.translate(None, _PLAIN) and raw[:1] != b"-" and raw[-1:] != b"-":
                key = _SIZES[size] + raw + behind
                if len(key) <= LONGEST_NAME:
                    return key
        key = checked_key(name)
        if len(self._tails) < _MOST_TAILS:
            self._tails[tail] = key[key[0] + 1 :]
        return key


class Gathering:
    """Names with the addresses told so far, each once, in order."""

    __slots__ = ("_complaints", "_keys", "_names")

    def __init__(self, complaints: Complaints) -> None:
        """Begin with none; what cannot be used is told to ``complaints``."""
        self._complaints = complaints
        self._keys = Keys()
        self._names: dict[bytes, tuple[dict[bytes, None], dict[bytes, None]]] = {}

    def add(self, path: str, name: str, address: bytes) -> None:
        """Give a name one more (packed) address; ``path`` is where that was said."""
        try:
            key = self._keys.of(name)
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
