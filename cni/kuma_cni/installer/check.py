"""What is there of us on a node, and whether that is what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_cni.conflist.choose import networks
from kuma_cni.installer.files import Folder
from kuma_cni.installer.place import Place
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuma_cni.installer.settings import Settings


def check(settings: Settings, source: str) -> tuple[tuple[str, ...], bool]:
    """Return lines for a person, and whether anything differs; changes nothing."""
    place = Place(settings, source)
    lines: list[str] = []
    differs = [
        *_executable(place, lines),
        *_configuration(place, lines),
        *_kubeconfig(settings, lines),
    ]
    lines += [f"differs: {one}" for one in differs]
    return tuple(lines), bool(differs)


def _executable(place: Place, lines: list[str]) -> Iterator[str]:
    executable = place.executable
    executable.find()
    wrong = executable.wrong()
    if wrong:
        yield wrong
        return
    lines.append(f"executable: {executable.path}")
    if not executable.is_ours():
        yield f"{executable.path} is of another version than the installer"


def _configuration(place: Place, lines: list[str]) -> Iterator[str]:
    try:
        found = place.look(exact=True)
    except HostError as problem:
        yield str(problem)
        return
    lines += [f"configuration: {one}" for one in _told(found.files)]
    lines += [f"note: {note}" for note in found.plan.notes]
    if found.plan.steps:
        yield f"{found.plan.target} is not as it would be written"
    if found.plan.waiting:
        yield found.plan.waiting


def _told(files: Mapping[str, bytes]) -> Iterator[str]:
    for network in networks(files):
        what = network.wrong or " ".join(network.types)
        yield f"{network.name} {what}"


def _kubeconfig(settings: Settings, lines: list[str]) -> Iterator[str]:
    if not settings.api_host:
        return
    path = f"{settings.mounted_net_dir}/{settings.kubeconfig_name}"
    try:
        with Folder(settings.mounted_net_dir) as folder:
            is_there = folder.read(settings.kubeconfig_name) is not None
    except HostError:
        return
    if is_there:
        lines.append(f"kubeconfig: {path}")
    else:
        yield f"{path} is missing"
