"""A short name for what a ruleset asks, to stand in a stamp.

Two canonical rulesets that ask the same have one digest, whether they were compiled or read
back: it is taken of the flat form (``kuma_net.netfilter.flat``), which leaves out
what no listing tells.  The text of a ``Record`` is all of its value, so the text is what is
hashed.  BLAKE2s (RFC 7693) with 8 bytes: against mix-ups, not against forgers.
"""

from __future__ import annotations

from _blake2 import blake2s

from kuma_net.netfilter.flat import flatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Ruleset

DIGEST_BYTES = 8


def digest(ruleset: Ruleset) -> str:
    """Return 16 hexadecimal digits for a canonical ruleset."""
    return blake2s(repr(flatten(ruleset)).encode(), digest_size=DIGEST_BYTES).hexdigest()
