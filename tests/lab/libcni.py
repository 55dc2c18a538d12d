"""What a container runtime's library does with a list of plugins: libcni's semantics, no more.

For what no packaged runtime sends (CHECK, GC, STATUS) and for orders of plugins that are nobody's
default.  From the specification 1.1.0, sections 2 to 4, and libcni/api.go:

* the list's ``cniVersion`` (the highest of ``cniVersions``) and ``name`` go into every plugin's
  configuration, ``runtimeConfig`` gets the arguments whose capability the plugin declares, and
  ``capabilities`` stays in, although the specification says to take it out;
* ADD goes from first to last, each result being the next one's ``prevResult``; the first failure
  ends it.  DEL goes from last to first, also to plugins that never saw an ADD;
* the result of ADD is cached; CHECK and DEL give it to *all* plugins as ``prevResult``, DEL only
  from 0.4.0 on and without it where the cache is gone;
* CHECK exists from 0.4.0 on, GC and STATUS from 1.1.0 on; an older list is not asked at all.  GC
  first deletes what is cached and no longer valid, then tells every plugin what is.

The functions run in a node's own process (``Node.call``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kuma_net.record import Record
from lab.host import run_here
from lab.node import BIN_DIR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    Json: TypeAlias = dict[str, Any]

CACHE = Path("/var/lib/cni/results")


class Refusal(Exception):
    """A plugin failed: its name, and the error object that it printed."""

    def __init__(self, plugin: str, code: int, msg: str, details: str) -> None:
        """Keep the error object's fields."""
        self.plugin = plugin
        self.code = code
        self.msg = msg
        self.details = details
        super().__init__(f"{plugin}: {msg} (code {code}): {details}")


class Attachment(Record):
    """A container's interface; ``args`` is CNI_ARGS, ``capability_args`` what runtimes offer."""

    container_id: str
    netns: str
    ifname: str = "eth0"
    args: str = ""
    capability_args: Mapping[str, Any] = {}

    @property
    def environ(self) -> dict[str, str]:
        """The variables that name it."""
        return {
            "CNI_CONTAINERID": self.container_id,
            "CNI_NETNS": self.netns,
            "CNI_IFNAME": self.ifname,
            "CNI_ARGS": self.args,
        }

    def cache(self, network: str) -> Path:
        """Return where the result of its ADD lies."""
        return CACHE / f"{network}-{self.container_id}-{self.ifname}"


class Network(Record):
    """A network configuration list, as it stands in a ``.conflist``."""

    text: str

    @property
    def document(self) -> Json:
        """The list."""
        document: Json = json.loads(self.text)
        return document

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["name"])

    @property
    def version(self) -> str:
        """The version spoken with all of its plugins."""
        document = self.document
        offered: list[str] = document.get("cniVersions") or [document["cniVersion"]]
        return max(offered, key=_numbers)

    def since(self, version: str) -> bool:
        """Whether it speaks at least this version."""
        return _numbers(self.version) >= _numbers(version)

    def plugins(self, attachment: Attachment | None = None) -> Iterator[Json]:
        """Yield each plugin's configuration, without results."""
        for plugin in self.document["plugins"]:
            offered = attachment.capability_args if attachment else {}
            wanted = plugin.get("capabilities", {})
            given = {key: value for key, value in offered.items() if wanted.get(key)}
            extra = {"runtimeConfig": given} if given else {}
            yield plugin | {"name": self.name, "cniVersion": self.version} | extra


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def add(network: Network, attachment: Attachment) -> Json:
    """Attach; return the last plugin's result, which is cached too; raises Refusal."""
    result: Json | None = None
    for plugin in network.plugins(attachment):
        result = json.loads(_run("ADD", plugin, result, attachment.environ))
    cached: Json = {"kind": "cniCacheV1", "result": result}
    cached |= {"containerId": attachment.container_id}
    cached |= {"ifName": attachment.ifname, "networkName": network.name, "netns": attachment.netns}
    cached |= {"cniArgs": attachment.args, "capabilityArgs": attachment.capability_args}
    CACHE.mkdir(parents=True, exist_ok=True)
    attachment.cache(network.name).write_text(json.dumps(cached), encoding="utf-8")
    return result or {}


def check(network: Network, attachment: Attachment) -> bool:
    """Ask whether all is as ADD left it; return whether the list lets one ask; raises Refusal."""
    if not network.since("0.4.0") or network.document.get("disableCheck"):
        return False
    result = _cached(network, attachment)
    if result is None:
        raise FileNotFoundError(attachment.cache(network.name))
    for plugin in network.plugins(attachment):
        _run("CHECK", plugin, result, attachment.environ)
    return True


def delete(network: Network, attachment: Attachment) -> None:
    """Detach; raises Refusal."""
    result = _cached(network, attachment) if network.since("0.4.0") else None
    for plugin in reversed(list(network.plugins(attachment))):
        _run("DEL", plugin, result, attachment.environ)
    attachment.cache(network.name).unlink(missing_ok=True)


def collect_garbage(network: Network, valid: Iterable[Attachment]) -> bool:
    """Drop what belongs to none of the valid attachments; return whether it can be asked."""
    if not network.since("1.1.0") or network.document.get("disableGC"):
        return False
    kept = [(one.container_id, one.ifname) for one in valid]
    for stale in _cached_attachments(network.name):
        if (stale.container_id, stale.ifname) not in kept:
            delete(network, stale)
    named = [{"containerID": container, "ifname": ifname} for container, ifname in kept]
    # The older key was the library's before the specification had one.
    told = {"cni.dev/valid-attachments": named, "cni.dev/attachments": named}
    for plugin in network.plugins():
        _run("GC", plugin | told, None, {})
    return True


def status(network: Network) -> bool:
    """Ask whether ADD would work; return whether the list lets one ask; raises Refusal."""
    if not network.since("1.1.0"):
        return False
    for plugin in network.plugins():
        _run("STATUS", plugin, None, {})
    return True


def _cached(network: Network, attachment: Attachment) -> Json | None:
    """Return the cached result; None where it is gone or cannot be read."""
    try:
        cached = json.loads(attachment.cache(network.name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    result: Json = cached["result"]
    return result


def _cached_attachments(network: str) -> Iterator[Attachment]:
    for path in sorted(CACHE.glob("*")):
        cached = json.loads(path.read_text(encoding="utf-8"))
        if cached["networkName"] == network:
            names = (cached["containerId"], cached["netns"], cached["ifName"])
            yield Attachment(*names, cached["cniArgs"], cached["capabilityArgs"])


def _run(verb: str, plugin: Json, result: Json | None, environ: Mapping[str, str]) -> str:
    """Run a plugin; return what it printed; raises Refusal."""
    stdin = json.dumps(plugin | ({"prevResult": result} if result is not None else {}))
    program = f"{BIN_DIR}/{plugin['type']}"
    told = {"CNI_COMMAND": verb, "CNI_PATH": BIN_DIR, **environ}
    ended = run_here((program,), stdin, told)
    if ended.status:
        raise _refusal(plugin["type"], ended.stdout or ended.stderr)
    return ended.stdout


def _refusal(plugin: str, printed: str) -> Refusal:
    try:
        error = json.loads(printed)
    except ValueError:
        return Refusal(plugin, 0, "it printed no error object", printed)
    return Refusal(plugin, error["code"], error["msg"], error.get("details", ""))
