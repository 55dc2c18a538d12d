"""The pod's network namespace: which file it is, that it is a pod's, whose users count in it.

Which namespace is the node's.  A pod with ``hostNetwork`` shares the node's; capturing there
would cut the node off.  The node's is that of process 1, and the plugin's own: a runtime starts
its plugins there.  Where there is no /proc, the second still holds.

What is said of a wrong place.  CNI's code 3 (unknown container) tells a runtime that nothing is
left to be cleaned up; plugins before us in the chain have made interfaces, so 8 it is.

Users.  A rule's ``meta skuid`` compares user ids as the user namespace sees them that *owns* the
network namespace (net/netfilter/nft_meta.c: ``from_kuid_munged(sock_net(sk)->user_ns, ...)``).
A runtime that gives a pod users of its own makes the network namespace inside of that user
namespace, so the sidecar's id as its container knows it is the right one, if only it is mapped:
what is not mapped looks like 65534 to every rule, and the sidecar would be captured itself.
Nobody need be in that user namespace while the plugin runs, so there is no ``uid_map`` to read.
A child process joins the namespace and tries to become that user; the kernel refuses with EINVAL
an id that is not mapped (setresuid(2)).  A network namespace owned by the first user namespace,
which is nearly every one, costs one ioctl and no child.  Ids that exclusions name need not be
mapped: nobody there can be whom they name.
"""

from __future__ import annotations

from kuma_cni.spec.problem import INVALID_NETNS, CniError
from kuma_net.errors import ConfigError, HostError
from kuma_net.host.netns import entered, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

NODE = "/proc/1/ns/net"
FIRST_USER_NAMESPACE = 0xEFFFFFFD
"""The inode of the user namespace that the kernel begins with (PROC_USER_INIT_INO)."""
EINVAL = 22
"""include/uapi/asm-generic/errno-base.h."""
MAPPED, UNMAPPED, NOT_JOINED = range(3)
"""Exit codes of the child."""


class PodNamespace:
    """A pod's network namespace, opened and looked at; with ``with`` this thread is in it."""

    def __init__(self, path: str, *, may_be_own: bool = False) -> None:
        """Open it; CniError 8 when it is none, or the node's; PermissionDenied, HostError."""
        self._path = path
        try:
            self._place = entered(path)
        except ConfigError as problem:
            raise self._wrong(problem) from problem
        try:
            self._refuse_the_nodes(may_be_own=may_be_own)
        except BaseException:
            self._place.close()
            raise

    def _refuse_the_nodes(self, *, may_be_own: bool) -> None:
        there = identity(self._place.there)
        try:
            of_node = there == identity(NODE)
        except OSError:  # no /proc, or not the node's
            of_node = False
        if of_node:
            why = "it is the node's, which is never captured (hostNetwork)"
        elif not may_be_own and there == identity(self._place.here):
            why = "it is the one that the plugin itself runs in"
        else:
            return
        raise CniError(INVALID_NETNS, f"CNI_NETNS {self._path[:200]!r} is no pod's", why)

    def _wrong(self, problem: ConfigError) -> CniError:
        msg = f"CNI_NETNS {self._path[:200]!r} is not a network namespace"
        wrong = problem.violations[0].wrong  # which says what ``msg`` says, then why
        return CniError(INVALID_NETNS, msg, wrong.partition(": ")[2])

    def __enter__(self) -> Self:
        """Move this thread there; CniError 8 for a file that is no network namespace."""
        try:
            self._place.__enter__()
        except ConfigError as problem:
            raise self._wrong(problem) from problem
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Move back; raises HostError where that fails."""
        self._place.__exit__(kind, error, trace)

    def has_user(self, uid: int) -> bool:
        """Whether a user id is mapped where this namespace's rules compare it; raises HostError."""
        import posix

        from kuma_net.host.libc import NS_GET_USERNS, ioctl

        try:
            owner = ioctl(self._place.there, NS_GET_USERNS)
        except OSError:  # before Linux 4.9; or it belongs to a user namespace around ours
            return True
        try:
            if posix.fstat(owner).st_ino == FIRST_USER_NAMESPACE:
                return True
            outcome = _asked_of_child(owner, uid)
        finally:
            posix.close(owner)
        if outcome not in {MAPPED, UNMAPPED}:
            raise HostError(
                f"the user namespace of {self._path} cannot be joined, "
                f"so nobody can tell whether it has user id {uid}"
            )
        return outcome == MAPPED


def _asked_of_child(owner: int, uid: int) -> int:
    """Return what a child says that has joined a user namespace and tried to become a user."""
    import posix

    child = posix.fork()
    if child == 0:
        outcome = NOT_JOINED
        try:
            outcome = _become(owner, uid)
        finally:
            posix._exit(outcome)  # noqa: SLF001 - the child must not run what its parent had in mind
    _, status = posix.waitpid(child, 0)
    return posix.waitstatus_to_exitcode(status)


def _become(owner: int, uid: int) -> int:
    import posix

    from kuma_net.host.libc import CLONE_NEWUSER, setns

    try:
        setns(owner, CLONE_NEWUSER)
    except OSError as problem:
        if problem.errno != EINVAL:  # it is ours already
            return NOT_JOINED
    try:
        posix.setresuid(uid, uid, uid)
    except OSError as problem:
        return UNMAPPED if problem.errno == EINVAL else NOT_JOINED
    return MAPPED
