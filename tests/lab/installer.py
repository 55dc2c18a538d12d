"""``kuma-cni-install`` as a process of its own, on a node that is made of folders.

The process is a fork that has our modules already: it is there in a millisecond, and a test may
start it again and again.

The node's folders lie below one folder of the test: ``net`` (/etc/cni/net.d), ``bin``
(/opt/cni/bin), ``run``, ``account`` (a projected service account's volume, with its links), and
``image`` is where the executable comes from.  The plugin there is a script, unless a test puts a
bundle in its place.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11  # noqa: F401 - loaded here once, not by every installer

import kuma_cni.installer.check
import kuma_cni.installer.service  # noqa: F401 - as above
from kuma_cni.cli.install import NAME, main
from lab.daemon import Daemon
from lab.host import PERSONAL
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 8.0
LIST = b'{"cniVersion": "0.4.0",\t"name": "net", "plugins": [{"type": "calico"}]}'
"""The primary network's list, laid out as we would never write it."""
FOLDERS = ("net", "bin", "run", "image", "account", "state")


class Node:
    """The folders of a node, and the environment of an installer for it."""

    def __init__(self, root: Path, **environ: str) -> None:
        """Make the folders; ``environ`` changes what the installer is told."""
        self.root = root
        for name in FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        self.net, self.bin, self.image = root / "net", root / "bin", root / "image"
        self.environ = {
            "MOUNTED_CNI_NET_DIR": str(self.net),
            "KUMA_CNI_MOUNTED_BIN_DIRS": str(self.bin),
            "KUMA_CNI_SOURCE_DIR": str(self.image),
            "KUMA_CNI_LOG_SOCKET": f"{root}/run/cni.sock",
            "KUMA_CNI_LOG_FILE": f"{root}/run/cni.log",
            "KUMA_CNI_STATE_DIR": f"{root}/state",
            "KUMA_CNI_HTTP": "127.0.0.1:0",
            "KUMA_CNI_GRACE": "0.01",
            "KUMA_CNI_REPAIR": "false",
        } | environ
        self.put_program(b"#!/bin/sh\nexit 0\n")

    def put_program(self, text: bytes) -> None:
        """Put a program into the image."""
        (self.image / "kuma-cni").write_bytes(text)
        (self.image / "kuma-cni").chmod(0o755)

    def put(self, files: Mapping[str, bytes], age: float = 3600.0) -> None:
        """Write files into the folder of network configurations, as if some seconds ago."""
        for name, text in files.items():
            (self.net / name).write_bytes(text)
            os.utime(self.net / name, (time.time() - age,) * 2)

    def files(self) -> dict[str, bytes]:
        """Return what lies in the folder of network configurations."""
        return {path.name: path.read_bytes() for path in self.net.iterdir() if path.is_file()}

    def types(self, name: str = "10-calico.conflist") -> list[str]:
        """Return the types of the plugins of a list; none where there is no such list."""
        try:
            content = json.loads((self.net / name).read_bytes())
        except (FileNotFoundError, ValueError):
            return []
        return [plugin["type"] for plugin in content["plugins"]]

    def has_ours(self, name: str = "10-calico.conflist") -> bool:
        """Whether our plugin is in a list."""
        return "kuma-cni" in self.types(name)

    def everything(self) -> list[str]:
        """Return the paths of all that lies on the node but the image and the service account."""
        found = [path for name in ("net", "bin", "run", "state") for path in self._below(name)]
        return sorted(str(path.relative_to(self.root)) for path in found)

    def _below(self, name: str) -> list[Path]:
        return list((self.root / name).rglob("*"))

    # --- the service account, as the kubelet projects it ----------------------------------------

    def rotate(self, token: str, authority: bytes = b"-- an authority --") -> None:
        """Swap the volume for a new one, as the kubelet does."""
        account = self.root / "account"
        number = len(list(account.glob("..20*")))
        fresh = account / f"..2026_11_21_{number}"
        fresh.mkdir()
        (fresh / "token").write_text(token)
        (fresh / "ca.crt").write_bytes(authority)
        (account / "..new").symlink_to(fresh.name)
        (account / "..new").rename(account / "..data")
        for name in ("token", "ca.crt"):
            if not (account / name).is_symlink():
                (account / name).symlink_to(f"..data/{name}")
        self.environ |= {
            "KUBE_CA_FILE": str(account / "ca.crt"),
            "KUBE_SERVICE_ACCOUNT_TOKEN_PATH": str(account / "token"),
            "KUBERNETES_SERVICE_HOST": "fd00::1",
            "KUBERNETES_SERVICE_PORT": "443",
        }

    def token(self) -> str:
        """Return the token in the kubeconfig; nothing where there is none."""
        try:
            kubeconfig = json.loads((self.net / "ZZZ-kuma-cni-kubeconfig").read_text())
        except (FileNotFoundError, ValueError):
            return ""
        return str(kubeconfig["users"][0]["user"]["token"])


class Installer(Daemon):
    """A running installer; leaving the ``with`` block ends it at once."""

    def __init__(self, node: Node, *words: str, **environ: str) -> None:
        """Keep how to start it."""
        super().__init__(NAME, node.root / f"installer-{id(self)}.log", PATIENCE)
        self.node = node
        self._words = words
        self._environ = environ

    def _become(self) -> None:
        unwanted = (*PERSONAL, "KUBE", "CNI_", "POD_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(unwanted)}
        os.environ.clear()
        os.environ.update(kept | self.node.environ | self._environ)
        sys.argv[:] = [NAME, *self._words]
        with open(1, "w", closefd=False) as sys.stdout, open(2, "w", closefd=False) as sys.stderr:
            code = main()
        os._exit(code)

    def _pages(self) -> int:
        return int(self.until("listening")["port"])

    def run(self) -> int:
        """Run it to its end and return the exit status."""
        with self:
            return self.end()

    def terminate(self) -> int:
        """Ask it to end, and return the exit status."""
        self.tell(signal.SIGTERM)
        return self.end()

    def is_quiet(self) -> bool:
        """Whether it sleeps for a while: all that it has heard of is done."""
        before = self.wakings()
        return not eventually(lambda: self.wakings() != before, 0.1)

    def until(self, *names: str, count: int = 1) -> dict[str, Any]:
        """Wait for an event and return it; raises TimeoutError with what was said instead."""
        if not eventually(lambda: len(self.events(*names)) >= count or self.has_ended(), PATIENCE):
            raise TimeoutError(f"no {names}: {self.text()}")
        found = self.events(*names)
        assert len(found) >= count, self.text()
        return found[count - 1]
