"""inotify(7): noticing that files have changed, whichever way they do.

A file is not watched by itself but along its whole path: every folder on the way, every symbolic
link, and the file at the end.  That notices all the ways in which configuration arrives:

==================================  ==============================================================
written in place                    IN_CLOSE_WRITE: when the writer closes it, not at every write
renamed over, created, deleted      events of its folder; a folder may come later, too
swapped by Kubernetes               a volume holds ``names.json -> ..data/names.json`` and
                                    ``..data -> ..2026_11_21.../``; the kubelet renames a new link
                                    over ``..data``, and nothing happens to ``names.json``
bind mounts of single files         an event goes to the folder the file was opened in, which is
                                    another one, on the host; only the watch on the file sees it
permissions                         IN_ATTRIB: what was unreadable may be readable now
==================================  ==============================================================

Facts that shape this code:

* watches belong to inodes: adding one for an inode that has one gives the same number, with the
  new mask instead of the old;
* between looking at a path and watching it, it may change: the way is walked again after the
  watches were added, until nothing has changed meanwhile;
* when a watch's inode goes, IN_IGNORED comes and the number is void; numbers are not used again
  before 2^31 others were, so late events of dropped watches cannot be taken for others;
* the queue holds 16384 events (fs.inotify.max_queued_events), then IN_Q_OVERFLOW comes and
  everything may have changed;
* a user has 128 instances (fs.inotify.max_user_instances), and all containers that run as one user
  share them: with a sidecar in each pod a node may run out.  ``OSError`` then (EMFILE), and
  the caller must look at the files from time to time;
* changes on the other side of a network file system are not noticed at all, nor is a mount over
  a folder; a folder that cannot be read cannot be watched (EACCES): ``complete`` is False then.
"""

from __future__ import annotations

import ctypes
import os
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# include/uapi/linux/inotify.h
_ATTRIB: Final = 0x4
_CLOSE_WRITE: Final = 0x8
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_UNMOUNT: Final = 0x2000
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLYDIR: Final = 0x1000000
_FOLDER: Final = _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ONLYDIR
_FILE: Final = _ATTRIB | _CLOSE_WRITE
_EVENT: Final = Struct("iIII")
_ITSELF: Final = ""
"""The name in events about what is watched itself."""
_ANYTHING: Final = "/"
"""Stands for every name in a folder; no file has it."""

MOST_LINKS: Final = 40
"""Symbolic links in one path (MAXSYMLINKS of include/linux/namei.h)."""
_MOST_WALKS: Final = 10
_READ_BYTES: Final = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Tells which of some files may have changed; ``OSError`` where there is no inotify.

    A path that ends with ``/`` stands for everything in that folder.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """Begin to watch; none of the files, nor their folders, need be there."""
        self.paths = tuple(paths)
        self.complete = True
        self._wanted: dict[int, dict[str, set[str]]] = {}
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._settle()

    def fileno(self) -> int:
        """Return the descriptor that is readable when something has happened."""
        return self._descriptor

    def changed(self) -> tuple[str, ...]:
        """Return the paths whose files may have changed, as they were given; never waits.

        Watches are in place again when this returns, so whoever reads a file after it misses
        nothing.
        """
        hit: set[str] = set()
        for watch, mask, name in self._events():
            if mask & (_OVERFLOW | _UNMOUNT):
                hit.update(self.paths)
            elif mask & _IGNORED:
                for paths in self._wanted.pop(watch, {}).values():
                    hit |= paths
            else:
                wanted = self._wanted.get(watch, {})
                hit |= wanted.get(name, set()) | wanted.get(_ANYTHING, set())
        if hit:
            self._settle()
        return tuple([path for path in self.paths if path in hit])

    def close(self) -> None:
        """Watch no longer."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _events(self) -> Iterator[tuple[int, int, str]]:
        """Iterate over what has happened: watch, mask, name."""
        try:
            events = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(events):
            watch, mask, _, size = _EVENT.unpack_from(events, at)
            at += _EVENT.size + size
            yield watch, mask, os.fsdecode(events[at - size : at].rstrip(b"\0"))

    def _settle(self) -> None:
        """Watch the present ways to the files."""
        before: dict[str, list[tuple[str, str]]] = {}
        for _ in range(_MOST_WALKS):
            ways = {path: list(_way(path)) for path in self.paths}
            if ways == before:
                return
            self._watch(ways)
            before = ways

    def _watch(self, ways: dict[str, list[tuple[str, str]]]) -> None:
        """Watch exactly the inodes of some ways."""
        wanted: dict[int, dict[str, set[str]]] = {}
        self.complete = True
        for path, way in ways.items():
            for place, name in way:
                mask = _FOLDER if name != _ITSELF else _FILE
                watch = _libc.inotify_add_watch(self._descriptor, os.fsencode(place), mask)
                if watch < 0:
                    self.complete = False
                    continue
                wanted.setdefault(watch, {}).setdefault(name, set()).add(path)
        for watch in self._wanted.keys() - wanted.keys():
            _libc.inotify_rm_watch(self._descriptor, watch)
        self._wanted = wanted


def _way(path: str) -> Iterator[tuple[str, str]]:
    """Iterate over the folders on the way to a file, each with the name that is looked up in it.

    The last is the file itself, with an empty name, or a folder with ``_ANYTHING`` in it.  The
    way ends early where nothing is.
    """
    folder = "/" if path[:1] == "/" else os.getcwd()  # noqa: PTH109 - text, as all of these
    rest, links = path.split("/")[::-1], 0
    while rest:
        name = rest.pop()
        if name == "..":
            folder = os.path.dirname(folder)  # noqa: PTH120 - text alone; the folder is no link
        if name in {"", ".", ".."}:
            continue
        yield folder, name
        here = f"{folder.rstrip('/')}/{name}"
        try:
            target = os.readlink(here)  # noqa: PTH115 - pathlib would say no more
        except OSError:
            if not os.path.exists(here):  # noqa: PTH110 - the same
                return
            folder = here
            continue
        links += 1
        if links > MOST_LINKS:
            return
        folder = "/" if target[:1] == "/" else folder
        rest += target.split("/")[::-1]
    yield folder, _ANYTHING if path.endswith("/") else _ITSELF


def _checked(value: int) -> int:
    """Return what a system call returned; ``OSError`` if it failed."""
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return value
