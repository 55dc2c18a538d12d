"""The zones that belong to the mesh: below them nothing is ever asked of anybody else."""

from __future__ import annotations

from typing import Final

from kuma_dns.wire.name import LONGEST_NAME, is_within, key_of
from kuma_net.values import Malformed

DEFAULT_ZONES: Final = ("mesh", "mesh.local")
"""Kuma's service names end in the first, those of its HostnameGenerators in the second."""

LONGEST_ZONE: Final = LONGEST_NAME - len(b"\nhostmaster")
"""Bytes: ``hostmaster.ZONE`` stands in its SOA record (``wire.reply``)."""


def zone_key(name: str) -> bytes:
    """Return the key of a zone's name; ``Malformed`` for one that is none."""
    key = key_of(name)
    if len(key) > LONGEST_ZONE:
        raise Malformed(name, f"the zone takes {len(key)} bytes", f"{LONGEST_ZONE} at most")
    return key


class Zones:
    """Some zones; of two that lie within each other the longer one owns a name."""

    __slots__ = ("keys",)

    def __init__(self, names: tuple[str, ...] = DEFAULT_ZONES) -> None:
        """Take the zones' names; ``Malformed`` for one that is no name."""
        self.keys = tuple(
            sorted({zone_key(name) for name in names}, key=lambda key: (-len(key), key))
        )

    def of(self, name: bytes) -> bytes | None:
        """Return the key of the zone that a name (a key) is in; None outside all of them."""
        for zone in self.keys:
            if name.endswith(zone) and is_within(name, zone):
                return zone
        return None
