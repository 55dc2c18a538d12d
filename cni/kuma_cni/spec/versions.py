"""Versions of the CNI specification, and what a request must name at least for a verb."""

from __future__ import annotations

from kuma_cni.spec.problem import INCOMPATIBLE_VERSION, CniError

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
"""All that were published, oldest first; we speak every one."""
NEWEST = VERSIONS[-1]
SINCE = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}
"""Verbs that came later."""


def at_least(version: str, other: str) -> bool:
    """Whether a version is another or came after it; both must be in ``VERSIONS``."""
    return VERSIONS.index(version) >= VERSIONS.index(other)


def check_version(version: str, verb: str) -> None:
    """Refuse a version that we do not speak, or that does not know the verb; raises CniError."""
    if version not in VERSIONS:
        raise CniError(
            INCOMPATIBLE_VERSION,
            "this version of CNI is not supported",
            f"cniVersion is {version[:40]!r}, supported are {', '.join(VERSIONS)}",
        )
    since = SINCE.get(verb, VERSIONS[0])
    if not at_least(version, since):
        raise CniError(
            INCOMPATIBLE_VERSION,
            f"CNI {version} has no {verb}",
            f"{verb} came with {since}; raise the configuration's cniVersion to use it",
        )
