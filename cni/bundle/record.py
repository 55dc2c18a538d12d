"""Find out which modules the usual runs load, for ``runs.json``: ``python cni/bundle/record.py``.

As root: the plugin captures the traffic of a network namespace that is made for it and ends with
this process.  The runs are those of the sources, by the interpreter that the bundle has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from architecture import PYTHON
from contents import PACKAGES
from shelves import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDER = """
import sys
sys.path[:0] = {folders!r}
from _frozen_importlib_external import SourceFileLoader
completed, plain = [], SourceFileLoader.exec_module
def exec_module(self, module):
    plain(self, module)
    completed.append(module.__name__)
SourceFileLoader.exec_module = exec_module
from {module} import main
code = main({words!r})
print(code, *completed, sep="\\n", file=sys.stderr)
"""
DOCUMENT = {
    "cniMode": True,
    "kumaDPUser": "5678",
    "redirect": {
        "dns": {"enabled": True, "captureAll": True},
        "inbound": {"excludePorts": "9901", "excludePortsForIPs": "192.0.2.7"},
        "outbound": {"excludePorts": "8080,8443"},
    },
}
AS_YAML = """\
cniMode: true
kumaDPUser: "5678"
redirect:
  dns:
    enabled: true
    captureAll: true
  inbound:
    excludePorts: "9901"
    excludePortsForIPs: 192.0.2.7
  outbound:
    excludePorts: 8080,8443
"""
WITH_EXCLUSIONS = {
    "cniMode": True,
    "kumaDPUser": "5678",
    "redirect": {
        "dns": {"enabled": True, "captureAll": True},
        "inbound": {"excludePorts": [9901], "excludePortsForIPs": ["192.0.2.0/24"]},
        "outbound": {
            "excludePorts": [3306],
            "excludePortsForIPs": ["192.0.2.7", "2001:db8::/64"],
            "excludePortsForUIDs": ["tcp:443:1234", "udp:53:1234"],
        },
    },
}
SINGLE = {
    "kuma.io/sidecar-injected": "true",
    "kuma.io/sidecar-uid": "5678",
    "kuma.io/builtin-dns": "enabled",
    "kuma.io/builtin-dns-port": "15053",
    "kuma.io/transparent-proxying-inbound-port": "15006",
    "kuma.io/transparent-proxying-outbound-port": "15001",
    "traffic.kuma.io/exclude-outbound-ports": "3306",
}
"""Annotations of a control plane that writes no document (Kuma 2.x)."""
ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
PLAIN = {"kubernetes.io/config.seen": "2026-11-21T10:00:00Z"}


def captured(document: str) -> dict[str, str]:
    """Return the annotations of a mesh pod."""
    return PLAIN | {
        "kuma.io/sidecar-injected": "true",
        "traffic.kuma.io/transparent-proxy-config": document,
    }


PLUGIN_RUNS = {
    "skip": ("ADD", PLAIN),
    "json": ("ADD", captured(json.dumps(DOCUMENT))),
    "exclusions": ("ADD", captured(json.dumps(WITH_EXCLUSIONS))),
    "single": ("ADD", PLAIN | SINGLE),
    "yaml": ("ADD", captured(AS_YAML)),
    "del": ("DEL", captured(json.dumps(DOCUMENT))),
}
"""Kinds of run: the verb, and the annotations that come with it."""


def request(annotations: dict[str, str], folder: Path) -> str:
    """Return a network configuration as containerd sends it for a pod."""
    address = {"address": "192.0.2.9/24", "gateway": "192.0.2.1", "interface": 0}
    result = {
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}],
        "ips": [address],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dns": {},
    }
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": "k8s-pod-network",
            "type": "kuma-cni",
            "log_file": str(folder / "cni.log"),
            "log_socket": str(folder / "cni.sock"),
            "state_dir": str(folder / "state"),
            "kubernetes": {"exclude_namespaces": ["kube-system"]},
            "runtimeConfig": {ANNOTATIONS: annotations},
            "prevResult": result,
        }
    )


def environment(verb: str, netns: str) -> dict[str, str]:
    """Return the environment of a request."""
    return {
        "PATH": "/usr/sbin:/usr/bin",
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c0ffee",
        "CNI_NETNS": netns,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/opt/cni/bin",
        "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
    }


@contextmanager
def network() -> Iterator[str]:
    """Make a network namespace and yield its path."""
    command = ["unshare", "--net", "--", "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None  # noqa: S101 - pipes were asked for
        assert holder.stdout is not None  # noqa: S101 - likewise
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        holder.stdout.readline()  # it is cat who answers: the namespace is there
        yield f"/proc/{holder.pid}/ns/net"
        holder.communicate()


def recorded(module: str, words: list[str], environ: dict[str, str], text: str) -> list[str]:
    """Run a program and return the modules it loaded, in the order of completion."""
    folders = [str(folder) for folder in reversed(PACKAGES.values())]
    program = RECORDER.format(folders=folders, module=module, words=words)
    done = subprocess.run(
        [PYTHON, "-I", "-S", "-B", "-c", program],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    code, *names = done.stderr.splitlines()[-400:] or [""]
    if code != "0":
        raise SystemExit(f"{module} failed: {done.stdout}{done.stderr}")
    return names


def record() -> dict[str, list[str]]:
    """Return the modules that every kind of run loads."""
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (verb, annotations) in PLUGIN_RUNS.items():
            with network() as netns:
                text = request(annotations, Path(folder))
                environ = environment(verb, netns)
                runs[name] = recorded("kuma_cni.cli.main", [], environ, text)
    return runs | {"init": init_modules()}


def init_modules() -> list[str]:
    """Return what ``kuma-init`` loads: its own shelf says so."""
    sys.path.insert(0, str(PACKAGES["kuma_net"]))
    from kuma_net.cli.shelf import MODULES

    first = ["__future__", "kuma_net", "kuma_net.cli", "kuma_net.cli.init", "kuma_net.cli.speech"]
    return [*first, *MODULES]


if __name__ == "__main__":
    RUNS.write_text(json.dumps(record(), indent=0) + "\n", encoding="utf-8")
