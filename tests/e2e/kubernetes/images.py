"""Container images from files, without a tool: archives as ``docker save`` writes them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LAUNCHER = "opt/cni/bin/kuma-cni"
"""In the image of our plugin, as on the node."""
FOLDERS = ("etc", "proc", "sys", "dev", "tmp", "run")


def write_image(
    target: Path, name: str, programs: Mapping[str, Path], command: Sequence[str]
) -> None:
    """Write an image of one layer: the programs by their paths in it, run as ``command``."""
    layer = _layer(programs)
    config: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(command)},
    }
    _write(target, name, config, layer)


def write_next_version(target: Path, name: str, source: Path) -> None:
    """Write an image of our plugin whose launcher is another file; else as ``source`` has it."""
    with tarfile.open(source) as archive:
        manifest = json.loads(_read(archive, "manifest.json"))[0]
        config = json.loads(_read(archive, manifest["Config"]))
        layer = _read(archive, manifest["Layers"][0])
    _write(target, name, config, _with_longer_launcher(layer))


def _with_longer_launcher(layer: bytes) -> bytes:
    """Return a layer whose launcher ends in one byte more: what follows an ELF file is ignored."""
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(layer)) as given,
        tarfile.open(fileobj=buffer, mode="w") as made,
    ):
        for entry in given:
            content = _read(given, entry.name) if entry.isreg() else b""
            if entry.name == LAUNCHER:
                content += b"\0"
                entry.size += 1
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file.read()


def _write(target: Path, name: str, config: dict[str, Any], layer: bytes) -> None:
    digest = hashlib.sha256(layer).hexdigest()
    config["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        _put(archive, "config.json", json.dumps(config).encode())
        _put(archive, "layer.tar", layer)
        _put(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(programs: Mapping[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for path, source in programs.items():
            _put(archive, path.lstrip("/"), source.read_bytes(), 0o755)
    return buffer.getvalue()


def _put(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
