"""Giving up root's privileges, once and for all, and looking whether they are gone.

What is given up, in this order (each step needs what the next takes away):

1. supplementary groups (setgroups(2)), then the group, then the user, each of the three kinds
   (real, effective, saved): with a saved user 0 left, seteuid(2) would bring root back;
2. capabilities, all sets (capset(2)): becoming another user takes them already, but whoever
   starts us without being root may have some, to bind port 53;
3. the way back by execve(2): no_new_privs (prctl(2)), so that a set-user-id program is an
   ordinary one.

Then the kernel is asked for the result, and root is tried to be had again: what a seccomp
filter or a user namespace has silently made of these calls would otherwise go unnoticed.

The group is that of the user in /etc/passwd, read by ourselves: NSS may go to the network.
"""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kuma_net.errors import ConfigError, HostError, Violation
from kuma_net.host.accounts import PASSWD, find
from kuma_net.host.capabilities import STATUS, is_mapped
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_NO_NEW_PRIVS: Final = 38
"""include/uapi/linux/prctl.h."""
_CAPABILITY_VERSION: Final = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3: include/uapi/linux/capability.h."""
_SETS: Final = ("CapInh", "CapPrm", "CapEff", "CapAmb")
_ROOT: Final = 0


class Identity(Record):
    """Whom to become: numbers, and the words for them."""

    uid: int
    gid: int
    text: str


def identity(user: str, *, passwd: str = PASSWD) -> Identity | None:
    """Return whom to become; None: stay who we are (we are not root and nobody asked).

    ``ConfigError`` for a user who is not there.
    """
    if not user and os.geteuid() != _ROOT:
        return None
    account = find(user, lenient=True, passwd=passwd)
    if account is None:
        wrong = "there is no such user"
        right = "write the name of a user of this host, or a number"
        raise ConfigError([Violation("--user", user, "", wrong, right)])
    return Identity(account.uid, _group_of(account.uid, passwd), f"user {account.uid}")


def _group_of(uid: int, passwd: str) -> int:
    """Return the group of a user; one of the same number where none is known."""
    try:
        with open(passwd, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - lean
            for line in lines:
                fields = line.split(":")
                if fields[2:3] == [str(uid)] and fields[3:] and fields[3].isdigit():
                    return int(fields[3])
    except OSError:
        pass
    return uid


@contextmanager
def owning(wanted: Identity | None) -> Iterator[None]:
    """Have the sockets that are made inside belong to ``wanted``; None: to whom we are.

    To netfilter a socket's owner is who made it, not who uses it (net/netfilter/xt_owner.c:
    f_cred->fsuid), and rules of DNS capture know our replies by the sidecar's user.  Only the
    file system's user changes (setfsuid(2)): the capabilities to bind a port stay.
    """
    if wanted is None:
        yield
        return
    libc = ctypes.CDLL(None)
    before = libc.setfsuid(wanted.uid)
    try:
        yield
    finally:
        libc.setfsuid(before)


def can_read(wanted: Identity | None, path: str) -> bool:
    """Whether ``wanted`` could read a file that we can read."""
    with owning(wanted):
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except PermissionError:
            return False
        return True


def drop(wanted: Identity | None) -> None:
    """Become ``wanted`` (None: stay) without any capability; ``HostError`` if that cannot be."""
    if wanted is not None and os.getresuid() != (wanted.uid,) * 3:
        _become(wanted)
    _without_capabilities()
    _check(wanted)


def _become(wanted: Identity) -> None:
    try:
        os.setgroups([])
        os.setresgid(wanted.gid, wanted.gid, wanted.gid)
        os.setresuid(wanted.uid, wanted.uid, wanted.uid)
    except OSError as problem:
        why = problem.strerror
        if not is_mapped(wanted.uid):
            why = "this user namespace has no such user"
        elif os.geteuid() != _ROOT:
            why = "only root may become another user"
        message = f"cannot become {wanted.text}: {why}"
        raise HostError(message) from None


def _without_capabilities() -> None:
    """Clear all capability sets and forbid new ones; the lack of either call is told later."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _check(wanted: Identity | None) -> None:
    """Raise ``HostError`` unless everything is gone for good."""
    left = [name for name in _SETS if _status().get(name, "0").strip("0")]
    if left:
        raise HostError(f"capabilities could not be given up: {', '.join(left)}")
    if wanted is None or wanted.uid == _ROOT:
        return
    if os.getresuid() != (wanted.uid,) * 3 or os.getresgid() != (wanted.gid,) * 3:
        raise HostError(f"{wanted.text} could not be reached")
    try:
        os.setresuid(_ROOT, _ROOT, _ROOT)
    except PermissionError:
        return
    raise HostError("root's privileges could be had again after giving them up")


def _status() -> dict[str, str]:
    """Return this process's status(5) as key and text; empty where there is no /proc."""
    try:
        with open(STATUS, encoding="utf-8", errors="replace") as status:  # noqa: PTH123 - lean
            pairs = [line.partition(":") for line in status]
    except OSError:
        return {}
    return {name: text.strip() for name, _, text in pairs}


def raise_descriptors(wanted: int) -> int:
    """Allow this process ``wanted`` open files, as far as it may; return how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return wanted if soft == unlimited else soft
    top = hard if hard != unlimited else wanted
    if top < wanted and os.geteuid() == _ROOT:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (OSError, ValueError):  # root without CAP_SYS_RESOURCE, or beyond fs.nr_open
            pass
        else:
            return wanted
    allowed = min(wanted, top)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
