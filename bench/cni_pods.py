"""Pods of the measurements of the CNI plugin, and the requests that a runtime makes for them.

A pod is a network namespace without a name, held by a descriptor.  A pair of interfaces leads out
of it: the outer end stands in the namespace of the measurement and vanishes when the pod's
namespace has really gone, which tells what leaks.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from measuring import CLONE_NEWNET, ROOT, our_table, run, unshare

from kuma_net.documents import load_document

sys.path.insert(0, str(ROOT / "tests"))
from lab.bundle import bundle  # one for tests and measurements
from lab.injected import (
    ANNOTATIONS,
    EXCLUDED_OUTBOUND,
    EXCLUDED_UIDS,
    OUTBOUND_PORT,
    document,
    documented,
)

CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x4000 | 1 << 18
"""include/uapi/linux/sched.h, include/uapi/linux/mount.h."""

AS_YAML = document(
    ("    - 9001\n", "    - 9901\n    - 9001\n"),
    (OUTBOUND_PORT, EXCLUDED_OUTBOUND + EXCLUDED_UIDS + OUTBOUND_PORT),
)
"""A configuration as the injector writes it, with exclusions of every kind."""
AS_JSON = json.dumps(load_document(AS_YAML))
CALLER = os.getpid()
"""The process that holds the pods; its own forks hold them under other ids."""
FOLDERS = ("/run", "/tmp", "/var/lib", "/var/log")  # noqa: S108 - to be mounted over
"""In memory while we measure: what the plugin leaves there is seen, and gone afterwards."""


class Plugin:
    """The plugin of the bundle, with one way to call it."""

    def __init__(self) -> None:
        """Build the bundle if there is none of these sources."""
        self.folder = bundle()
        self.program = str(self.folder / "kuma-cni")

    def start(self, verb: str, pod: Pod, text: Path) -> int:
        """Start a call, with the request in ``text`` as its input; return the process's id."""
        environ = {
            "PATH": "/usr/sbin:/usr/bin",
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": f"{pod.number:064x}",
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/opt/cni/bin",
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-{pod.number}",
        }
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, str(text), os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        ]
        return os.posix_spawn(self.program, [self.program], environ, file_actions=actions)

    def call(self, verb: str, pod: Pod, text: Path) -> float:
        """Do a call to its end and return its milliseconds; SystemExit when it fails."""
        began = time.perf_counter()
        _, status = os.waitpid(self.start(verb, pod, text), 0)
        took = (time.perf_counter() - began) * 1000
        if status:
            raise SystemExit(f"{verb} of pod {pod.number} ended with {status}")
        return took


class Pod(NamedTuple):
    """A pod: its number, and the descriptor of its network namespace."""

    number: int
    descriptor: int

    @property
    def path(self) -> str:
        """The path that a runtime would give."""
        return f"/proc/{CALLER}/fd/{self.descriptor}"

    def table(self) -> str:
        """Return our table in the pod as nft prints it."""
        with Inside(self):
            return our_table()

    def is_bare(self) -> bool:
        """Whether there is no table at all in the pod."""
        with Inside(self):
            return not run(["nft", "list", "tables"])

    def clear(self) -> None:
        """Take all rules away."""
        with Inside(self):
            run(["nft", "flush", "ruleset"])

    def close(self) -> None:
        """Let the namespace go."""
        os.close(self.descriptor)


class Inside:
    """In a pod for a while: this thread and what it starts."""

    def __init__(self, pod: Pod) -> None:
        """Name the pod."""
        self._pod = pod

    def __enter__(self) -> None:
        """Go in."""
        self._here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _setns(self._pod.descriptor)

    def __exit__(self, *_: object) -> None:
        """Come back."""
        _setns(self._here)
        os.close(self._here)


def make_pods(count: int, first: int = 0) -> list[Pod]:
    """Make pods with an interface and addresses of both families each."""
    pods = []
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    # iproute2 takes the namespace of a process, and we are about to leave ours.
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stayed:
        for number in range(first, first + count):
            unshare(CLONE_NEWNET)
            pods.append(Pod(number, os.open("/proc/thread-self/ns/net", os.O_RDONLY)))
            lines = f"""link set lo up
link add eth0 type veth peer name pod{number} netns {stayed.pid}
link set eth0 up
address add 198.18.{number // 250}.{number % 250 + 1}/15 dev eth0
address add 2001:db8:1::{number + 1:x}/64 dev eth0 nodad
route add default dev eth0
"""
            run(["ip", "-batch", "-"], lines)
            _setns(here)
    os.close(here)
    return pods


def outer_ends() -> int:
    """Return how many pods there are, by the ends of their interfaces that are ours."""
    return run(["ip", "-o", "link", "show", "type", "veth"]).count(": pod")


def request(folder: Path, name: str, annotations: dict[str, str] | None, **more: object) -> Path:
    """Write a network configuration as containerd sends it; None: no annotations come with it."""
    whole: dict[str, object] = {
        "cniVersion": "1.0.0",
        "name": "k8s-pod-network",
        "type": "kuma-cni",
        "log_level": "info",
        "kubernetes": {"exclude_namespaces": ["kube-system"]},
        "prevResult": {
            "cniVersion": "1.0.0",
            "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}],
            "ips": [{"address": "198.18.0.9/15", "gateway": "198.18.0.1", "interface": 0}],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dns": {},
        },
    }
    if annotations is not None:
        whole["runtimeConfig"] = {ANNOTATIONS: annotations}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(whole | more))
    return path


def mesh(text: str) -> dict[str, str]:
    """Return the annotations of a pod of the mesh."""
    return {"kubernetes.io/config.seen": "2026-11-21T10:00:00Z"} | documented(text)


def own_folders() -> None:
    """Have folders of our own in the places where the plugin writes."""
    unshare(CLONE_NEWNS)
    _mount("none", "/", "none", MS_REC_PRIVATE)
    for folder in FOLDERS:
        _mount("bench", folder, "tmpfs", 0)


def files_left() -> list[str]:
    """Return the files in those folders but for the log, which is there to stay."""
    found = [path for folder in FOLDERS for path in Path(folder).rglob("*") if path.is_file()]
    return [str(path) for path in found if "kuma-net/cni.log" not in str(path)]


def _setns(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, None):
        raise OSError(ctypes.get_errno(), f"mount {target}")
