"""The SSH session that a person types in: whose port must not be captured under her.

sshd(8) puts ``SSH_CONNECTION`` ("client port server port") into the environment of what it
starts; sudo(8) takes it out again.  So first our own environment is asked, then those of our
ancestors, as far as they live in our network namespace (a session of another namespace does
not arrive here).

A pod has no such session worth keeping, nor has an application's container; a *system*
container (systemd as its first process) is a host to the person who logged in there.  What
surprised us: ``/.dockerenv`` also lies on virtual machines whose disk was made from an image, so
whoever runs in the kernel's first PID namespace is on a host whatever files lie about.
"""

from __future__ import annotations

from kuma_net.host.netns import identity
from kuma_net.values import HIGHEST_PORT, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLES = ("SSH_CONNECTION", "SSH_CLIENT")
"""The port on this side is the last word of either."""
CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
"""Left by Docker; by podman and CRI-O."""
FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""The inode of the PID namespace that the kernel begins with (PROC_PID_INIT_INO)."""
BOOTED = "/run/systemd/system"
"""There when systemd is the first process, see sd_booted(3)."""
MOST_ANCESTORS = 64


def ports(environ: Mapping[str, str], root: str = "") -> PortSet:
    """Return the local TCP ports of the session that runs us; empty in pods and containers.

    ``root`` stands before every path that is looked at (a test's own tree).
    """
    if not on_host(environ, root):
        return PortSet()
    port = _port(environ)
    if port is None:
        port = next(_ancestors_ports(root), None)
    return PortSet() if port is None else PortSet.of(port)


def on_host(environ: Mapping[str, str], root: str = "") -> bool:
    """Whether this is a host: no pod, and no container but one that was booted."""
    import posix

    if "KUBERNETES_SERVICE_HOST" in environ:
        return False
    if _exists(posix, root + BOOTED):
        return True
    if environ.get("container"):
        return False
    if _in_first_pid_namespace(root):
        return True
    if any(_exists(posix, root + file) for file in CONTAINER_FILES):
        return False
    first = _environment(f"{root}/proc/1/environ")
    return not (first.get("container") or "KUBERNETES_SERVICE_HOST" in first)


def _in_first_pid_namespace(root: str) -> bool:
    try:
        return identity(f"{root}/proc/self/ns/pid").inode == FIRST_PID_NAMESPACE
    except OSError:
        return False


def _exists(posix: object, path: str) -> bool:
    try:
        posix.stat(path)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def _port(environ: Mapping[str, str]) -> int | None:
    for variable in VARIABLES:
        last = environ.get(variable, "").rpartition(" ")[2]
        if last.isascii() and last.isdigit() and 0 < int(last) <= HIGHEST_PORT:
            return int(last)
    return None


def _ancestors_ports(root: str) -> Iterator[int]:
    """Yield the port that each ancestor in our network namespace knows of."""
    process = _parent(f"{root}/proc/self/stat")
    try:
        here = identity(f"{root}/proc/thread-self/ns/net")
    except OSError:
        return
    for _ in range(MOST_ANCESTORS):
        if process <= 1:
            return
        port = _port(_environment(f"{root}/proc/{process}/environ"))
        try:
            if port is not None and identity(f"{root}/proc/{process}/ns/net") == here:
                yield port
        except OSError:  # it ended, or is not ours to see
            return
        process = _parent(f"{root}/proc/{process}/stat")


def _environment(path: str) -> dict[str, str]:
    """Return a process's environment as it was started with; empty if not ours to see."""
    try:
        with open(path, "rb") as environ:  # noqa: PTH123 - lean
            text = environ.read().decode("utf-8", "replace")
    except OSError:
        return {}
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def _parent(path: str) -> int:
    """Return the parent's id from a ``stat`` file (proc_pid_stat(5)), or 0.

    The second field is the program's name in brackets and may hold anything, brackets too.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - lean
            return int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
