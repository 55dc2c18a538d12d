"""A real Kubernetes of one node: etcd, the control plane, containerd and a kubelet.

Everything is where a node has it, so that manifests apply as they are shipped: configurations in
``/etc/cni/net.d``, plugins in ``/opt/cni/bin``, the runtime's socket in ``/run/containerd``,
static pods in ``/etc/kubernetes/manifests``.  There is no kube-proxy: of the services only
``kubernetes`` itself has an address that works, because it is one of the node's own.
Pods have IPv4 and IPv6, by Debian's reference plugins bridge, host-local and portmap.
All control groups of pods lie in one that the machine's janitor removes (``cgroupRoot``).
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.kubernetes import programs
from e2e.kubernetes.cluster import KUBECONFIG, PATH, PODS, USUAL_PATH, Cluster
from e2e.kubernetes.images import write_image

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "node1"
ADDRESSES = ("10.77.0.1", "fd00:77::1")
SERVICE = "10.96.0.1"
"""Of the service ``kubernetes``: the first of the range of services."""
WORKLOAD = "localhost/workload:1"
"""The image of everything that is not ours: sandboxes, sidecars, applications, clients."""
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
CONFIGURATION = "/etc/cni/net.d/10-node.conflist"
STATIC = "/etc/kubernetes/manifests"

OWN = (
    *("/etc/cni", "/etc/containerd", "/etc/kubernetes", "/opt/cni", "/opt/containerd"),
    *("/var/lib/cni", "/var/lib/containerd", "/var/lib/etcd", "/var/lib/kubelet"),
)
"""The node's own folders, where the machine may have some, too."""
CONFLIST = {
    "cniVersion": "1.0.0",
    "name": "node",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": network}] for network in PODS],
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
NETWORK = json.dumps(CONFLIST, indent=2) + "\n"
"""What the node's network is configured with before us, to the byte."""
CONTAINERD = f"""\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{WORKLOAD}"
restrict_oom_score_adj = true
"""
KUBELET: dict[str, object] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "makeIPTablesUtilChains": False,
    "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    "imageGCHighThresholdPercent": 100,
    "evictionHard": {"memory.available": "10Mi"},
    "resolvConf": "/etc/resolv.conf",
    "staticPodPath": STATIC,
    "fileCheckFrequency": "1s",
    "syncFrequency": "5s",
}
ADMIN = "admin-of-the-tests"
"""The token of the only person there is, kubelet and controllers included."""


def lacking() -> str:
    """Return why a node cannot be made here, empty if it can."""
    if reason := programs.missing():
        return reason
    for name in ("etcd", "containerd", "ctr", "containerd-shim-runc-v2", "runc", "openssl"):
        if shutil.which(name, path=f"{PATH}:{USUAL_PATH}") is None:
            return f"there is no {name} here"
    plugins = (Path("/usr/lib/cni", name) for name in PLUGINS)
    return next((f"there is no {path}" for path in plugins if not path.exists()), "")


