"""Why a pod need not be looked at again: nobody has changed a rule in its namespace since.

To read all rules of a pod and compare them takes 10 ms of a processor; a hundred pods, four times
a minute, would keep a twentieth of one busy for nothing.  The kernel counts the transactions of
each network namespace (NFT_MSG_GETGEN, "the generation"): as long as that number stays, so do the
rules.  To ask for it costs a fiftieth.

A proof is a text: the namespace's identity, the generation, the file by which it was entered.  It
says nothing of what else the rules rest on (an address of the loopback interface, whether there is
IPv6), so it is not believed for ever (``loop.THOROUGH``).
"""

from __future__ import annotations

from kuma_cni.plugin.namespace import PodNamespace
from kuma_cni.spec.problem import CniError
from kuma_net.backends.nftables import generation_of_rules
from kuma_net.errors import KumaNetError
from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.host.netns import identity
from kuma_net.record import Record


class Memory(Record):
    """What earlier rounds leave to the next one.

    ``waiting`` are keys of pods that are not to be touched yet; ``proofs`` are by key, of pods
    whose rules were right.
    """

    waiting: frozenset[str] = frozenset()
    proofs: dict[str, str] = {}  # noqa: RUF012 - a Record's default, never written to


def proof_of(netns: str) -> str:
    """Return the proof for the rules as they are; raises OSError, CniError and KumaNetError."""
    found = identity(netns)
    with PodNamespace(netns), NetlinkSocket(what="reading the rules") as kernel:
        return f"{found.device}:{found.inode}:{generation_of_rules(kernel)} {netns}"


def still_holds(proof: str) -> bool:
    """Whether nothing has changed since; False also where that cannot be told."""
    try:
        return proof_of(proof.partition(" ")[2]) == proof
    except (OSError, CniError, KumaNetError):
        return False
