"""A cluster as one asks it: kubectl, containerd's client, packets, logs.

What a container said is read from the node's files and not by ``kubectl logs``: that asks the API
server, which some tests stop.
"""

from __future__ import annotations

import json
import shutil
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e.kubernetes import programs
from e2e.kubernetes.machine import Machine
from lab.processes import eventually
from lab.programs import BIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.host import Ended

PODS = ("10.88.0.0/16", "fd00:88::/64")
"""The networks of pods."""
KUBECONFIG = "/etc/kubernetes/admin.conf"
DEBIAN = BIN.with_name("debian")
PATH = f"{DEBIAN}/bin:{DEBIAN}/usr/bin"
"""Where .ci/packages unpacks what must not be installed; before the usual folders."""
USUAL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Cluster(Machine):
    """A machine with a cluster of one node; pods are in the namespace ``default`` unless said."""

    def __init__(self, name: str) -> None:
        """Make the machine, with nothing running yet."""
        super().__init__(name)
        self.programs = programs.kubernetes()

    # --- by programs --------------------------------------------------------------------------

    def kubectl(self, *words: str, stdin: str = "", check: bool = True) -> Ended:
        """Run kubectl as the admin; raises AssertionError if it fails and ``check``."""
        argv = (f"{self.programs}/kubectl", f"--kubeconfig={KUBECONFIG}", *words)
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

    def addresses(self, pod: str) -> list[str]:
        """Return a pod's addresses, once it has them: IPv4, IPv6 in brackets."""
        found: list[dict[str, str]] = []

        def known() -> bool:
            found[:] = self.get("pod", pod)["status"].get("podIPs", [])
            return len(found) == len(PODS)

        self.expect(known, f"the pod {pod}", 20)
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
        ctr = shutil.which("ctr", path=f"{PATH}:{USUAL_PATH}") or "ctr"
        return self.run((ctr, "--namespace=k8s.io", *words)).stdout

    def logs(self, pod: str, container: str, namespace: str = "default") -> list[str]:
        """Return the lines of a container, as the kubelet keeps them: no API server is asked."""
        return self.call(_lines, f"{namespace}_{pod}_*/{container}")

    def expect(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for a condition; AssertionError if it stays away or a program of the node ends."""
        if not eventually(lambda: bool(self.ended()) or condition(), seconds) or self.ended():
            raise AssertionError(f"{what} is not ready within {seconds} s: {self.ended()}")


def _lines(pattern: str) -> list[str]:
    """Read logs of containers: ``TIME STREAM F TEXT`` a line, a file for each start."""
    files = sorted(Path("/var/log/pods").glob(f"{pattern}/*.log"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.split(" ", 3)[3] for line in lines]
