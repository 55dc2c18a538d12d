"""What an action that only looks has found, as values; ``cli`` words them.

Each knows the exit code it stands for: 0, or 3 where what is installed differs.  Notes are
finished sentences for the person.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from kuma_net.backends.base import Kind
    from kuma_net.values import Family

    Verdict: TypeAlias = Literal["nothing", "as asked", "differs", "untouched", "changed"]

DIFFERS = 3
"""Exit code."""


class CountedRule(Record):
    """A rule in words, where it stands, and what it has seen (None: the kernel did not say)."""

    chain: str
    rule: str
    packets: int | None
    octets: int | None


class StatusReport(Record):
    """What is installed, and whether that is as it should be.

    * ``backend``, ``version``, ``config`` (digest), ``families``: of what is installed; empty
      where nothing is, or its stamp is gone.
    * ``verdict``: ``as asked`` or ``differs`` where options were given; otherwise ``untouched``
      or ``changed`` by its own digest; ``nothing`` is installed and nothing was asked.
    * ``drift``: what differs, a line each.
    * ``pending``: seconds left to confirm the last change, or None.
    """

    backend: Kind | None
    version: str
    config: str
    families: tuple[Family, ...]
    rules: tuple[CountedRule, ...]
    verdict: Verdict
    drift: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pending: float | None = None

    @property
    def exit_code(self) -> int:
        """3 when it is not as it should be."""
        return DIFFERS if self.verdict in {"differs", "changed"} else 0


class PlanReport(Record):
    """What ``install`` with the same options would change: ``drift`` has a line for each thing."""

    backend: Kind
    reason: str
    families: tuple[Family, ...]
    drift: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 when anything would change."""
        return DIFFERS if self.drift else 0


class Explanation(Record):
    """What rules are for, or what becomes of a packet.

    ``outcome`` and ``port`` are those of the packet (``netfilter.simulate.Verdict``); empty and
    0 where there was none.
    """

    text: str
    outcome: str
    port: int
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Done."""
        return 0
