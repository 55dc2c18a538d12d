"""An image of a container, made without any tool: busybox and nothing else.

The format is the one of ``docker save``, which containerd and podman both load: a tar file with
``manifest.json``, the configuration and one layer, itself a tar file.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import tarfile
from typing import TYPE_CHECKING

from lab.building import MissingProgram

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE = "localhost/busybox:1"
"""The name of the image; nothing is pulled under it from anywhere."""
APPLETS = ("sh", "cat", "id", "ip", "nc", "sleep", "true")
FOLDERS = ("bin", "dev", "etc", "proc", "run", "sys", "tmp")
ACCOUNTS = {
    "etc/passwd": b"root:x:0:0::/:/bin/sh\nkuma-dp:x:5678:5678::/:/bin/false\n",
    "etc/group": b"root:x:0:\nkuma-dp:x:5678:\n",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names of what uname(2) says, as images use them."""


def write_image(target: Path) -> Path:
    """Write the image's archive and return its path; raises MissingProgram."""
    layer = _layer()
    machine = platform.machine()
    config = {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Cmd": ["/bin/sleep", "1000000"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    target.write_bytes(
        _tar(
            {
                "config.json": json.dumps(config).encode(),
                "layer.tar": layer,
                "manifest.json": json.dumps(manifest).encode(),
            }
        )
    )
    return target


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            _add(archive, name, content)
    return buffer.getvalue()


def _layer() -> bytes:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise MissingProgram("there is no busybox on this machine (package busybox-static)")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        archive.add(busybox, "bin/busybox")
        for applet in APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type = tarfile.SYMTYPE
            entry.linkname = "busybox"
            archive.addfile(entry)
        for name, content in ACCOUNTS.items():
            _add(archive, name, content)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
