"""The plugin's log: one line of JSON for each thing worth saying, into a file and to the installer.

Theory.  A plugin is a short process that nobody watches, and many of them run at once.  So there
are two places: a file on the node, which outlives everything, and the unix datagram socket of the
installer process, which prints what it receives where ``kubectl logs`` shows it.  Both are
optional, and neither may ever raise, wait or slow an ADD: what cannot be written is dropped.

The file.  Every line is one write(2) to a file opened with O_APPEND, so lines of several processes
never mix.  A file that would grow beyond ``LARGEST`` becomes ``NAME.1`` by rename(2), and a new
one is begun.  Two processes may find at once that the file is full; the second must not rename
the first one's new file.  So whoever rotates holds flock(2) on the very file that is full and
looks, holding it, whether the path still leads there.  The lock is never waited for: who does not
get it writes into the full file, which grows by a line.

What surprised us: opening a FIFO for writing waits for a reader (hence O_NONBLOCK), a folder that
others may write to may hold a link to anything (O_NOFOLLOW, and only a regular file with one name
that is ours will do), and on a full disk write(2) may write half a line: readers begin anew at
the next line that is one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_cni.spec.netconf import Netconf

LEVELS = {
    "trace": 0,
    "debug": 10,
    "info": 20,
    "warn": 30,
    "warning": 30,
    "error": 40,
    "off": 100,
}
"""Kuma's words and those of others; an unknown one counts as ``info``."""
LARGEST = 1_000_000
"""Bytes of a file; with the one before it twice as much."""
S_IFMT, S_IFREG = 0o170000, 0o100000
"""inode(7)."""
LONGEST_LINE = 4096
LONGEST_FIELD = 1000
"""Characters of one text: what is behind is seldom what one looks for."""


class PluginLog:
    """Writes events at least as grave as the configuration asks for; never raises."""

    def __init__(self, netconf: Netconf, **fields: object) -> None:
        """Keep where to write, and the fields that every line has."""
        self._least = LEVELS.get(netconf.log_level.strip().lower(), LEVELS["info"])
        self._file = netconf.log_file
        self._socket = netconf.log_socket
        self._fields = fields

    def debug(self, event: str, **fields: object) -> None:
        """Write what only matters to who looks for it, such as a pod that was left alone."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Write what a person may want to know."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what made a call fail."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS[level] < self._least:
            return
        line = b""
        for put, place in ((_append, self._file), (_send, self._socket)):
            try:
                if place:
                    line = line or _line(level, event, self._fields | fields)
                    put(place, line)
            except Exception:  # noqa: BLE001, S110 - a log must never fail a pod's start
                pass


def _line(level: str, event: str, fields: dict[str, object]) -> bytes:
    import time

    from kuma_net.documents.json_text import write_json

    now = time.time()
    day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    head: dict[str, object] = {
        "time": f"{day}.{int(now % 1 * 1000):03}Z",
        "level": level,
        "event": event,
    }
    text = write_json(head | {name: _short(value) for name, value in fields.items()})
    if len(text) >= LONGEST_LINE:
        text = write_json(head | {"cut": text[: LONGEST_LINE // 4]})
    return text.encode("ascii") + b"\n"


def _short(value: object) -> object:
    """Return what JSON knows as it is, anything else as its text; a long text is cut."""
    if value is None or isinstance(value, bool | int):
        return value
    text = str(value)
    return text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]}..."


def _append(path: str, line: bytes) -> None:
    """Append a line to the file, which may become another one before; raises OSError."""
    import posix

    descriptor = _opened(path)
    try:
        size = posix.fstat(descriptor).st_size + len(line)
        if size > LARGEST and _rotated(path, descriptor):
            fresh = _opened(path)
            posix.close(descriptor)
            descriptor = fresh
        elif size > 2 * LARGEST:
            raise OSError("the log is full and cannot be rotated")
        posix.write(descriptor, line)
    finally:
        posix.close(descriptor)


def _opened(path: str) -> int:
    """Return a descriptor of the file, made if need be with its folder; raises OSError."""
    import posix

    flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
    flags |= posix.O_NONBLOCK
    try:
        descriptor = posix.open(path, flags, 0o600)
    except FileNotFoundError:
        _make_folder(path.rpartition("/")[0])
        descriptor = posix.open(path, flags, 0o600)
    found = posix.fstat(descriptor)
    regular = found.st_mode & S_IFMT == S_IFREG
    if not regular or found.st_nlink != 1 or found.st_uid != posix.geteuid():
        posix.close(descriptor)
        raise OSError("the log is no file of ours")
    return descriptor


def _make_folder(folder: str) -> None:
    """Make a folder, or find that another process has just done so; raises OSError."""
    import posix

    try:
        posix.mkdir(folder, 0o755)
    except FileExistsError:
        return


def _rotated(path: str, descriptor: int) -> bool:
    """Make the full file the one before, unless somebody else did; whether the path is free."""
    import fcntl
    import posix

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        full, there = posix.fstat(descriptor), posix.lstat(path)
        if (full.st_dev, full.st_ino) == (there.st_dev, there.st_ino):
            posix.rename(path, f"{path}.1")
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def _send(path: str, line: bytes) -> None:
    """Send a line to whoever listens at the socket; raises OSError when nobody does."""
    import _socket

    there = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
    try:
        there.sendto(line, _socket.MSG_DONTWAIT, path)
    finally:
        there.close()
