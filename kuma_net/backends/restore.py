"""The backends ``iptables-nft`` and ``iptables-legacy``: rules through iptables-restore.

For kernels without nf_tables, and for hosts where somebody wants to see the rules in iptables.
What differs from the nftables backend is what iptables can promise: each *table* of each family
is one transaction, so there are up to six.  Hence

* IPv6 before IPv4, and within a family raw before nat: what relies on something comes after it,
  and IPv4, which nearly all traffic uses, comes last;
* a replacing install takes the old rules away and adds the new ones in one and the same
  transaction of a table (``netfilter.removal_text``), never by a flush;
* afterwards everything is read back and compared.  What is not as asked is tried again, and at
  last what was there before is put back, table by table;
* IPv6 failing never costs IPv4: it is left out, emptied, and said once.

Retries (``retry`` of the configuration) are for what passes: the xtables lock, a program that
hangs, another writer in between.  The same refusal twice, with nothing changed meanwhile, is
final.  One more thing that iptables does not do is to keep two of us apart between reading and
writing: ``host.locks.Held`` does.
"""

from __future__ import annotations

from kuma_net.backends.base import Applied, Installed, parse_stamp
from kuma_net.backends.iptables import PATIENCE, Iptables, Outside
from kuma_net.backends.iptables_counts import counts
from kuma_net.errors import CommandError, CommandTimeout, HostError, MissingExecutable
from kuma_net.host.locks import Held
from kuma_net.netfilter.compare import compare
from kuma_net.netfilter.contract import contract, restrict
from kuma_net.netfilter.digest import digest
from kuma_net.netfilter.ownership import STAMP_CHAIN
from kuma_net.netfilter.removal_text import render_removal, render_replacement
from kuma_net.netfilter.ruleset import Ruleset, comment
from kuma_net.netfilter.saved_text import Saved
from kuma_net.tproxy.config import Config
from kuma_net.values import BOTH_FAMILIES, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from kuma_net.backends.base import Kind, Stamp

    Seen: TypeAlias = dict[Family, Saved]

ORDER = (Family.IPV6, Family.IPV4)
"""The order in which families are written."""
LONGEST_TALE = 3
"""Differences that are told; the others are counted."""
NO_CONFIG = Config()
NO_ENVIRON: Mapping[str, str] = {}
OUTSIDE = Outside()


class Unverified(HostError):
    """What iptables lists after a change is not what was asked for."""


