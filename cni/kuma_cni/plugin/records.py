"""What the API server said of a pod, kept for as long as the pod's attachment.

Only an attachment whose pod had to be looked up gets a record, so that CHECK needs no API server;
everything else lives in the pod's namespace and ends with it.  One small file for each: its name
is a digest of container id and interface, so that no name, however long or odd, leads out of
the folder.  A record is written beside its place and renamed, and it is not synced to the disk:
after a crash of the node there are no namespaces either.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNFINISHED = ".new"
DIGEST_BYTES = 20
S_IFMT, S_IFDIR, OTHERS_WRITE = 0o170000, 0o040000, 0o022
"""inode(7)."""
LARGEST = 4 << 20
"""Bytes that are read: a pod's annotations are 256 KiB at most."""


class Records:
    """Annotations by attachment, in a folder of our own; nothing here raises OSError."""

    def __init__(self, folder: str) -> None:
        """Name the folder; it is made when the first record is."""
        self._folder = folder.rstrip("/")

    def put(self, container_id: str, ifname: str, annotations: Mapping[str, str]) -> str:
        """Write a record; return nothing, or a sentence that says why there is none."""
        import posix

        path = self._path(container_id, ifname)
        try:
            self._make_folder()
            _write(path + UNFINISHED, container_id, ifname, annotations)
            posix.rename(path + UNFINISHED, path)
        except OSError as problem:
            self.drop(container_id, ifname)
            return f"no record of the pod in {self._folder}: {problem.strerror or problem}"
        return ""

    def get(self, container_id: str, ifname: str) -> Mapping[str, str] | None:
        """Return the annotations kept for an attachment; None for no record, or a damaged one."""
        import posix

        from kuma_net.documents import DocumentError
        from kuma_net.documents.json_text import parse_json

        try:
            flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK
            with open(posix.open(self._path(container_id, ifname), flags), "rb") as file:  # noqa: PTH123 - pathlib is not loaded here
                record = parse_json(file.read(LARGEST).decode())
        except (OSError, UnicodeDecodeError, DocumentError):
            return None
        annotations = record.get("annotations") if isinstance(record, dict) else None
        if not isinstance(annotations, dict):
            return None
        return {key: value for key, value in annotations.items() if isinstance(value, str)}

    def drop(self, container_id: str, ifname: str) -> None:
        """Forget an attachment, and what a killed process may have left half-written."""
        path = self._path(container_id, ifname)
        _remove(path)
        _remove(path + UNFINISHED)

    def keep_only(self, valid: Iterable[tuple[str, str]]) -> int:
        """Forget all attachments but these; return how many that were."""
        import posix

        kept = {_name(container_id, ifname) for container_id, ifname in valid}
        try:
            names = posix.listdir(self._folder)
        except OSError:
            return 0
        gone = [name for name in names if _is_ours(name) and name not in kept]
        return sum([_remove(f"{self._folder}/{name}") for name in gone])

    def _path(self, container_id: str, ifname: str) -> str:
        return f"{self._folder}/{_name(container_id, ifname)}"

    def _make_folder(self) -> None:
        """Make the folder, and the ones above it; refuse one that is not ours alone."""
        import posix

        if self._folder[:1] != "/":
            raise OSError("it is no absolute path")
        above = ""
        for part in self._folder[1:].split("/"):
            above += f"/{part}"
            try:
                posix.mkdir(above, 0o700 if above == self._folder else 0o755)
            except FileExistsError:
                continue
        found = posix.lstat(self._folder)
        ours = found.st_uid == posix.geteuid() and not found.st_mode & OTHERS_WRITE
        if found.st_mode & S_IFMT != S_IFDIR or not ours:
            raise OSError("it is no folder of ours alone")


def _name(container_id: str, ifname: str) -> str:
    """Return the file's name; neither id nor interface may contain a slash."""
    from _blake2 import blake2s

    key = f"{container_id}/{ifname}".encode(errors="surrogateescape")
    return blake2s(key, digest_size=DIGEST_BYTES).hexdigest()


def _is_ours(name: str) -> bool:
    """Whether a file may be a record: an operator may have named a folder that others use too."""
    digest = name.removesuffix(UNFINISHED)
    return len(digest) == 2 * DIGEST_BYTES and set(digest) <= set("0123456789abcdef")


def _write(path: str, container_id: str, ifname: str, annotations: Mapping[str, str]) -> None:
    import posix

    from kuma_net.documents.json_text import write_json

    record = {"containerID": container_id, "ifname": ifname, "annotations": dict(annotations)}
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
    descriptor = posix.open(path, flags, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - pathlib is not loaded here
        file.write(write_json(record).encode("ascii"))


def _remove(path: str) -> bool:
    import posix

    try:
        posix.unlink(path)
    except OSError:
        return False
    return True
