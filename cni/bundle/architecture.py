"""The machines a bundle can be made for: names that differ between them, in one table.

A bundle is made on the machine it is for, since its parts are those of the machine's own Debian.
"""

from __future__ import annotations

import platform
from typing import NamedTuple

PYTHON = "/usr/bin/python3.11"
"""Debian 12's interpreter; its version is part of folder names below."""
VERSION = "3.11"


class Architecture(NamedTuple):
    """What Debian calls things on one kind of machine.

    ``machine``: of uname(2); ``debian``: of dpkg; ``triplet``: in the names of its library
    folders; ``loader``: the program interpreter in the System V ABI of the machine; ``elf``: the
    number in the header of its ELF files (elf.h, ``EM_*``).
    """

    machine: str
    debian: str
    triplet: str
    loader: str
    elf: int

    @property
    def library_folders(self) -> tuple[str, ...]:
        """Where Debian keeps shared libraries, in the order of the loader's search."""
        return (f"/lib/{self.triplet}", f"/usr/lib/{self.triplet}", "/lib", "/usr/lib")


ARCHITECTURES = (
    Architecture("x86_64", "amd64", "x86_64-linux-gnu", "/lib64/ld-linux-x86-64.so.2", 62),
    Architecture("aarch64", "arm64", "aarch64-linux-gnu", "/lib/ld-linux-aarch64.so.1", 183),
)


def this_architecture(machine: str = "") -> Architecture:
    """Return the machine's own architecture; raises SystemExit for one that is not planned for."""
    machine = machine or platform.machine()
    for known in ARCHITECTURES:
        if known.machine == machine:
            return known
    names = ", ".join(known.machine for known in ARCHITECTURES)
    raise SystemExit(f"no bundle can be made for {machine}: known are {names}")