class Restore:
    """A ``Backend`` of one flavour; ``config`` says how (waiting, retries, programs), not what."""

    def __init__(
        self,
        kind: Kind,
        config: Config = NO_CONFIG,
        environ: Mapping[str, str] = NO_ENVIRON,
        outside: Outside = OUTSIDE,
    ) -> None:
        """Start nothing yet; ``environ`` gives PATH and XTABLES_LOCKFILE."""
        self.kind = kind
        self._retry = config.retry
        self._wait = config.wait + PATIENCE
        self._outside = outside
        self._iptables = Iptables(kind, config, environ, outside)
        self._notes: list[str] = []

    def read(self) -> Installed | None:
        """See ``Backend``; raises HostError.  No program is started where nothing is."""
        seen = self._seen()
        if not seen:
            return None
        ruleset = _joined(seen)
        found = [seen[family] for family in ruleset.families]
        stamp = parse_stamp(found[0].stamp)
        return Installed(ruleset, stamp, counts(ruleset, found), _strange(found))

    def apply(self, ruleset: Ruleset, stamp: Stamp) -> Applied:
        """See ``Backend``; raises HostError, after which what was there before is there."""
        self._notes = []
        with Held(self._wait):
            before = self._seen()
            if _is_same(before, ruleset, stamp):
                return self._applied(ruleset.families, changed=False)
            try:
                families = self._settle(ruleset, stamp, before)
            except BaseException as failure:
                self._put_back(before, failure)
                raise
        return self._applied(families, changed=True)

    def remove(self) -> Applied:
        """See ``Backend``: the nft flavour's rules go over netlink, without any program."""
        self._notes = []
        with Held(self._wait):
            changed = self._remove_nft() if self.kind == "iptables-nft" else self._remove_legacy()
        return self._applied((), changed=changed)

    def _applied(self, families: tuple[Family, ...], *, changed: bool) -> Applied:
        notes = (*self._iptables.notes, *self._notes)
        return Applied(changed, families, self._iptables.processes, tuple(dict.fromkeys(notes)))

    # --- looking ------------------------------------------------------------------------------

    def _seen(self) -> Seen:
        """Return what each family holds of ours; nothing, without a program, where that is so."""
        if not self._outside.holds(self.kind):
            return {}
        return {family: saved for family, saved in self._look().items() if saved}

    def _look(self) -> Seen:
        """Return what iptables-save says for each family that there is; raises HostError."""
        seen: Seen = {}
        for family in BOTH_FAMILIES:
            try:
                seen[family] = self._iptables.saved(family)
            except (CommandError, MissingExecutable):
                if family == Family.IPV4:
                    raise
        return seen

    # --- changing -----------------------------------------------------------------------------

    def _settle(self, ruleset: Ruleset, stamp: Stamp, before: Seen) -> tuple[Family, ...]:
        """Write, again where that may help; return the families that are in force."""
        said = ""
        for attempt in range(self._retry.max_retries + 1):
            if attempt:
                self._outside.sleep(self._retry.sleep)
            try:
                return self._write(ruleset, stamp, before)
            except (CommandError, CommandTimeout, Unverified) as refusal:
                now = self._look()
                futile = str(refusal) == said and _bare(now) == _bare(before)
                if attempt == self._retry.max_retries or (futile and not _passes(refusal)):
                    raise
                said, before = str(refusal), now
        raise AssertionError(said)  # the last attempt returned or raised

    def _write(self, ruleset: Ruleset, stamp: Stamp, seen: Seen) -> tuple[Family, ...]:
        if Family.IPV6 in ruleset.families or seen.get(Family.IPV6):
            try:
                self._write_family(Family.IPV6, ruleset, stamp, seen)
            except (CommandError, MissingExecutable) as refusal:
                if _passes(refusal) or ruleset.families == (Family.IPV6,):
                    raise
                self._leave_out_ipv6(refusal)
                ruleset = restrict(ruleset, (Family.IPV4,))
                stamp = stamp.replace(rules=digest(ruleset))
        if Family.IPV4 in ruleset.families or seen.get(Family.IPV4):
            self._write_family(Family.IPV4, ruleset, stamp, seen)
        self._verify(ruleset)
        return ruleset.families

    def _write_family(self, family: Family, ruleset: Ruleset, stamp: Stamp, seen: Seen) -> None:
        saved = seen.get(family) or _nothing(family)
        if family in ruleset.families:
            speaks = _speaks(ruleset)
            text = render_replacement(saved, ruleset, stamp=str(stamp), comments=speaks)
        else:
            text = render_removal(saved)
        self._iptables.restore(family, text)

    def _leave_out_ipv6(self, refusal: HostError) -> None:
        """Say why, and take away what a half-done change left."""
        self._notes.append(f"IPv6 is left out: {refusal}")
        try:
            saved = self._iptables.saved(Family.IPV6)
            self._iptables.restore(Family.IPV6, render_removal(saved))
        except HostError:
            return  # no IPv6, or no programs for it, so there is nothing to take away

    def _verify(self, ruleset: Ruleset) -> None:
        after = {family: saved for family, saved in self._look().items() if saved}
        drift = compare(ruleset, _joined(after))
        told = (*str(drift).splitlines(), *_strange(after.values()))
        if told:
            shown = "; ".join(told[:LONGEST_TALE])
            more = f" (and {len(told) - LONGEST_TALE} more)" if len(told) > LONGEST_TALE else ""
            raise Unverified(f"after the change {self.kind} lists something else: {shown}{more}")

    def _put_back(self, before: Seen, failure: BaseException) -> None:
        """Bring back what was there; HostError tells the failure and why this did not work."""
        try:
            now = self._look()
            for family in ORDER:
                if family not in now or _bare(now).get(family) == _bare(before).get(family):
                    continue
                old = before.get(family)
                self._iptables.restore(family, _way_back(now[family], old))
        except HostError as problem:
            told = f"{failure}; what was there before could not be put back: {problem}"
            raise HostError(told) from failure

    # --- removing -----------------------------------------------------------------------------

    def _remove_nft(self) -> bool:
        from kuma_net.backends.leftovers import remove_from_nf_tables

        found = remove_from_nf_tables()
        self._notes += found.notes
        return bool(found.requests)

    def _remove_legacy(self) -> bool:
        from kuma_net.backends.leftovers import legacy_leftovers

        changed = False
        for family in ORDER:
            found = legacy_leftovers(family)
            if found.text:
                self._patiently(family, found.text)
                self._notes += found.notes
                changed = True
        return changed

    def _patiently(self, family: Family, text: str) -> None:
        """Load a text, again while the lock is held."""
        for _ in range(self._retry.max_retries):
            try:
                self._iptables.restore(family, text)
            except CommandError as refusal:
                if not _passes(refusal):
                    raise
                self._outside.sleep(self._retry.sleep)
            else:
                return
        self._iptables.restore(family, text)


def _nothing(family: Family) -> Saved:
    return Saved(family, Ruleset((family,), (), ()))


def _way_back(now: Saved, old: Saved | None) -> str:
    """Return the text that leads from what is there to what was."""
    if old is None:
        return render_removal(now)
    stamped = ("nat", STAMP_CHAIN) in old.chains
    stamp = old.stamp or ("unknown" if stamped else "")  # without comments it is not written
    return render_replacement(now, old.ruleset, stamp=stamp, comments=_speaks(old.ruleset))


def _joined(seen: Seen) -> Ruleset:
    rulesets = {family: saved.ruleset for family, saved in seen.items()}
    return contract(rulesets.get(Family.IPV4), rulesets.get(Family.IPV6))


def _bare(seen: Seen) -> Seen:
    """Return what was seen without counters and foreign rules, which change by themselves."""
    return {family: saved.replace(counts=(), foreign=()) for family, saved in seen.items() if saved}


def _speaks(ruleset: Ruleset) -> bool:
    """Whether any rule has a comment: ``comments.disabled`` leaves none."""
    return any(comment(rule) for _, rule in ruleset.rules())


def _strange(found: Iterable[Saved]) -> tuple[str, ...]:
    listed = list(found)
    strange = [words for saved in listed for words in saved.strange]
    if len({saved.stamp for saved in listed}) > 1:
        strange.append("the stamps of the two families differ")
    return tuple(strange)


def _is_same(seen: Seen, ruleset: Ruleset, stamp: Stamp) -> bool:
    """Whether what was seen is what is asked, word for word."""
    if not seen or _strange(seen.values()) or compare(ruleset, _joined(seen)):
        return False
    if not _speaks(ruleset):
        return not any(saved.stamp for saved in seen.values())
    return all(stamp.is_kept_by(parse_stamp(saved.stamp)) for saved in seen.values())


def _passes(refusal: HostError) -> bool:
    """Whether the refusal is for a lock that somebody holds: that passes."""
    return isinstance(refusal, CommandError) and "xtables lock" in refusal.stderr
