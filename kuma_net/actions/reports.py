"""What came of a change, as values; ``cli`` words them.

Each report knows the exit code it stands for.  Notes are finished sentences for the person: what
was left out and why, what else was done.  What actions that only look come back with is in
``findings``, which an install does not load.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Kind
    from kuma_net.values import Family


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
