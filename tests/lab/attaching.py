"""The plugin called from a test: requests as a runtime makes them, its log, its records.

The plugin runs in the test's own process, which is in the machine's namespaces as a runtime is,
and enters those of hosts of the lab.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from kuma_cni.plugin.log import PluginLog
from kuma_cni.plugin.plugin import KumaCni
from kuma_cni.plugin.records import Records
from kuma_cni.spec.netconf import Netconf
from kuma_cni.spec.problem import DIFFERS, CniError
from kuma_cni.spec.request import Request
from kuma_net.backends.nftables import generation_of_rules
from kuma_net.host.loopback import has_passthrough_address
from kuma_net.host.netlink_socket import NetlinkSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kuma_cni.pod.decide import FetchedPod, LookUp
    from kuma_cni.spec.request import Verb
    from lab.host import Host

OURS = "inet kuma_net"
"""Family and name of the plugin's table."""
CONTAINER = "0123456789abcdef0123456789abcdef"
ARGS = {"K8S_POD_NAMESPACE": "demo", "K8S_POD_NAME": "web-0", "K8S_POD_UID": "u-1"}


def nobody(lookup: LookUp, netconf: Netconf) -> NoReturn:
    """Be an API server that must not be asked."""
    raise AssertionError(f"the API server was asked for {lookup} by {netconf.name}")


class Attached:
    """A plugin with a folder of its own, and one pod that it is called for."""

    def __init__(
        self,
        folder: Path,
        netns: Host | str,
        annotations: Mapping[str, str] | None,
        pods: Callable[[LookUp, Netconf], FetchedPod] = nobody,
        **netconf: object,
    ) -> None:
        """Name the pod's namespace, by its host or its path, and what the runtime says of it."""
        self.folder = folder
        self.plugin = KumaCni(pods, PluginLog, Records)
        places = {
            "name": "net",
            "log_level": "debug",
            "log_file": str(folder / "cni.log"),
            "log_socket": "",
            "state_dir": str(folder / "state"),
        }
        self.netconf = Netconf(annotations=annotations, **(places | netconf))  # type: ignore[arg-type]
        self.netns = netns if isinstance(netns, str) else netns.netns

    def request(self, verb: Verb, **changes: object) -> Request:
        """Return a request for this pod."""
        asked = Request(verb, CONTAINER, self.netns, "eth0", ARGS, netconf=self.netconf)
        return asked.replace(**changes)

    def add(self) -> None:
        """Call ADD."""
        self.plugin.add(self.request("ADD"))

    def delete(self) -> None:
        """Call DEL."""
        self.plugin.delete(self.request("DEL"))

    def drift(self) -> str:
        """Return the details of CHECK's error, empty where it finds all as asked."""
        try:
            self.plugin.check(self.request("CHECK"))
        except CniError as differs:
            if differs.code != DIFFERS or not differs.details:
                raise
            return differs.details
        return ""

    def lines(self) -> list[dict[str, object]]:
        """Return what was logged."""
        log = self.folder / "cni.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def state(host: Host) -> tuple[int, str, bool]:
    """Return a host's generation of rules, their text, and whether ``::6`` is on its loopback."""
    return host.call(state_here)


def state_here() -> tuple[int, str, bool]:
    """Return the same of this process's namespace."""
    from lab.host import run_here

    with NetlinkSocket() as kernel:
        generation = generation_of_rules(kernel)
    listed = run_here(("nft", "-s", "list", "ruleset"), "", {})
    assert listed.status == 0, listed
    return generation, listed.stdout, has_passthrough_address()


def nft(host: Host, command: str) -> None:
    """Run a command of nft; words in braces stand for place and handle of a rule."""
    before, brace, rest = command.partition(" rule {")
    if brace:
        words, _, after = rest.partition("}")
        command = f"{before} rule {rule_of(host, words)} {after}"
    host.run(["nft", command])


def rule_of(host: Host, words: str) -> str:
    """Return where the rule is whose comment begins like this: table, chain, handle."""
    chain = ""
    for line in host.run(["nft", "-a", "list", "table", *OURS.split()]).stdout.splitlines():
        if line.strip().startswith("chain "):
            chain = line.split()[1]
        if f'comment "{words}' in line:
            return f"{OURS} {chain} handle {line.rpartition(' ')[2]}"
    raise AssertionError(f"no rule says {words}")
