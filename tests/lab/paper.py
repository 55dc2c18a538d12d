"""A machine on paper: the ``World`` of the actions, made of ``backends.memory`` and variables.

What is done to it is kept in ``done``, a line each, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.backends.memory import Memory
from kuma_net.host.pending import Pending
from kuma_net.host.probe import KernelFacts
from kuma_net.tproxy.facts import Account
from kuma_net.values import Family
from lab.planned import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from kuma_net.backends.base import Applied, Backend, Installed, Kind, Stamp
    from kuma_net.errors import HostError
    from kuma_net.host.pending import Word
    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.facts import HostFacts

    Owner = Literal["", "us", "others"]

KINDS: tuple[Kind, ...] = ("nftables", "iptables-nft", "iptables-legacy")
ROOT = KernelFacts(net_admin=True, nf_tables=True, ip_tables=True)
NOBODY = KernelFacts(net_admin=False, nf_tables=False, ip_tables=False)


class Noted:
    """A memory backend that notes what is done to it."""

    def __init__(self, memory: Memory, done: list[str]) -> None:
        """Wrap a backend."""
        self.memory = memory
        self.kind = memory.kind
        self._done = done

    def read(self) -> Installed | None:
        """Pass on."""
        return self.memory.read()

    def apply(self, ruleset: Ruleset, stamp: Stamp) -> Applied:
        """Pass on and note."""
        applied = self.memory.apply(ruleset, stamp)
        self._done.append(f"{self.kind}: {'changed' if applied.changed else 'nothing to do'}")
        return applied

    def remove(self) -> Applied:
        """Pass on and note."""
        applied = self.memory.remove()
        self._done.append(f"{self.kind}: removed")
        return applied


class PaperWatcher:
    """A watcher that waits for the test to say that its time is over."""

    def __init__(self, seconds: float, undo: Callable[[], None], done: list[str]) -> None:
        """Keep what would be done."""
        self.seconds = seconds
        self.undo = undo
        self._done = done

    def arm(self) -> None:
        """Note."""
        self._done.append(f"watcher: armed for {self.seconds:g} s")

    def dismiss(self) -> None:
        """Note."""
        self._done.append("watcher: dismissed")


class PaperWorld:
    """A ``World``; set its attributes to make it another machine."""

    def __init__(self) -> None:
        """Begin as root on a machine with everything and nothing installed."""
        self.environ: Mapping[str, str] = {}
        self.kernel_facts = ROOT
        self.host_facts: HostFacts = FACTS
        self.memories = {kind: Memory(kind=kind) for kind in KINDS}
        self.address: Owner = ""
        self.address_refusal: HostError | None = None
        self.resolv_backup = False
        self.resolv_refusal: HostError | None = None
        self.firewalld: dict[Family, str] = {}
        self.pending: float | None = None
        self.watcher: PaperWatcher | None = None
        self.done: list[str] = []

    def kernel(self) -> KernelFacts:
        """Return the attribute."""
        return self.kernel_facts

    def facts(self, config: Config, *, own_table: bool) -> HostFacts:
        """Return the attribute; an account that was named exists."""
        facts = self.host_facts.replace(own_table=own_table)
        if config.kuma_dp_user.isdigit():
            facts = facts.replace(account=Account(int(config.kuma_dp_user), "number given"))
        return facts

    def backend(self, kind: Kind, config: Config) -> Backend:  # noqa: ARG002 - the seam's signature
        """Return the memory that stands for it."""
        return Noted(self.memories[kind], self.done)

    def holders(self, besides: Kind | None = None) -> tuple[Kind, ...]:
        """Return who holds something."""
        held = [kind for kind in KINDS if self.memories[kind].installed]
        return tuple(kind for kind in held if kind != besides)

    def has_address(self) -> bool:
        """Return whether anybody put it there."""
        return bool(self.address)

    def add_address(self) -> bool:
        """Add it, unless that is refused."""
        if self.address_refusal:
            raise self.address_refusal
        if self.address:
            return False
        self.address = "us"
        self.done.append("address: added")
        return True

    def remove_address(self, *, pretend: bool = False) -> bool:
        """Remove it if it is ours."""
        ours = self.address == "us"
        if ours and not pretend:
            self.address = ""
            self.done.append("address: removed")
        return ours

    def restore_resolv_conf(self, *, pretend: bool = False) -> bool:
        """Restore it if there is a backup."""
        if self.resolv_refusal:
            raise self.resolv_refusal
        there = self.resolv_backup
        if there and not pretend:
            self.resolv_backup = False
            self.done.append("resolv.conf: restored")
        return there

    def store_firewalld(self, texts: dict[Family, str]) -> bool:
        """Keep the texts."""
        changed = self.firewalld != texts
        self.firewalld = texts
        return changed

    def unstore_firewalld(self, *, pretend: bool = False) -> bool:
        """Drop the texts."""
        there = bool(self.firewalld)
        if there and not pretend:
            self.firewalld = {}
            self.done.append("firewalld: removed")
        return there

    def create_account(self) -> Account | None:
        """Make one."""
        account = Account(5678, "UID 5678")
        self.host_facts = self.host_facts.replace(account=account)
        self.done.append("account: made")
        return account

    def watch(self, seconds: float, undo: Callable[[], None]) -> PaperWatcher:
        """Return a watcher that does nothing by itself."""
        self.watcher = PaperWatcher(seconds, undo, self.done)
        self.done.append("watcher: started")
        return self.watcher

    def ask_watcher(self, word: Word) -> Pending | None:
        """Answer as the watcher would."""
        if self.pending is None:
            return None
        left = Pending(self.pending)
        if word != "status":
            self.pending = None
            self.done.append(f"watcher: {word}")
        return left
