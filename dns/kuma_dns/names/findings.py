"""What there is to say about some sources before they are served: ``kuma-dns check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_dns.names.addresses import each_text
from kuma_dns.names.join import DEFAULT_TTL, Joined
from kuma_dns.names.table import COLLIDES
from kuma_dns.wire.name import text_of
from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kuma_dns.names.source import Names
    from kuma_dns.names.zones import Zones


class Served(Record):
    """One name as it would be answered; ``remark`` says what is special about it."""

    name: str
    addresses: tuple[str, ...]
    source: str
    remark: str = ""


class Findings:
    """Everything that was found; nothing is served of a source that is ``refused``.

    ``violations`` are mistakes, ``warnings`` things to know; of each at most a hundred a source are
    kept, ``counts`` has the true numbers: names, ipv4, ipv6, derived, empty, reverse, collisions,
    violations, warnings.
    """

    def __init__(
        self, joined: Joined, names: Sequence[Names] = (), refusals: Sequence[Violation] = ()
    ) -> None:
        """Sum up what reading and joining said."""
        left_out = [complaint for one in names for complaint in one.complaints.violations]
        self.refused = bool(refusals)
        self.violations = (*refusals, *left_out, *joined.violations.violations)
        self.warnings = tuple(joined.warnings.violations)
        self.joined = joined
        everything = [*joined.known.values(), *joined.derived.values()]
        self.counts = {
            "names": len(joined.known),
            "ipv4": sum([len(known[0]) // 4 for known in joined.known.values()]),
            "ipv6": sum([len(known[1]) // 16 for known in joined.known.values()]),
            "derived": len(joined.derived),
            "empty": len(joined.empty),
            "reverse": len(joined.reverse),
            "collisions": sum([1 for known in everything if known[2] & COLLIDES]),
            "violations": len(refusals)
            + sum([one.complaints.count for one in names])
            + joined.violations.count,
            "warnings": joined.warnings.count,
        }

    def served(self) -> Iterator[Served]:
        """Iterate over what would be served, in order of names: records and their spellings."""
        joined = self.joined
        all_names = joined.known | joined.derived
        for name, key in sorted([(text_of(key), key) for key in all_names]):
            ipv4, ipv6, flags, source = all_names[key]
            remark = "another spelling" if key in joined.derived else ""
            if flags & COLLIDES:
                remark = "not served: sources contradict each other"
            yield Served(name, tuple(each_text(ipv4, ipv6)), joined.sources[source], remark)


def examine(
    read: Callable[[str, str], Names], text: str, source: str, zones: Zones, ttl: int = DEFAULT_TTL
) -> Findings:
    """Say what is to be said of one source; ``read`` is ``read_document`` or ``read_hosts``."""
    try:
        names = read(text, source)
    except ConfigError as refused:
        return Findings(Joined([], zones, ttl), refusals=refused.violations)
    return Findings(Joined([names], zones, ttl), [names])
