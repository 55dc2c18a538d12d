"""What a packet table is: a configuration and what becomes of packets under it.

A case's options are key paths, as in a configuration document; ``files`` are written on the
application's host before installing, ``foreign`` are iptables rules of somebody else that are
there first, in both families.  ``{flavour}`` in the path of a program stands for the flavour of
iptables that goes with a backend.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Case(Record):
    """A configuration and what becomes of packets under it; ``name`` is a sentence."""

    name: str
    options: Mapping[str, object]
    rows: str
    files: Mapping[str, str] = {}
    foreign: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return self.name.replace(" ", "-")


PLAIN = """
    workload     tcp world:80       -> outbound
    remote       tcp self:8080      -> inbound
    sidecar      tcp world:80       -> direct
    passthrough  tcp self:8080      -> direct
"""
"""Capture as such, both ways, without loops: rows for options that must not change it."""
