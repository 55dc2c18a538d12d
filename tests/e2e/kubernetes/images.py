"""Container images from files, without a tool: archives as ``docker save`` writes them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FOLDERS = ("etc", "proc", "sys", "dev", "tmp", "run")


def write_image(
    target: Path, name: str, programs: Mapping[str, Path], command: Sequence[str]
) -> None:
    """Write an image of one layer: the programs by their paths in it, run as ``command``."""
    layer = _layer(programs)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
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
