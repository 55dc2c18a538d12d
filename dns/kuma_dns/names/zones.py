"""The zones that belong to the mesh: below them nothing is ever asked of anybody else."""

from __future__ import annotations

from typing import Final

from kuma_dns.wire.name import is_within, key_of

DEFAULT_ZONES: Final = ("mesh", "mesh.local")
"""Kuma's service names end in the first, those of its HostnameGenerators in the second."""


class Zones:
    """Some zones; of two that lie within each other the longer one owns a name."""

    __slots__ = ("keys",)

    def __init__(self, names: tuple[str, ...] = DEFAULT_ZONES) -> None:
        """Take the zones' names; ``Malformed`` for one that is no name."""
        self.keys = tuple(
            sorted({key_of(name) for name in names}, key=lambda key: (-len(key), key))
        )

    def of(self, name: bytes) -> bytes | None:
        """Return the key of the zone that a name (a key) is in; None outside all of them."""
        for zone in self.keys:
            if name.endswith(zone) and is_within(name, zone):
                return zone
        return None
