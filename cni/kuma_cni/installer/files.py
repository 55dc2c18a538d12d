"""Atomic changes of a folder that others use too.

A file is made whole under another name, flushed, and renamed: whoever looks finds the old one or
the new one.  Modes and owners are kept; a file that is new is for root alone (0600), which also
is what benchmarks of security ask of network configurations.

Names are looked up in an open folder (openat(2) and its kin), and links are never followed when
something is written: renaming takes the place of a link, not of what it leads to.

What surprised us:

* rename(2) of one hard link onto another of the same file does nothing and leaves both.
* A file kept by link(2) keeps everything, time and owner and links themselves; some file systems
  know no links, and then a copy has to do.
* Two installers may meet: flock(2) on the folder itself lets one wait for the other, and no file
  has to be left for it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from kuma_cni.conflist.choose import is_read
from kuma_cni.conflist.culprit import RENAMED
from kuma_cni.conflist.steps import KEPT, Drop, Keep, Rename, Write, kept_name
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuma_cni.conflist.steps import Step

LARGEST: Final = 1 << 20
"""Bytes that are read of a file; longer ones are no network configuration."""
UNFINISHED: Final = ".kuma-cni-unfinished-"
"""How names of files in the making begin; runtimes read no such files."""
PATIENCE: Final = 2.0
"""Seconds to wait for another installer's change to end: it takes milliseconds."""
_GLANCE: Final = 0.01
_ASIDE: Final = (KEPT, RENAMED)


class Folder:
    """An open folder, locked against other installers; use it in a ``with`` statement."""

    def __init__(self, path: str, *, private: bool = False) -> None:
        """Open the folder and wait for others; raises HostError.

        ``private``: what is written is for its owner alone, whatever the file ``like`` allows.
        """
        self.path = path
        self._private = private
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as problem:
            raise HostError(f"{path}: {problem.strerror}") from problem
        try:
            self._lock()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > deadline:
                raise HostError(f"{self.path}: another installer does not let go of it")
            time.sleep(_GLANCE)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        os.close(self._descriptor)

    def networks(self) -> dict[str, bytes]:
        """Return what runtimes read, what we keep and what rivals set aside, by name."""
        names = [name for name in self._names() if is_read(name) or name.endswith(_ASIDE)]
        files = {name: self.read(name) for name in names}
        return {name: text for name, text in files.items() if text is not None}

    def read(self, name: str, largest: int = LARGEST) -> bytes | None:
        """Return a file's bytes; None where there is none, or no regular one.

        Of one that is longer than ``largest`` the beginning is returned.
        """
        try:
            descriptor = self._open(name, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as problem:  # links in a ring: a runtime cannot read it either
            return f"unreadable: {problem.strerror}".encode()
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(largest)
        finally:
            os.close(descriptor)

    def is_newer(self, name: str, other: str) -> bool:
        """Whether a file was written after another, as far as can be told."""
        try:
            times = [os.stat(one, dir_fd=self._descriptor).st_mtime_ns for one in (name, other)]
        except OSError:
            return False
        return times[0] > times[1]

    def age(self, name: str) -> float:
        """Return how many seconds ago a file was last written; a day where that is unknown."""
        try:
            return time.time() - os.stat(name, dir_fd=self._descriptor).st_mtime
        except OSError:
            return 86400.0

    def perform(self, steps: Iterable[Step]) -> None:
        """Do what the steps say, in their order; raises OSError."""
        for step in steps:
            match step:
                case Write(name, text, like):
                    self.write(name, text, like)
                case Keep(name):
                    self._keep(name)
                case Rename(name, new):
                    self._rename(name, new)
                case Drop(name):
                    self.drop(name)
        os.fsync(self._descriptor)

    def write(self, name: str, text: bytes, like: str = "", mode: int = 0o600) -> None:
        """Put a file there, with mode and owner of the file ``like``; without one, with ``mode``.

        Raises OSError; nothing half-finished stays.
        """
        unfinished = self._unfinished()
        descriptor = self._open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - by descriptor
                self._take_after(file.fileno(), like, mode)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            self._rename(unfinished, name)
        except BaseException:
            self.drop(unfinished)
            raise

    def drop(self, name: str) -> bool:
        """Remove a file; whether it was there."""
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return False
        return True

    def tidy(self) -> None:
        """Remove what an installer that was killed left unfinished."""
        for name in self._names():
            if name.startswith(UNFINISHED):
                with suppress(IsADirectoryError):
                    self.drop(name)
                    continue
                shutil.rmtree(f"{self.path}/{name}")

    def _names(self) -> list[str]:
        with os.scandir(self._descriptor) as entries:
            return [entry.name for entry in entries]

    def _unfinished(self) -> str:
        return f"{UNFINISHED}{os.getpid()}-{time.monotonic_ns()}"

    def _open(self, name: str, flags: int, mode: int = 0) -> int:
        return os.open(name, flags | os.O_CLOEXEC, mode, dir_fd=self._descriptor)

    def _take_after(self, descriptor: int, like: str, mode: int) -> None:
        try:
            known = os.stat(like, dir_fd=self._descriptor)
        except OSError:
            os.fchmod(descriptor, mode)
            return
        with suppress(PermissionError):  # an installer without CAP_CHOWN is root all the same
            os.fchown(descriptor, known.st_uid, known.st_gid)
        mode = stat.S_IMODE(known.st_mode)
        os.fchmod(descriptor, mode & 0o700 if self._private else mode)

    def _keep(self, name: str) -> None:
        unfinished = self._unfinished()
        here = {"src_dir_fd": self._descriptor, "dst_dir_fd": self._descriptor}
        try:
            os.link(name, unfinished, **here, follow_symlinks=False)
        except OSError:
            self.write(kept_name(name), self.read(name) or b"", name)
        else:
            self._rename(unfinished, kept_name(name))

    def _rename(self, name: str, new: str) -> None:
        os.rename(name, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        self.drop(name)  # still there where both were one file


@contextmanager
def as_host_error(what: str) -> Iterator[None]:
    """Tell what failed when the machine refuses."""
    try:
        yield
    except OSError as problem:
        raise HostError(f"{what}: {problem.strerror or problem}") from problem
