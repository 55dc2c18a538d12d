"""What came of an action, as values; ``cli`` words them.

Each report knows the exit code it stands for: 0 done, 3 what is installed differs.  Notes are
finished sentences for the person: what was left out and why, what else was done.
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


class InstallReport(Record):
    """What ``install`` did, or in a dry run would do.

    ``reason`` says why this backend.  ``changed``: something was sent to the kernel.  ``text``
    is the ruleset as text in a dry run, else empty.  ``confirm_within``: seconds after which
    the change is rolled back unless confirmed, 0 for never.  ``details`` are for whoever asks
    for more.
    """

    backend: Kind
    reason: str
    families: tuple[Family, ...]
    changed: bool = False
    processes: int = 0
    notes: tuple[str, ...] = ()
    text: str = ""
    confirm_within: float = 0.0
    details: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Done."""
        return 0


class UninstallReport(Record):
    """What ``uninstall`` did, or in a dry run would do.

    ``removed`` names each thing that was taken away; ``resolv_conf``: /etc/resolv.conf was
    restored from kumactl's backup.
    """

    removed: tuple[str, ...]
    resolv_conf: bool = False
    processes: int = 0
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """Done, also when there was nothing to take away."""
        return 0


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
