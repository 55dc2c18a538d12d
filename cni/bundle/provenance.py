"""Whose work is inside: Debian packages and Python distributions, their versions and licences.

Debian says of each file which package it is of, and of each package what its licence is
(``/usr/share/doc/PACKAGE/copyright``); so does a wheel in its metadata.  Texts that copyright
files merely point at (``/usr/share/common-licenses``) are taken along.
"""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from contents import DISTRIBUTIONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMON_LICENCES = Path("/usr/share/common-licenses")
MUSL = "musl-dev"
"""The C library that the launcher is linked with."""


class Package(NamedTuple):
    """Somebody's work: what it is called, where that name counts, and under which terms it comes.

    ``kind``: ``deb``, ``pypi`` or ``generic``, as in package URLs; ``source``: the name that it
    shares with others made of the same sources; ``licence``: an SPDX expression, empty where the
    package gives none; ``text``: its licence in full.
    """

    kind: str
    name: str
    version: str
    text: str
    source: str = ""
    architecture: str = ""
    licence: str = ""

    @property
    def licence_file(self) -> str:
        """Where the licence lies in the bundle."""
        return f"licences/{self.source or self.name}"


def debian_packages(files: Iterable[Path]) -> dict[Path, str]:
    """Return the package that each file belongs to; raises SystemExit for one of no package."""
    spellings = {spelling: file for file in files for spelling in _spellings(file)}
    said = _asked("--search", *spellings)
    owners = {}
    for line in said.splitlines():
        owner, _, path = line.partition(": ")
        if path in spellings:
            owners[spellings[path]] = owner.partition(",")[0].partition(":")[0]
    strays = [str(file) for file in spellings.values() if file not in owners]
    if strays:
        raise SystemExit(f"of no Debian package: {', '.join(strays)}")
    return owners


def _spellings(file: Path) -> set[str]:
    """Return how dpkg may know a file: ``/lib`` has become a link to ``/usr/lib``."""
    names = {str(file), str(file.resolve()), str(file.parent.resolve() / file.name)}
    return names | {name.removeprefix("/usr") for name in names}


def _asked(*words: str) -> str:
    """Return what dpkg-query says; that it does not know one of many spellings is no error."""
    command = ["/usr/bin/dpkg-query", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def debian_package(name: str) -> Package:
    """Return what dpkg knows of an installed package."""
    form = "${Version}\t${source:Package}\t${Architecture}\n"
    version, source, architecture = _asked("--show", f"--showformat={form}", name).split()[:3]
    text = Path(f"/usr/share/doc/{name}/copyright").read_text(encoding="utf-8")
    return Package("deb", name, version, text, source, architecture)


def python_package(name: str) -> Package:
    """Return what the metadata of an installed distribution say."""
    found = distribution(name)
    declared = [found.metadata[field] for field in ("License-Expression", "License")]
    licences = [one for one in declared if re.fullmatch(r"[A-Za-z0-9.+-]+", one or "")]
    text = _licence_text(found)
    return Package("pypi", found.name, found.version, text, licence=(*licences, "")[0])


def _licence_text(found: Distribution) -> str:
    for file in sorted(found.files or ()):
        if ".dist-info" in str(file.parent) and file.name.upper().startswith("LICEN"):
            return file.read_text()
    raise SystemExit(f"the distribution {found.name} has no licence file")


def our_package(version: str) -> Package:
    """Return ourselves."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    return Package("generic", "kuma-net", version, text, licence="Apache-2.0")


def python_packages() -> list[Package]:
    """Return the distributions that go into a bundle."""
    return [python_package(name) for name in sorted(DISTRIBUTIONS.values())]


def licence_texts(packages: Iterable[Package]) -> dict[str, bytes]:
    """Return the licences of all packages by their paths in the bundle, and those they name."""
    texts = {one.licence_file: one.text for one in packages}
    pattern = re.compile(rf"{COMMON_LICENCES}/(\{{[^}}]*\}}|[A-Za-z0-9.-]*[A-Za-z0-9])")
    found = [one for text in texts.values() for one in pattern.findall(text)]
    named = {name for one in found for name in one.strip("{}").split(",")}  # {GPL-2,LGPL-2.1}
    common = {
        f"licences/common-licenses/{name}": (COMMON_LICENCES / name).read_text(encoding="utf-8")
        for name in sorted(named)
    }
    return {path: text.encode() for path, text in {**texts, **common}.items()}
