"""Images of containers as ``docker save`` writes them, which containerd and podman both load.

A tar file with ``manifest.json``, the configuration and one layer, itself a tar file.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from typing import TYPE_CHECKING, Any

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDERS = ("bin", "dev", "etc", "proc", "run", "sys", "tmp")
"""What every layer of ours has, lest a runtime make them in a root that it may not write."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names of what uname(2) says, as images use them."""


class Image(Record):
    """An image: its name, its configuration as a whole, and its only layer."""

    name: str
    config: dict[str, Any]
    layer: bytes

    def write(self, target: Path) -> Path:
        """Write the archive and return its path."""
        digest = hashlib.sha256(self.layer).hexdigest()
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
        manifest = [{"Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"]}]
        with tarfile.open(target, mode="w") as archive:
            _add(archive, "config.json", json.dumps(self.config | {"rootfs": rootfs}).encode())
            _add(archive, "layer.tar", self.layer)
            _add(archive, "manifest.json", json.dumps(manifest).encode())
        return target


def read_image(archive: Path) -> Image:
    """Read an archive of one image with one name and one layer."""
    with tarfile.open(archive) as opened:
        [manifest] = json.loads(_content(opened, "manifest.json"))
        [name], [layer] = manifest["RepoTags"], manifest["Layers"]
        config = json.loads(_content(opened, manifest["Config"]))
        return Image(name, config, _content(opened, layer))


def files_of(layer: bytes) -> dict[tarfile.TarInfo, bytes]:
    """Return the members of a layer in their order; what is no file has no content."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as opened:
        return {one: _content(opened, one) if one.isfile() else b"" for one in opened}


def packed(files: Mapping[tarfile.TarInfo, bytes]) -> bytes:
    """Return a layer of such members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry, content in files.items():
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def new_image(name: str, layer: bytes, **run: object) -> Image:
    """Return an image for this machine; ``run`` says how: ``Cmd``, ``Env``."""
    machine = platform.machine()
    architecture = ARCHITECTURES.get(machine, machine)
    return Image(name, {"architecture": architecture, "os": "linux", "config": run}, layer)


def new_layer(
    programs: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    texts: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return a layer of programs, links and other files by their paths, with the usual folders."""
    files = {}
    for path in FOLDERS:
        files[_entry(path, tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755)] = b""
    for path, content in programs.items():
        files[_entry(path, tarfile.REGTYPE, 0o755, len(content))] = content
    for path, goal in (links or {}).items():
        link = _entry(path, tarfile.SYMTYPE, 0o777)
        link.linkname = goal
        files[link] = b""
    for path, content in (texts or {}).items():
        files[_entry(path, tarfile.REGTYPE, 0o644, len(content))] = content
    return packed(files)


def _entry(path: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.size = kind, mode, size
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, tarfile.REGTYPE, 0o644, len(content)), io.BytesIO(content))


def _content(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    if opened is None:
        raise ValueError(f"{member} is no file")
    return opened.read()
