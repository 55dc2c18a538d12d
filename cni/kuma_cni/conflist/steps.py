"""What is done to a folder, in steps that may be interrupted anywhere.

Each step is atomic (rename(2), link(2), unlink(2)), and their order is such that a runtime that
looks in between finds a network, with our plugin or without: never none.  Whoever was killed in
the middle begins anew from what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEPT: Final = ".before-kuma-cni"
"""Ending of what a file was before us; runtimes read no such files."""


class Write(Record):
    """A file gets this text; mode and owner are those of the file ``like``."""

    name: str
    text: bytes
    like: str


class Keep(Record):
    """What a file is now is kept beside it, for the way back; the file itself stays."""

    name: str


class Rename(Record):
    """A file gets another name, in the place of what had it."""

    name: str
    new: str


class Drop(Record):
    """A file goes."""

    name: str


Step: TypeAlias = Write | Keep | Rename | Drop


def kept_name(name: str) -> str:
    """Return the name under which a file is kept."""
    return name + KEPT


def apply(files: Mapping[str, bytes], steps: Iterable[Step]) -> dict[str, bytes]:
    """Return what a folder's files are after some steps."""
    left = dict(files)
    for step in steps:
        match step:
            case Write(name, text, _):
                left[name] = text
            case Keep(name):
                left[kept_name(name)] = left[name]
            case Rename(name, new):
                left[new] = left.pop(name)
            case Drop(name):
                left.pop(name, None)
            case _:
                assert_never(step)
    return left
