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
from papers import complete

PROJECT = Path(__file__).resolve().parents[2]
sys.path.append(str(PROJECT / "cni" / "bundle"))
from architecture import Architecture, this_architecture  # noqa: E402 - found by the line above
from parts import libraries  # noqa: E402 - likewise

if TYPE_CHECKING:
    from collections.abc import Callable

LAUNCHER = "kuma-cni"
FOR_INIT, FOR_CNI = "usr/lib/kuma-net", "opt/cni/bin"
"""Where the bundle lies in each image.  The installer copies from where Kuma's image has it."""

TOOLS = ("xtables-nft-multi", "xtables-legacy-multi", "nft")
FLAVOURS = {"": "nft", "-nft": "nft", "-legacy": "legacy"}
"""Endings of names of iptables' programs, and the program that each means."""
EXTENSIONS = ("libxt_*.so", "libipt_*.so", "libip6t_*.so")
"""Extensions of iptables and ip6tables; those of ebtables and arptables are left out."""
SHELL = Path("/bin/busybox")
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
    return root


def cni_root(bundle: Path) -> Root:
    """Return the contents of the image of plugin and installer."""
    root = _common(bundle, FOR_CNI)
    root.link("install-cni", f"{FOR_CNI}/{LAUNCHER}")
    for name in ("kuma-cni", "kuma-cni-install", "kuma-net"):
        root.link(f"usr/bin/{name}", f"../../{FOR_CNI}/{LAUNCHER}")
    root.copy(str(SHELL)[1:], SHELL)
    for word in SHELL_WORDS:
        root.link(f"bin/{word}", SHELL.name)
    return root


def _common(bundle: Path, place: str) -> Root:
    """Return what both images have: the bundle, accounts, places to write."""
    root = Root()
    root.take(bundle, place)
    for name, text in ETC.items():
        root.put(f"etc/{name}", text.encode())
    root.copy("etc/os-release", Path("/etc/os-release"))
    for empty in ("dev", "proc", "run", "sys"):
        root.folder(empty)
    root.folder("tmp", FOR_ALL)
    return root


def _add_firewall_tools(root: Root, architecture: Architecture) -> None:
    """Add iptables in both flavours and nft, with libraries, extensions and loader."""
    tools = [Path("/usr/sbin", name) for name in TOOLS]
    folder = Path("/usr/lib", architecture.triplet, "xtables")
    extensions = [path for pattern in EXTENSIONS for path in sorted(folder.glob(pattern))]
    plain = [path for path in extensions if not path.is_symlink()]
    for path in (*tools, *plain):
        root.copy(str(path)[1:], path)
    for path in extensions:
        if path.is_symlink():
            root.link(str(path)[1:], str(path.readlink()))
    loader = Path(architecture.loader)
    root.copy(architecture.loader[1:], loader)
    for name, path in libraries([*tools, *plain], architecture).items():
        if name != loader.name:
            root.copy(f"lib/{architecture.triplet}/{name}", path)
    for family in ("iptables", "ip6tables"):
        for ending, flavour in FLAVOURS.items():
            for action in ("", "-save", "-restore"):
                root.link(f"usr/sbin/{family}{ending}{action}", f"xtables-{flavour}-multi")


ROOTS: dict[str, Callable[[Path], Root]] = {"init": init_root, "cni": cni_root}
"""What makes the contents of each image."""


def main() -> int:
    """Make both and say how large they are."""
    parser = argparse.ArgumentParser(description="make the root folders of the images")
    parser.add_argument("--bundle", type=Path, default=PROJECT / "dist" / "cni-bundle")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist" / "images")
    asked = parser.parse_args()
    for name, make in ROOTS.items():
        root = make(asked.bundle)
        complete(root, f"kuma-{name}", asked.bundle)
        root.write(asked.output / name)
        size = sum(len(file.data) for file in root.files.values())
        sys.stdout.write(f"{asked.output / name}: {size / 10**6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
