"""A short digest of a configuration, for the stamp that an installed ruleset carries.

Only what decides about capture takes part: two installs that differ in ``verbose``, in waiting
times or in the backend asked for have the same digest.  User data of a kernel object holds at
most 256 bytes, so the stamp carries this instead of the configuration.

What surprised us: the ``repr`` of ten thousand rules costs 100 ms.  Plain tuples of numbers and
texts are serialised by ``marshal`` instead, in its version 2, which has no references (later
versions write one thing differently depending on who else holds it) and has been frozen since
Python 2.5; the digest is therefore the same for every process and version.
"""

from __future__ import annotations

from _blake2 import blake2b
from marshal import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.record import Record
    from kuma_net.tproxy.config import Config, OwnerExclusion

MARSHAL_VERSION = 2
DIGEST_BYTES = 8


def config_digest(config: Config) -> str:
    """Return 16 hexadecimal digits that depend on everything that capture depends on."""
    redirect = config.redirect
    outbound = redirect.outbound.replace(exclude_for_uids=(), exclude_for_gids=())
    said = (
        config.ip_family_mode,
        config.kuma_dp_user,
        _fields(redirect.inbound),
        _fields(outbound),
        _rules(redirect.outbound.exclude_for_uids),
        _rules(redirect.outbound.exclude_for_gids),
        _fields(redirect.dns),
        tuple(str(vnet.interface) + str(vnet.network) for vnet in redirect.vnet),
        tuple(str(interface) for interface in redirect.exclude_interfaces),
        config.drop_invalid_packets,
        _fields(config.log),
        config.comments_disabled,
    )
    return blake2b(dumps(said, MARSHAL_VERSION), digest_size=DIGEST_BYTES).hexdigest()


def _fields(record: Record) -> tuple[str, ...]:
    return tuple([repr(getattr(record, field)) for field in record.__match_args__])


def _rules(
    rules: tuple[OwnerExclusion, ...],
) -> list[tuple[int, int, tuple[tuple[int, int], ...], tuple[int, int]]]:
    """Return rules as numbers: first protocol, how many protocols, ports, ids."""
    return [(r.protocols[0].number, len(r.protocols), r.ports.intervals, r.ids) for r in rules]
