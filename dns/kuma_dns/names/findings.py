"""What there is to say about some sources before they are served: ``kuma-dns check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_dns.names.table import COLLIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuma_dns.names.join import Joined
    from kuma_dns.names.source import Names
    from kuma_net.errors import Violation


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
