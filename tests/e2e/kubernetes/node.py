"""A real Kubernetes of one node: etcd, the control plane, containerd and a kubelet.

Everything is where a node has it, so that manifests apply as they are shipped: configurations in
``/etc/cni/net.d``, plugins in ``/opt/cni/bin``, the runtime's socket in ``/run/containerd``,
static pods in ``/etc/kubernetes/manifests``.  There is no kube-proxy: of the services only
``kubernetes`` itself has an address that works, because it is one of the node's own.
Pods have IPv4 and IPv6, by Debian's reference plugins bridge, host-local and portmap.

What surprised us: ``cgroupsPerQOS: false`` is what makes ``cgroupRoot`` a name that need not
exist, so that all control groups of pods lie in one that the janitor can remove.
"""

from __future__ import annotations

import json
import os
import shutil
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e.kubernetes import programs
from e2e.kubernetes.images import write_image
from e2e.kubernetes.machine import Machine
from lab.processes import eventually
from lab.programs import BIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.host import Ended

NAME = "node1"
ADDRESSES = ("10.77.0.1", "fd00:77::1")
SERVICE = "10.96.0.1"
"""Of the service ``kubernetes``: the first of the range of services."""
PODS = ("10.88.0.0/16", "fd00:88::/64")
WORKLOAD = "localhost/workload:1"
"""The image of everything that is not ours: sandboxes, sidecars, applications, clients."""
DEBIAN = BIN.with_name("debian")
PATH = f"{DEBIAN}/bin:{DEBIAN}/usr/bin"
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
CONFIGURATION = "/etc/cni/net.d/10-node.conflist"
STATIC = "/etc/kubernetes/manifests"
KUBECONFIG = "/etc/kubernetes/admin.conf"

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
    "cgroupsPerQOS": False,
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
        if shutil.which(name, path=f"{PATH}:/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return f"there is no {name} here"
    plugins = (Path("/usr/lib/cni", name) for name in PLUGINS)
    return next((f"there is no {path}" for path in plugins if not path.exists()), "")


class Node(Machine):
    """A machine that is a cluster; ``boot`` starts it, and it ends with ``stop``."""

    def __init__(self) -> None:
        """Make the machine, with nothing running yet."""
        super().__init__(NAME)
        self._programs = programs.kubernetes()

    # --- starting ---------------------------------------------------------------------------

    def boot(self) -> None:
        """Start everything and wait until the node is ready for pods."""
        self._connect()
        self._write_configuration()
        self.start("etcd", ("etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync"), PATH)
        self.start("containerd", ("containerd",), PATH)
        self.start_api_server()
        self._await(self._serves_containers, "containerd", 20)
        self.load_workload()
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
        self._await(self._is_ready, "the node", 60)

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        argv = (
            f"{self._programs}/kube-apiserver",
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
        self._await(self._api_is_ready, "the API server", 60)

    def stop_api_server(self) -> None:
        """Kill the API server."""
        self.end("kube-apiserver")

    def _start_kubernetes(self, name: str, *words: str) -> None:
        argv = (f"{self._programs}/{name}", f"--kubeconfig={KUBECONFIG}", *words)
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
        for link in ("/etc/cni", "/etc/kubernetes", "/etc/containerd"):
            self.run(("rm", "-f", link))
        self.run(("mkdir", "-p", "/etc/cni/net.d", "/etc/containerd", STATIC, "/var/lib/kubelet"))
        self.run(("rm", "-rf", "/opt/cni", "/opt/containerd", "/var/lib/cni"))
        self.run(("mkdir", "-p", "/opt/cni/bin"))
        self.run(("cp", *(f"/usr/lib/cni/{name}" for name in PLUGINS), "/opt/cni/bin/"))
        self.write(CONFIGURATION, json.dumps(CONFLIST, indent=2) + "\n")
        self.write("/etc/containerd/config.toml", CONTAINERD)
        kubelet = KUBELET | {"cgroupRoot": self.cgroup}
        self.write("/etc/kubernetes/kubelet.yaml", json.dumps(kubelet))
        self.write("/etc/kubernetes/tokens", f"{ADMIN},admin,admin,system:masters\n")
        self.write(KUBECONFIG, json.dumps(_kubeconfig()))
        _make_keys(self)

    # --- asking -----------------------------------------------------------------------------

    def kubectl(self, *words: str, stdin: str = "", check: bool = True) -> Ended:
        """Run kubectl as the admin; raises AssertionError if it fails and ``check``."""
        argv = (f"{self._programs}/kubectl", f"--kubeconfig={KUBECONFIG}", *words)
        return self.run(argv, stdin=stdin, check=check)

    def get(self, *words: str) -> Any:
        """Return what ``kubectl get WORDS`` finds, as JSON."""
        return json.loads(self.kubectl("get", *words, "--output=json").stdout)

    def apply(self, *objects: object) -> None:
        """Apply objects."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--filename=-", stdin=json.dumps(document))

    def load(self, archive: Path) -> None:
        """Have containerd import an archive of images, for the kubelet."""
        self.ctr("images", "import", str(archive))

    def load_workload(self) -> None:
        """Make and import the image of everything that is not ours."""
        archive = Path(f"/run/lab-{os.getpid()}.tar")
        files = {"/workload": programs.workload()}
        self.call(write_image, archive, WORKLOAD, files, ("/workload", "pause"))
        self.load(archive)
        self.run(("rm", str(archive)))

    def addresses(self, pod: str) -> list[str]:
        """Return a pod's addresses, once it has them: IPv4, IPv6 in brackets."""
        found: list[dict[str, str]] = []

        def known() -> bool:
            found[:] = self.get("pod", pod)["status"].get("podIPs", [])
            return len(found) == len(PODS)

        self._await(known, f"the pod {pod}", 20)
        texts = (one["ip"] for one in found)
        return [f"[{text}]" if ":" in text else text for text in texts]

    def await_ready(self, pod: str, namespace: str = "default") -> None:
        """Wait until a pod is ready."""
        words = ("wait", f"pod/{pod}", "--for=condition=Ready", f"--namespace={namespace}")
        self.kubectl(*words, "--timeout=45s")

    def phases(self, pods: Iterable[str]) -> set[str]:
        """Return the phases that the pods are in."""
        found = {one["metadata"]["name"]: one["status"] for one in self.get("pods")["items"]}
        return {found[pod]["phase"] if pod in found else "Missing" for pod in pods}

    def gateway(self, address: str) -> str:
        """Return the node's own address in the network of a pod's address."""
        networks = (ip_network(text) for text in PODS)
        return next(str(one[1]) for one in networks if ip_address(address.strip("[]")) in one)

    def kill_sandbox(self, pod: str) -> None:
        """Kill the process that holds a pod's namespaces."""
        labels = f'labels."io.kubernetes.pod.name"=={pod}'
        kind = 'labels."io.cri-containerd.kind"==sandbox'
        found = self.ctr("containers", "list", "--quiet", f"{labels},{kind}").split()
        self.ctr("tasks", "kill", "--signal=SIGKILL", found[-1])

    def probe(self, *targets: str) -> list[str]:
        """Ask the targets from the node itself; return what was said of each."""
        said = self.run((str(programs.workload()), "probe", *targets)).stdout
        return [line.partition(" -> ")[2] for line in said.splitlines()]

    def probe_from(self, pod: str, *targets: str) -> list[str]:
        """Ask the targets from the running container ``app`` of a pod, as root."""
        words = ("exec", pod, "--container=app", "--", "/workload", "probe", *targets)
        said = self.kubectl(*words).stdout
        return [line.partition(" -> ")[2] for line in said.splitlines()]

    def answers(self, pod: str, container: str = "app") -> dict[str, str]:
        """Return what a container's probes were told, by target, from its log."""
        pairs = (line.partition(" -> ") for line in self.logs(pod, container))
        return {target: answer for target, arrow, answer in pairs if arrow}

    def ctr(self, *words: str) -> str:
        """Run containerd's own client in the kubelet's namespace; return what it prints."""
        argv = (shutil.which("ctr", path=f"{PATH}:/usr/bin") or "ctr", "--namespace=k8s.io", *words)
        return self.run(argv).stdout

    def logs(self, pod: str, container: str, namespace: str = "default") -> list[str]:
        """Return the lines of a container, as the kubelet keeps them: no API server is asked."""
        return self.call(_lines, f"{namespace}_{pod}_*/{container}")

    def _await(self, condition: Any, what: str, seconds: float) -> None:
        if not eventually(lambda: bool(self.ended()) or condition(), seconds) or self.ended():
            raise AssertionError(f"{what} is not ready within {seconds} s: {self.ended()}")

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


def _lines(pattern: str) -> list[str]:
    """Read logs of containers: ``TIME STREAM F TEXT`` a line, a file for each start."""
    files = sorted(Path("/var/log/pods").glob(f"{pattern}/*.log"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.split(" ", 3)[3] for line in lines]
