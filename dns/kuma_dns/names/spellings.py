"""The other ways in which people write a name of the mesh.

==============================================  ==============================================
given                                           answers as well
==============================================  ==============================================
``frontend-api_kuma-demo_svc_8080.mesh``        ``frontend-api.kuma-demo.svc.8080.mesh``
``web-0.web.mesh`` (pod, service)               ``web.web-0.mesh``, and the other way round
==============================================  ==============================================

The first is Kuma's own rule for the service tag: ``_`` becomes ``.`` (a service tag is a label, a
host name must not have underscores).  The second is for instances of headless services, for
which both orders are in use; it is applied only where one of two labels begins with the other
and ``-``, as the pods of a StatefulSet or Deployment do.  Nothing else is derived, and nothing from
what is derived: a name must never be a guess.
"""

from __future__ import annotations

from kuma_dns.names.gathering import MOST_LABELS
from kuma_dns.wire.name import labels


def spellings(key: bytes, zone: bytes) -> tuple[bytes, ...]:
    """Return the keys of a name's other spellings; it must be within ``zone``."""
    front = key[: len(key) - len(zone)]
    if b"_" in front:
        dotted = _dotted(front)
        return () if dotted is None else (dotted + zone,)
    swapped = _swapped(front)
    return () if swapped is None else (swapped + zone,)


def _dotted(front: bytes) -> bytes | None:
    """Write labels with ``.`` for ``_``; None if that gives no host's name, or too deep a one."""
    parts = [part for label in labels(front + b"\0") for part in label.split(b"_")]
    if len(parts) > MOST_LABELS or not all(
        part and part[:1] != b"-" and part[-1:] != b"-" for part in parts
    ):
        return None
    return b"".join([bytes((len(part),)) + part for part in parts])


def _swapped(front: bytes) -> bytes | None:
    """Write the labels of an instance in the other order; None if they are not of one."""
    size = len(front)
    if not size:
        return None
    second = front[0] + 1
    if second >= size or second + front[second] + 1 != size:
        return None
    one, two = front[1:second], front[second + 1 :]
    if not (one.startswith(two + b"-") or two.startswith(one + b"-")):
        return None
    return front[second:] + front[:second]
