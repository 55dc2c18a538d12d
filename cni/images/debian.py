"""What dpkg knows about the files of this machine: the package each is from, and its licence.

What surprised us: since /lib became a link to /usr/lib a file has two names, and dpkg knows the
one that the package was made with; both are asked for.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOCUMENTS = Path("/usr/share/doc")
COMMON_LICENCES = Path("/usr/share/common-licenses")
_FIELDS = ("Package", "Version", "Architecture", "Maintainer", "Homepage")
_FORMAT = "".join(f"${{{name}}}\\t" for name in (*_FIELDS, "source:Package", "source:Version"))


class Package(NamedTuple):
    """A package of Debian; ``source`` and ``source_version`` name what it was built from."""

    name: str
    version: str
    architecture: str
    maintainer: str
    homepage: str
    source: str
    source_version: str

    @property
    def copyright(self) -> Path:
        """The file with authors and licences."""
        return DOCUMENTS / self.name / "copyright"

    @property
    def licences(self) -> tuple[Path, ...]:
        """The texts of common licences that the copyright file refers to instead of quoting."""
        text = self.copyright.read_text(encoding="utf-8")
        named = re.findall(rf"{COMMON_LICENCES}/(\{{[^}}]*\}}|[A-Za-z0-9.-]*[A-Za-z0-9])", text)
        names = {name for one in named for name in one.strip("{}").split(",")}
        return tuple(sorted(COMMON_LICENCES / name for name in names))

    def control(self) -> str:
        """Return the paragraph by which scanners of images know a package."""
        return (
            f"Package: {self.name}\nStatus: install ok installed\nVersion: {self.version}\n"
            f"Architecture: {self.architecture}\nMaintainer: {self.maintainer}\n"
            f"Source: {self.source} ({self.source_version})\n"
        )


@cache
def package(name: str) -> Package:
    """Return a package that is installed; raises SystemExit where it is not."""
    told = _ask("dpkg-query", "--show", f"--showformat={_FORMAT}\\n", name)
    if not told:
        raise SystemExit(f"the Debian package {name} is not installed")
    return Package(*told.splitlines()[0].split("\t")[: len(Package._fields)])


def package_of(path: Path) -> str:
    """Return the name of the package that a file comes from; raises SystemExit where none does."""
    for name in (str(path), str(path.resolve())):
        for known in (name, name.removeprefix("/usr"), f"/usr{name}"):
            if known in _owners():
                return _owners()[known]
    raise SystemExit(f"{path} is of no Debian package, so its licence is unknown")


@cache
def _owners() -> dict[str, str]:
    """Return the package of every file that programs are made of: half a second for all."""
    told = _ask("dpkg-query", "--search", "/usr/*", "/lib*", "/bin/*", "/sbin/*", "/etc/*")
    pairs = [line.partition(": ")[::2] for line in told.splitlines()]
    return {path: names.partition(",")[0].partition(":")[0] for names, path in pairs}


def _ask(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
