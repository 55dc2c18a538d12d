"""What goes into a bundle, and what does not: the lists, and the sources they lead to."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from architecture import VERSION
from closure import Finder, Module

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"kuma_net": ROOT, "kuma_cni": ROOT / "cni"}
"""Our packages, all of whose modules go in, and the folders they lie in."""
DISTRIBUTIONS = {
    "click": "click",
    "h11": "h11",
    "h2": "h2",
    "hpack": "hpack",
    "hyperframe": "hyperframe",
    "yaml": "PyYAML",
}
"""Import packages of others, and the names of their distributions."""
STANDARD_LIBRARY = Path(f"/usr/lib/python{VERSION}")
EXTENSIONS = STANDARD_LIBRARY / "lib-dynload"

ALSO = ("encodings.idna", "encodings.punycode")
"""Modules that are imported by names made at run time: codecs."""
AT_START = ("ascii", "latin_1", "utf_8")
"""Codecs that lie beside the interpreter as plain files, for its start; others are in the zip."""
UNWANTED = frozenset(
    """
    _aix_support _bz2 _decimal _hashlib _lzma _osx_support _posixshmem _pydecimal _pyio
    _testcapi _testinternalcapi _uuid _winapi argparse asyncio bdb bz2 click._termui_impl
    click._winconsole cmd colorama concurrent curses decimal distutils doctest
    encodings.mbcs fractions ftplib getpass gzip html importlib._bootstrap
    importlib._bootstrap_external importlib.metadata importlib.readers importlib.resources
    lib2to3 lzma mailbox mimetypes msvcrt multiprocessing ntpath nturl2path optparse pdb pickle
    plistlib pprint pydoc pydoc_data readline runpy sqlite3 statistics tarfile termios test
    tkinter tracemalloc tty typing_extensions unittest webbrowser winreg xmlrpc yaml._yaml
    yaml.cyaml zipfile
    """.split()  # noqa: SIM905 - names, some seventy
)
"""Modules that nothing we do comes to; those that import them do without, or never get there."""

TLS_EXTENSION = "_ssl"
TLS_LIBRARIES = ("libcrypto.so.3", "libssl.so.3")
"""Used for the API server alone, and a third of the bundle if they lay there as they are."""


def modules() -> dict[str, Module]:
    """Return every module of the bundle by name."""
    names = [name for package, folder in PACKAGES.items() for name in _inside(folder, package)]
    folders = [*PACKAGES.values(), *_site_folders(), STANDARD_LIBRARY, EXTENSIONS]
    codecs = [f"encodings.{name}" for name in AT_START]
    return Finder(folders, UNWANTED).closure([*names, *DISTRIBUTIONS, *ALSO, *codecs])


def _inside(folder: Path, package: str) -> Iterator[str]:
    """Walk over the names of all modules of a package."""
    for path in sorted((folder / package).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _site_folders() -> list[Path]:
    """Return where the packages of others are installed for the interpreter that builds."""
    folders = []
    for name, distribution in DISTRIBUTIONS.items():
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{distribution} is not installed: pip install -e .[cni]")
        folders.append(Path(spec.origin).parents[1])
    return list(dict.fromkeys(folders))
