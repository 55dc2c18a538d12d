"""The machine as actions see it: one object through which every effect goes.

An action takes a ``World`` as its last parameter; ``Machine`` is the real one, and the default.
Tests hand in another, whose backends are ``backends.memory``.  Everything rare is imported
where it is needed: an init container starts with this file.
"""

from __future__ import annotations

from kuma_net.errors import HostError, NoBackend
from kuma_net.tproxy.config import Dns
from kuma_net.values import BOTH_FAMILIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from kuma_net.backends.base import Backend, Kind
    from kuma_net.host.pending import Pending, Word
    from kuma_net.host.probe import KernelFacts
    from kuma_net.host.watcher import Watcher
    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.facts import Account, HostFacts
    from kuma_net.values import Family

    class Guard(Protocol):
        """The line to the process that undoes a change; see ``host.watcher.Watcher``."""

        def arm(self) -> None:
            """Say that the change is made."""

        def dismiss(self) -> None:
            """Say that nothing is to be undone."""

    class World(Protocol):
        """What actions ask of the machine; every method may raise HostError."""

        def kernel(self) -> KernelFacts:
            """Return what the kernel can do, asked over netlink."""

        def facts(self, config: Config, *, own_table: bool) -> HostFacts:
            """Return what a plan needs to know of the machine."""

        def backend(self, kind: Kind, config: Config) -> Backend:
            """Return a way of telling the kernel."""

        def holders(self, besides: Kind | None = None) -> tuple[Kind, ...]:
            """Return who else holds rules of ours, or kumactl's; starts no process."""

        def has_address(self) -> bool:
            """Whether ``::6/128`` is on the loopback interface."""

        def add_address(self) -> bool:
            """Put ``::6/128`` on the loopback interface; False when it was there."""

        def remove_address(self, *, pretend: bool = False) -> bool:
            """Take ``::6/128`` away if we had put it there; False when not.

            ``pretend``, here and below: only say whether there is anything to do.
            """

        def restore_resolv_conf(self, *, pretend: bool = False) -> bool:
            """Put kumactl's backup of resolv.conf back; False when there is none."""

        def store_firewalld(self, texts: dict[Family, str]) -> bool:
            """Keep rules in firewalld's direct.xml; False when they were there."""

        def unstore_firewalld(self, *, pretend: bool = False) -> bool:
            """Take our rules out of direct.xml; False when there were none."""

        def create_account(self) -> Account | None:
            """Make the account ``kuma-dp`` unless there is one."""

        def watch(self, seconds: float, undo: Callable[[], None]) -> Guard:
            """Start a process that undoes a change unless it is confirmed."""

        def ask_watcher(self, word: Word) -> Pending | None:
            """Say a word to that process; None when there is none."""


class Machine:
    """The machine we run on, in the calling thread's network namespace.

    ``resolv_conf`` takes the place of /etc/resolv.conf where the namespace has its own.
    """

    def __init__(self, environ: Mapping[str, str], resolv_conf: str = "") -> None:
        """Keep what cannot be asked from the kernel."""
        self.environ = environ
        self._resolv_conf = resolv_conf

    def kernel(self) -> KernelFacts:
        """See ``host.probe``."""
        from kuma_net.host.probe import kernel_facts

        return kernel_facts()

    def facts(self, config: Config, *, own_table: bool) -> HostFacts:
        """See ``host.probe``."""
        from kuma_net.host.probe import probe

        dns = config.redirect.dns
        if self._resolv_conf and dns.resolv_conf == Dns().resolv_conf:
            dns = dns.replace(resolv_conf=self._resolv_conf)
            config = config.replace(redirect=config.redirect.replace(dns=dns))
        return probe(config, own_table=own_table, environ=self.environ)

    def backend(self, kind: Kind, config: Config) -> Backend:
        """Return a new one: it holds no socket from before a fork."""
        if kind == "nftables":
            from kuma_net.backends.nftables import Nftables

            return Nftables()
        if kind == "memory":
            raise NoBackend({kind: "it is for tests, and no kernel at all"})
        from kuma_net.backends.restore import Restore

        return Restore(kind, config, self.environ)

    def holders(self, besides: Kind | None = None) -> tuple[Kind, ...]:
        """See ``backends.leftovers``.

        Besides ``nftables``, which has swept the tables of iptables-nft in its own transaction,
        only legacy tables are left to look at, and mostly there are none.
        """
        if besides == "nftables":
            from kuma_net.host.legacy_tables import table_names

            if not any(table_names(family) for family in BOTH_FAMILIES):
                return ()
        from kuma_net.backends.leftovers import KINDS, holders

        swept = ("nftables", "iptables-nft") if besides == "nftables" else (besides,)
        return holders(kinds=tuple(kind for kind in KINDS if kind not in swept))

    def has_address(self) -> bool:
        """See ``host.loopback``."""
        from kuma_net.host.loopback import has_passthrough_address

        return has_passthrough_address()

    def add_address(self) -> bool:
        """See ``host.loopback``."""
        from kuma_net.host.loopback import add_passthrough_address

        return add_passthrough_address()

    def remove_address(self, *, pretend: bool = False) -> bool:
        """See ``host.loopback``."""
        from kuma_net.host.loopback import remove_passthrough_address

        return remove_passthrough_address(pretend=pretend)

    def restore_resolv_conf(self, *, pretend: bool = False) -> bool:
        """See ``host.resolv``."""
        from kuma_net.host.resolv import BACKUP, restore_backup

        try:
            return restore_backup(pretend=pretend)
        except OSError as problem:
            raise HostError(f"{BACKUP} cannot be put back: {problem.strerror}") from problem

    def store_firewalld(self, texts: dict[Family, str]) -> bool:
        """See ``host.firewalld``."""
        from kuma_net.host.firewalld import store

        return store(texts)

    def unstore_firewalld(self, *, pretend: bool = False) -> bool:
        """See ``host.firewalld``."""
        from kuma_net.host.firewalld import unstore

        return unstore(pretend=pretend)

    def create_account(self) -> Account | None:
        """See ``host.accounts``."""
        from kuma_net.host.accounts import create
        from kuma_net.host.commands import run

        return create(run)

    def watch(self, seconds: float, undo: Callable[[], None]) -> Watcher:
        """See ``host.watcher``."""
        from kuma_net.host.watcher import start

        return start(seconds, undo)

    def ask_watcher(self, word: Word) -> Pending | None:
        """See ``host.pending``."""
        from kuma_net.host.pending import ask

        return ask(word)
