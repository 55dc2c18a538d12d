"""Make the root folders of both images: ``python cni/images/roots.py``.

The folder ``--output`` (``dist/images``) gets ``init/`` and ``cni/``, which ``Dockerfile.init`` and
``cni/Dockerfile`` copy into an empty image.  All that is inside is ours (the bundle) or Debian's
(this machine's own packages); the same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from content import FOR_ALL, Root
from debian import package, package_of
from spdx import document

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path += [str(PROJECT), str(PROJECT / "cni" / "bundle")]
from architecture import VERSION, Architecture, this_architecture  # noqa: E402 - found by the line above
from elf import read_elf  # noqa: E402 - likewise

from kuma_net import __version__  # noqa: E402 - likewise

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = "kuma-net"
"""The package that files of our own belong to."""
LAUNCHER = "kuma-cni"
FOR_INIT, FOR_CNI = "usr/lib/kuma-net", "opt/cni/bin"
"""Where the bundle lies in each image.  The installer copies from where Kuma's image has it."""

TOOLS = ("xtables-nft-multi", "xtables-legacy-multi", "nft")
FLAVOURS = {"": "nft", "-nft": "nft", "-legacy": "legacy"}
"""Endings of names of iptables' programs, and the program that each means."""
EXTENSION_MODULES = f"/usr/lib/python{VERSION}/lib-dynload"
EXTENSIONS = ("libxt_*.so", "libipt_*.so", "libip6t_*.so")
"""Extensions of iptables and ip6tables; those of ebtables and arptables are left out."""
SHELL_WORDS = ("sh", "sleep", "cat")
"""What Kuma's own chart runs in the image of the plugin, beside the installer."""

ETC = {
    "passwd": "root:x:0:0:root:/:/sbin/nologin\nkuma-dp:x:5678:5678:the sidecar:/:/sbin/nologin\n",
    "group": "root:x:0:\nkuma-dp:x:5678:\n",
    "nsswitch.conf": (
        "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n"
    ),
    "protocols": (
        "ip 0 IP\nicmp 1 ICMP\nigmp 2 IGMP\ntcp 6 TCP\nudp 17 UDP\ndccp 33 DCCP\ngre 47 GRE\n"
        "esp 50 ESP\nah 51 AH\nipv6-icmp 58 ICMPv6\nsctp 132 SCTP\nudplite 136 UDPLite\n"
    ),
}
"""Files of /etc, whole: accounts, the order of look-ups, names that iptables and nft print."""


def init_root(bundle: Path) -> Root:
    """Return the contents of the init container's image."""
    root = _common(bundle, FOR_INIT)
    for name in ("kumactl", "kuma-init", "kuma-net"):
        root.link(f"usr/bin/{name}", f"../lib/kuma-net/{LAUNCHER}")
    _add_firewall_tools(root, this_architecture())
    root.share(FOR_INIT)
    return root


def cni_root(bundle: Path) -> Root:
    """Return the contents of the image of plugin and installer."""
    root = _common(bundle, FOR_CNI)
    root.link("install-cni", f"{FOR_CNI}/{LAUNCHER}")
    for name in ("kuma-cni", "kuma-cni-install", "kuma-net"):
        root.link(f"usr/bin/{name}", f"../../{FOR_CNI}/{LAUNCHER}")
    root.copy("bin/busybox", Path("/bin/busybox"), package_of(Path("/bin/busybox")))
    for word in SHELL_WORDS:
        root.link(f"bin/{word}", "busybox")
    return root


def _common(bundle: Path, place: str) -> Root:
    """Return what both images have: the bundle, accounts, places to write."""
    root = Root()
    for path in sorted(bundle.rglob("*")):
        if path.is_file():
            root.copy(f"{place}/{path.relative_to(bundle)}", path, _origin(path))
    for name, text in ETC.items():
        root.put(f"etc/{name}", text, OURS)
    for empty in ("dev", "proc", "run", "sys"):
        root.folder(empty)
    root.folder("tmp", FOR_ALL)
    return root


def _origin(path: Path) -> str:
    """Return the package of a file of the bundle: Debian's, where it is a copy of a file of it."""
    folders = (*this_architecture().library_folders, "/usr/bin", EXTENSION_MODULES)
    data = path.read_bytes()
    for folder in folders:
        original = Path(folder, path.name)
        if original.is_file() and original.read_bytes() == data:
            return package_of(original)
    return OURS


def _add_firewall_tools(root: Root, architecture: Architecture) -> None:
    """Add iptables in both flavours and nft, with libraries, extensions and loader."""
    tools = [Path("/usr/sbin", name) for name in TOOLS]
    folder = Path("/usr/lib", architecture.triplet, "xtables")
    extensions = [path for pattern in EXTENSIONS for path in sorted(folder.glob(pattern))]
    plain = [path for path in extensions if not path.is_symlink()]
    for path in (*tools, *plain):
        root.copy(str(path)[1:], path, package_of(path))
    for path in extensions:
        if path.is_symlink():
            root.link(str(path)[1:], str(path.readlink()))
    loader = Path(architecture.loader)
    root.copy(architecture.loader[1:], loader, package_of(loader))
    for path in _libraries([*tools, *plain], architecture):
        if path.name != loader.name:
            root.copy(f"lib/{architecture.triplet}/{path.name}", path, package_of(path))
    for family in ("iptables", "ip6tables"):
        for ending, flavour in FLAVOURS.items():
            for action in ("", "-save", "-restore"):
                root.link(f"usr/sbin/{family}{ending}{action}", f"xtables-{flavour}-multi")


def _libraries(files: Iterable[Path], architecture: Architecture) -> list[Path]:
    """Return the libraries that ELF files need, and those that these need."""
    found: dict[str, Path] = {}
    waiting = list(files)
    while waiting:
        for name in set(read_elf(waiting.pop()).needed) - found.keys():
            places = [Path(folder, name) for folder in architecture.library_folders]
            found[name] = next(place for place in places if place.exists())
            waiting.append(found[name])
    return [path for _, path in sorted(found.items())]


def complete(root: Root, name: str) -> None:
    """Add what tells people and scanners what is inside: packages, licences, SBOM."""
    release = Path("/etc/os-release")
    root.put("etc/os-release", release.read_bytes(), package_of(release))
    licence = (PROJECT / "LICENSE").read_bytes()
    root.put(f"usr/share/doc/{OURS}/copyright", licence, OURS)
    for one in sorted({file.package for file in root.files.values()} - {OURS}):
        found = package(one)
        root.put(f"var/lib/dpkg/status.d/{one}", found.control(), one)
        root.put(f"usr/share/doc/{one}/copyright", found.copyright.read_bytes(), one)
        for text in found.licences:
            root.put(str(text)[1:], text.read_bytes(), "base-files")
    root.put(f"usr/share/doc/{name}.spdx.json", document(root, name, __version__, OURS), OURS)


def main() -> int:
    """Make both and say how large they are."""
    parser = argparse.ArgumentParser(description="make the root folders of the images")
    parser.add_argument("--bundle", type=Path, default=PROJECT / "dist" / "cni-bundle")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist" / "images")
    asked = parser.parse_args()
    for name, made in (("init", init_root(asked.bundle)), ("cni", cni_root(asked.bundle))):
        complete(made, f"kuma-{name}")
        made.write(asked.output / name)
        size = sum(len(file.data) for file in made.files.values())
        sys.stdout.write(f"{asked.output / name}: {size / 10**6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
