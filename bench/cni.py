"""The CNI plugin: how long a pod's start waits for it, and what it leaves behind.

The plugin is the bundle, called as containerd calls it: annotations in the request, a network
namespace with an interface and addresses of both families, the result of the plugins before it.
Every ADD is a whole process and installs a whole table by a real transaction; a table that was
there is taken away before.  Times are of whole processes, ratios are made within a turn.

* Children are counted by the kernel: in a process-id namespace of its own, the id that is given
  next tells how many processes and threads there have been.
* Requests to the API server are connections that a listening socket got; the configuration names
  its address.  A pod whose annotations did not come shows that the count counts.
* 64 at once: from the start of the first to the end of each; the 99th percentile of 64 is the
  last.  A lone ADD is the median of those just before and after.
* Leaks: a pod's outer interface vanishes when its namespace has really gone; folders where the
  plugin writes are in memory and empty at first; descriptors are those of the caller.
* Kills: the plugin is killed at a random moment of an ADD, up to half as long again as it needs;
  then the pod has no table or the whole one, and after DEL none, after ADD the whole one.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
from pathlib import Path
from socket import create_server

from cni_many import at_once, kills, leaks
from cni_pods import AS_JSON, AS_YAML, Plugin, Pod, make_pods, mesh, own_folders, request
from measuring import (
    BARE_PYTHON,
    Figure,
    children,
    enter_namespace,
    milliseconds,
    ratio,
    report,
    table,
)

TURNS = 41
MOST = 15 * 2**20
"""Bytes of a bundle."""
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: local, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: c, context: {{cluster: local}}}}]
current-context: c
"""
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ApiServer:
    """Counts who asks, and refuses."""

    def __init__(self, folder: Path) -> None:
        """Listen, and write the kubeconfig that leads here."""
        self.asked = 0
        self._socket = create_server(("127.0.0.1", 0))
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(KUBECONFIG.format(port=self._socket.getsockname()[1]))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client:
                self.asked += 1
                client.recv(1 << 16)
                client.sendall(REFUSAL)


def counts(plugin: Plugin, pod: Pod, folder: Path) -> list[Figure]:
    """Count the children of an ADD, and its questions to the API server."""
    api = ApiServer(folder)
    kubernetes = {"kubeconfig": str(api.kubeconfig), "exclude_namespaces": ["kube-system"]}
    known = request(folder, "known", mesh(AS_JSON), kubernetes=kubernetes)
    unknown = request(folder, "unknown", None, kubernetes=kubernetes)
    pod.clear()
    started = children(lambda: plugin.call("ADD", pod, known))
    asked = api.asked
    pod.clear()
    os.waitpid(plugin.start("ADD", pod, unknown), 0)
    if api.asked == asked:
        raise SystemExit("a pod without annotations did not lead to a question: nothing counted")
    return [
        ("child processes of an ADD, annotations at hand", "0", str(started), started == 0),
        ("its requests to the API server", "0", str(asked), asked == 0),
    ]


def times(plugin: Plugin, pod: Pod, folder: Path) -> tuple[list[Figure], str]:
    """Time lone calls beside the bare interpreter."""
    bare = [BARE_PYTHON, "-I", "-S", "-c", "pass"]
    texts = {
        "a pod outside the mesh": request(folder, "outside", {"kubernetes.io/x": "y"}),
        "ADD, JSON document": request(folder, "json", mesh(AS_JSON)),
        "ADD, YAML document": request(folder, "yaml", mesh(AS_YAML)),
    }
    found: dict[str, list[float]] = {name: [] for name in ("bare interpreter", *texts)}
    for turn in range(TURNS + 1):
        taken = {"bare interpreter": milliseconds(bare)}
        for name, text in texts.items():
            pod.clear()
            taken[name] = plugin.call("ADD", pod, text)
        for name, took in taken.items() if turn else ():
            found[name].append(took)
    begun, outside, as_json, as_yaml = found.values()
    more = statistics.median(a - b for a, b in zip(outside, begun, strict=True))
    figures = [
        against("ADD with a JSON document / `python3 -I -S -c pass`", as_json, begun, 3),
        against("ADD with a YAML document / the same", as_yaml, begun, 5),
        ("a pod outside the mesh - the same, ms", "<= 8", f"{more:.1f}", more <= 8),
    ]
    rows = [
        (name, *(f"{value:.1f}" for value in (statistics.median(ms), min(ms), max(ms))))
        for name, ms in found.items()
    ]
    return figures, table(("whole process, ms", "median", "least", "most"), rows)


def against(what: str, over: list[float], under: list[float], most: float) -> Figure:
    """Return the figure of a ratio that is to stay below ``most``."""
    value = ratio(over, under)
    return what, f"<= {most:g}", f"{value:.2f}", value <= most


def size(plugin: Plugin) -> Figure:
    """Weigh the bundle."""
    total = sum(path.stat().st_size for path in plugin.folder.rglob("*") if path.is_file())
    return "bundle, MiB", "<= 15", f"{total / 2**20:.2f}", total <= MOST


def main() -> int:
    """Measure the plugin; return 1 when a figure is missed."""
    plugin = Plugin()
    enter_namespace()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        folder = Path(place)
        own_folders()
        (pod,) = make_pods(1)
        figures = counts(plugin, pod, folder)
        lone, spread = times(plugin, pod, folder)
        text = request(folder, "many", mesh(AS_JSON))
        crowd, said = at_once(plugin, pod, text)
        pod.close()
        figures += [*lone, *crowd, size(plugin), *leaks(plugin, text), *kills(plugin, text)]
    return report(figures, f"{spread}\n\n{TURNS} turns. {said}")


if __name__ == "__main__":
    sys.exit(main())
