"""The system calls a lab needs and Python 3.11 does not offer: unshare(2), mount(2), prctl(2).

Each raises ``OSError`` with the kernel's errno.
"""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
"""include/uapi/linux/sched.h."""

MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
"""include/uapi/linux/mount.h."""

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
"""include/uapi/linux/prctl.h."""
CAP_SYS_RESOURCE = 24
"""include/uapi/linux/capability.h."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    """Move this process into new namespaces; CLONE_NEWPID: the children it will have."""
    _checked(_LIBC.unshare(flags), "unshare")


def enter(namespace: int, kind: int = 0) -> None:
    """Move this process into the namespace of a descriptor (setns(2)); ``kind``: CLONE_NEW*."""
    _checked(_LIBC.setns(namespace, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount ``source`` at ``target``; ``options`` are the file system's own."""
    status = _LIBC.mount(
        source.encode(), target.encode(), kind.encode(), flags, options.encode() or None
    )
    _checked(status, f"mount {target}")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (PR_SET_CHILD_SUBREAPER)."""
    _checked(_LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def forbid(capability: int) -> None:
    """Keep the programs that this process becomes from ever having a capability."""
    _checked(_LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl")


def death_wish() -> int:
    """Return the signal that this process gets when its parent ends, 0 for none."""
    number = ctypes.c_int()
    _checked(_LIBC.prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0), "prctl")
    return number.value


def wish_death(number: int) -> None:
    """Ask for a signal when the parent ends, as ``death_wish`` returned it."""
    _checked(_LIBC.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0), "prctl")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, which started it, ends.

    A change of credentials, even of the effective user alone, clears the wish (prctl(2)), so a
    process that changes its user says it afterwards.  The parent may be gone already: then this
    process ends here.
    """
    wish_death(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def wish_death_of_orphan(told: int) -> None:
    """``die_with_parent`` for the first process of a process namespace, which sees no parent.

    The parent writes a byte to the pipe ``told`` after the fork: its end before that is noticed.
    """
    wish_death(signal.SIGKILL)
    if not os.read(told, 1):
        os._exit(1)
    os.close(told)
