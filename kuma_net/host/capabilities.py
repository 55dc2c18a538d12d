"""What this process may do, read from /proc (proc(5), capabilities(7)).

The kernel's own answer to a netlink message is the better witness (a capability counts in the
user namespace that owns the network namespace); this is for the words of a refusal and for the
rare path where there is no netlink subsystem to ask.
"""

from __future__ import annotations

NET_ADMIN = 12
"""CAP_NET_ADMIN (include/uapi/linux/capability.h)."""

STATUS = "/proc/thread-self/status"
UID_MAP = "/proc/thread-self/uid_map"


def effective(status: str) -> int:
    """Return the effective set in the text of a ``status`` file, as a bit mask; 0 if not there."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.removeprefix("CapEff:"), 16)
    return 0


def has_net_admin(path: str = STATUS) -> bool:
    """Whether CAP_NET_ADMIN is in the effective set; False where there is no /proc."""
    try:
        with open(path, encoding="utf-8", errors="replace") as status:  # noqa: PTH123 - lean
            return bool(effective(status.read()) >> NET_ADMIN & 1)
    except OSError:
        return False


def maps(uid_map: str, uid: int) -> bool:
    """Whether a user id of this user namespace is mapped, by the text of a ``uid_map`` file.

    Each line is ``first inside, first outside, count`` (user_namespaces(7)).  The kernel refuses
    a rule that names an unmapped id, or takes it for the overflow user.
    """
    for line in uid_map.splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= uid < first + count:
            return True
    return False


def is_mapped(uid: int, path: str = UID_MAP) -> bool:
    """Whether the user id is mapped here; True where the kernel has no user namespaces."""
    try:
        with open(path, encoding="utf-8") as uid_map:  # noqa: PTH123 - lean
            return maps(uid_map.read(), uid)
    except OSError:
        return True