class Node(Cluster):
    """A machine that is a cluster; ``boot`` starts it, and it ends with ``stop``."""

    def __init__(self) -> None:
        """Make the machine, with nothing running yet."""
        super().__init__(NAME)

    # --- starting ---------------------------------------------------------------------------

    def boot(self) -> None:
        """Start everything and wait until the node is ready for pods."""
        self._connect()
        self._write_configuration()
        self.start("etcd", ("etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync"), PATH)
        self.start("containerd", ("containerd",), PATH)
        self.start_api_server()
        self.expect(self._serves_containers, "containerd", 20)
        self._load_workload()
        self._start_kubernetes(
            "kube-controller-manager",
            "--service-account-private-key-file=/etc/kubernetes/sa.key",
            "--root-ca-file=/etc/kubernetes/server.crt",
            "--leader-elect=false",
        )
        self._start_kubernetes("kube-scheduler", "--leader-elect=false")
        self._start_kubernetes(
            "kubelet",
            "--config=/etc/kubernetes/kubelet.yaml",
            f"--hostname-override={NAME}",
            f"--node-ip={','.join(ADDRESSES)}",
        )
        self.expect(self._is_ready, "the node", 60)

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        argv = (
            f"{self.programs}/kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={ADDRESSES[0]}",
            "--secure-port=443",
            "--tls-cert-file=/etc/kubernetes/server.crt",
            "--tls-private-key-file=/etc/kubernetes/server.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=/etc/kubernetes/sa.key",
            "--service-account-signing-key-file=/etc/kubernetes/sa.key",
            "--authorization-mode=RBAC",
            "--token-auth-file=/etc/kubernetes/tokens",
            "--allow-privileged",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-cluster-ip-range=10.96.0.0/16",
        )
        self.start("kube-apiserver", argv)
        self.expect(self._api_is_ready, "the API server", 60)

    def stop_api_server(self) -> None:
        """Kill the API server."""
        self.end("kube-apiserver")

    def _start_kubernetes(self, name: str, *words: str) -> None:
        argv = (f"{self.programs}/{name}", f"--kubeconfig={KUBECONFIG}", *words)
        self.start(name, argv, PATH)

    def _connect(self) -> None:
        """Give the node its addresses; the way to the rest of the world leads nowhere."""
        for words in (
            "link add eth0 type veth peer name world",
            "link set world up",
            "link set eth0 up",
            "link set lo up",
            f"address add {ADDRESSES[0]}/24 dev eth0",
            f"address add {ADDRESSES[1]}/64 dev eth0 nodad",
            f"address add {SERVICE}/32 dev lo",
            "route add default via 10.77.0.2",
            "-6 route add default via fd00:77::2",
        ):
            self.run(("ip", *words.split()))
        self.sysctl("net.ipv4.ip_forward", "1")
        self.sysctl("net.ipv6.conf.all.forwarding", "1")

    def _write_configuration(self) -> None:
        # What the machine itself has of these is no business of the node's: links, at most.
        self.run(("rm", "-f", *OWN))
        self.run(("mkdir", "-p", *OWN, "/etc/cni/net.d", "/opt/cni/bin", STATIC))
        self.run(("cp", *(f"/usr/lib/cni/{name}" for name in PLUGINS), "/opt/cni/bin/"))
        self.write(CONFIGURATION, NETWORK)
        self.write("/etc/containerd/config.toml", CONTAINERD)
        kubelet = KUBELET | {"cgroupRoot": self.cgroup}
        self.write("/etc/kubernetes/kubelet.yaml", json.dumps(kubelet))
        self.write("/etc/kubernetes/tokens", f"{ADMIN},admin,admin,system:masters\n")
        self.write(KUBECONFIG, json.dumps(_kubeconfig()))
        _make_keys(self)

    def _load_workload(self) -> None:
        """Make and import the image of everything that is not ours."""
        archive = Path(f"/run/lab-{os.getpid()}.tar")
        files = {"/workload": programs.workload()}
        self.call(write_image, archive, WORKLOAD, files, ("/workload", "pause"))
        self.load(archive)
        self.run(("rm", str(archive)))

    def _api_is_ready(self) -> bool:
        return self.kubectl("get", "--raw=/readyz", check=False).status == 0

    def _serves_containers(self) -> bool:
        return self.call(os.path.exists, "/run/containerd/containerd.sock")

    def _is_ready(self) -> bool:
        """Whether the node takes pods, and the account that pods have by default is there."""
        found = self.get("nodes,serviceaccounts")["items"]
        account = any(one["kind"] == "ServiceAccount" for one in found)
        nodes = (one for one in found if one["kind"] == "Node")
        return account and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for node in nodes
            for condition in node["status"]["conditions"]
        )


def _kubeconfig() -> object:
    cluster = {"server": f"https://{SERVICE}", "certificate-authority": "server.crt"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "node", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": ADMIN}}],
        "contexts": [{"name": "admin", "context": {"cluster": "node", "user": "admin"}}],
        "current-context": "admin",
    }


def _make_keys(node: Node) -> None:
    """Make the server's certificate, which is its own authority, and the key of its tokens."""
    names = ",".join(f"IP:{address}" for address in (*ADDRESSES, SERVICE, "127.0.0.1"))
    request: Sequence[str] = (
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=kubernetes", "-addext", f"subjectAltName={names}"),
        *("-keyout", "/etc/kubernetes/server.key", "-out", "/etc/kubernetes/server.crt"),
    )
    node.run(request)
    node.run(("openssl", "genrsa", "-out", "/etc/kubernetes/sa.key", "2048"))
