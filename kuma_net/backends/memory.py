"""The shipped fake: a kernel that is a variable, and prints itself in an administrator's words.

``Memory`` keeps what is applied, so actions and command lines can be tried without root and
without a network namespace.  Whoever embeds kuma-net may use it for the same purpose.  What can
be set up beforehand: rules that are there already, families the kernel refuses, an error for
every change.
"""

from __future__ import annotations

from kuma_net.backends.base import Applied, Installed, RuleCount, counted_place
from kuma_net.values import BOTH_FAMILIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Kind, Stamp
    from kuma_net.errors import HostError
    from kuma_net.netfilter.ruleset import Chain, HookChain, Ruleset
    from kuma_net.values import Family


class Memory:
    """A backend whose kernel is the attribute ``installed``; it has no second thread in mind.

    ``kind`` is what it passes itself off as.  ``families`` are those this kernel knows: of a
    ruleset for more, the rest is left out and said, as the real backends do.  ``refusal`` is
    raised by each change while it is set; nothing is changed then.  ``changes`` counts those
    that were made.
    """

    def __init__(
        self,
        installed: Installed | None = None,
        *,
        kind: Kind = "memory",
        families: tuple[Family, ...] = BOTH_FAMILIES,
        refusal: HostError | None = None,
    ) -> None:
        """Begin with ``installed``."""
        self.installed = installed
        self.kind: Kind = kind
        self.families = families
        self.refusal = refusal
        self.changes = 0

    def read(self) -> Installed | None:
        """Return what was applied last, each rule with its counter."""
        return self.installed

    def apply(self, ruleset: Ruleset, stamp: Stamp) -> Applied:
        """Keep the ruleset; equal to the one kept, it changes nothing (counters stay)."""
        if self.refusal is not None:
            raise self.refusal
        families = tuple(family for family in ruleset.families if family in self.families)
        notes: tuple[str, ...] = ()
        if families != ruleset.families:
            from kuma_net.netfilter.digest import digest
            from kuma_net.netfilter.expand import restrict

            left_out = next(family for family in ruleset.families if family not in families)
            notes = (f"{left_out} is left out: this kernel does not know it",)
            ruleset = restrict(ruleset, families)
            stamp = stamp.replace(rules=digest(ruleset))
        before = self.installed
        same = before and before.ruleset == ruleset and stamp.is_kept_by(before.stamp)
        if before and same and not before.strange:
            return Applied(changed=False, families=families, notes=notes)
        self.installed = Installed(ruleset, stamp, _zero_counts(ruleset))
        self.changes += 1
        return Applied(changed=True, families=families, notes=notes)

    def remove(self) -> Applied:
        """Forget everything."""
        if self.installed is None:
            return Applied(changed=False)
        if self.refusal is not None:
            raise self.refusal
        self.installed = None
        self.changes += 1
        return Applied(changed=True)

    def __str__(self) -> str:
        """One line a rule: table, chain, what is done with which packets, why."""
        if self.installed is None:
            return "nothing is installed\n"
        from kuma_net.netfilter.describe import describe_ruleset

        lines = [str(self.installed.stamp) if self.installed.stamp else "no stamp"]
        lines.append(describe_ruleset(self.installed.ruleset))
        lines += [f"strange: {words}" for words in self.installed.strange]
        return "\n".join(lines) + "\n"


def _zero_counts(ruleset: Ruleset) -> tuple[RuleCount, ...]:
    """Return a counter that has seen nothing for every rule, chain by chain."""
    everything: tuple[HookChain | Chain, ...] = (*ruleset.hooks, *ruleset.chains)
    return tuple(
        RuleCount(counted_place(chain), position, 0, 0)
        for chain in everything
        for position in range(len(chain.rules))
    )
