"""Container images of these tests: programs alone, and our plugin's as its next version will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.docker_archive import files_of, new_image, new_layer, packed, read_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LAUNCHER = "opt/cni/bin/kuma-cni"
"""In the image of our plugin, as on the node."""


def write_image(
    target: Path, name: str, programs: Mapping[str, Path], command: Sequence[str]
) -> None:
    """Write an image of one layer: the programs by their paths in it, run as ``command``."""
    files = {path.lstrip("/"): source.read_bytes() for path, source in programs.items()}
    new_image(name, new_layer(files), Cmd=list(command)).write(target)


def write_next_version(target: Path, name: str, source: Path) -> None:
    """Write an image of our plugin whose launcher is another file; else as ``source`` has it."""
    image = read_image(source)
    image.replace(name=name, layer=_with_longer_launcher(image.layer)).write(target)


def _with_longer_launcher(layer: bytes) -> bytes:
    """Return a layer whose launcher ends in one byte more: what follows an ELF file is ignored."""
    files = files_of(layer)
    launcher = next(entry for entry in files if entry.name == LAUNCHER)
    files[launcher] += b"\0"
    launcher.size += 1
    return packed(files)
