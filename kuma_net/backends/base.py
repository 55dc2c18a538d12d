"""The seam: a way of telling the kernel.

A backend reads what is installed, applies a whole ruleset or nothing, and removes what is
ours.  Each verb is safe to repeat.  Shipped: ``nftables`` (own netlink), ``restore``
(iptables-restore in its nft and legacy flavours) and ``memory`` (the shipped fake).
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Protocol, TypeAlias

    from kuma_net.netfilter.ruleset import Chain, HookChain, Ruleset
    from kuma_net.values import Family

    Kind: TypeAlias = Literal["nftables", "iptables-nft", "iptables-legacy", "memory"]


class Stamp(Record):
    """What an installed ruleset says of itself: who made it, from what.

    ``config`` and ``rules`` are short hexadecimal digests of the Config and of the Ruleset
    (``netfilter.digest``).  The text form fits any comment.
    """

    version: str
    config: str
    rules: str

    def __str__(self) -> str:
        """``kuma-net VERSION config=DIGEST rules=DIGEST``."""
        return f"kuma-net {self.version} config={self.config} rules={self.rules}"

    def is_kept_by(self, found: Stamp | None) -> bool:
        """Whether rules stamped ``found`` may stay where these are wanted.

        Program and rules must be the same.  The configuration may be another one: what an
        annotation says and what a flag says often come to the same rules, and equal rules are
        no reason to send anything.
        """
        return found is not None and (found.version, found.rules) == (self.version, self.rules)


def parse_stamp(text: str) -> Stamp | None:
    """Read a stamp's text form; None when it is not one."""
    words = text.split(" ")
    if len(words) != 4 or words[0] != "kuma-net":  # noqa: PLR2004 - the four words of str(Stamp)
        return None
    _, version, config, rules = words
    if not (config.startswith("config=") and rules.startswith("rules=")):
        return None
    return Stamp(version, config.removeprefix("config="), rules.removeprefix("rules="))


class RuleCount(Record):
    """Packets and bytes a rule has seen.

    ``chain`` (``counted_place``) and ``position`` (from 0) say which rule of
    ``Installed.ruleset``.  Where the kernel has several rules for it, theirs are added up.
    """

    chain: str
    position: int
    packets: int
    octets: int


def counted_place(chain: HookChain | Chain) -> str:
    """Return how a ``RuleCount`` names a chain: ``nat OUTPUT``, ``KUMA_MESH_OUTBOUND``."""
    return getattr(chain, "name", "") or f"{chain.table} {getattr(chain, 'hook', '')}"


class Installed(Record):
    """What a backend found: ``ruleset`` and ``stamp`` (None when there is none or it is damaged).

    ``strange`` lists, in words, objects in our place that are no rule of ours: any entry means
    that somebody changed it.
    """

    ruleset: Ruleset
    stamp: Stamp | None
    counts: tuple[RuleCount, ...] = ()
    strange: tuple[str, ...] = ()


class Applied(Record):
    """What an ``apply`` or ``remove`` did.

    ``changed``: something was sent to the kernel.  ``families`` are those now installed.
    ``processes`` counts child processes.  ``notes`` are sentences for the person (a family left
    out, a fallback taken, kumactl's rules replaced).
    """

    changed: bool
    families: tuple[Family, ...] = ()
    processes: int = 0
    notes: tuple[str, ...] = ()


if TYPE_CHECKING:

    class Backend(Protocol):
        """A way of telling the kernel; all verbs act on the calling thread's network namespace."""

        kind: Kind

        def read(self) -> Installed | None:
            """Return what of ours is installed, or None when nothing is; raises HostError."""

        def apply(self, ruleset: Ruleset, stamp: Stamp) -> Applied:
            """Make the kernel hold exactly ``ruleset``; nothing is sent when it does already."""

        def remove(self) -> Applied:
            """Take away whatever of ours this backend can see; foreign rules stay as they are."""
