"""What the rows of the conformance table mean: things that are given with a call of a plugin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kuma_cni.spec.versions import at_least
from lab.cni import environ_of
from lab.injected import ANNOTATIONS, documented

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = {
    "kumaDPUser": "5678",
    "ipFamilyMode": "dualstack",
    "redirect": {
        "inbound": {"enabled": True, "port": 15006},
        "outbound": {"enabled": True, "port": 15001},
        "dns": {"enabled": True, "captureAll": True, "port": 15053},
    },
}
MESH = documented(json.dumps(DOCUMENT))
DNS = {"nameservers": ["10.96.0.10"], "search": ["shop.svc.cluster.local"]}


class Asked:
    """One call in the making: environment, configuration, standard input, calls before it."""

    def __init__(self, verb: str, version: str, netns: str) -> None:
        """Begin with what is usual: a mesh pod of 3.0, nothing called before."""
        self.environ = environ_of(verb, netns)
        self.netns = netns
        self.before: list[str] = []
        self.config: dict[str, Any] = {
            "cniVersion": version,
            "name": "net",
            "type": "kuma-cni",
            "runtimeConfig": {ANNOTATIONS: MESH},
            "log_level": "debug",
        }
        if version == "absent":
            del self.config["cniVersion"]
        self.stdin: bytes | None = None

    def input_of(self) -> bytes:
        """Return the standard input."""
        return json.dumps(self.config).encode() if self.stdin is None else self.stdin


def old_result(version: str) -> dict[str, Any]:
    """Return a result of 0.1.0 or 0.2.0."""
    four = {"ip": "10.1.0.5/16", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]}
    six = {"ip": "2001:db8::5/64", "routes": [{"dst": "::/0", "gw": "2001:db8::1"}]}
    return {"cniVersion": version, "ip4": four, "ip6": six, "dns": DNS}


def result(version: str) -> dict[str, Any]:
    """Return a result of 0.3.0 or later, of two families, with an interface."""
    ips = [
        {"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 0},
        {"address": "2001:db8::5/64", "interface": 0},
    ]
    if not at_least(version, "1.0.0"):
        ips = [{"version": family, **ip} for family, ip in zip(("4", "6"), ips, strict=True)]
    interface = {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/x"}
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "2001:db8::1"}]
    return {
        "cniVersion": version, "interfaces": [interface], "ips": ips, "routes": routes, "dns": DNS,
    }  # fmt: skip


def translated(given: dict[str, Any] | None, asked: str) -> dict[str, Any]:
    """Return the given result in the asked version, by these tests' own reckoning."""
    if not given:
        return {"cniVersion": asked}
    source = given["cniVersion"]
    if at_least(source, "0.3.0") == at_least(asked, "0.3.0"):
        return _with_family(given, asked)
    if at_least(asked, "0.3.0"):
        flat = {
            "ips": [
                _renamed(given[key], "ip", "address") for key in ("ip4", "ip6") if key in given
            ],
            "routes": [route for key in ("ip4", "ip6") for route in given[key]["routes"]],
            "dns": given["dns"],
        }
        return _with_family(flat, asked)
    whole: dict[str, Any] = {"cniVersion": asked, "dns": given["dns"]}
    for ip in given["ips"]:
        six = ":" in ip["address"]
        family = _renamed(ip, "address", "ip")
        family["routes"] = [route for route in given["routes"] if (":" in route["dst"]) == six]
        whole["ip6" if six else "ip4"] = family
    return whole


def _renamed(ip: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    kept = {key: ip[key] for key in ("gateway",) if key in ip}
    return {new: ip[old], **kept}


def _with_family(given: dict[str, Any], asked: str) -> dict[str, Any]:
    """Add or take away the family that an address says until 0.4.0."""
    whole = given | {"cniVersion": asked}
    if "ips" in whole:
        bare = [{key: ip[key] for key in ip if key != "version"} for ip in whole["ips"]]
        if not at_least(asked, "1.0.0"):
            bare = [{"version": "6" if ":" in ip["address"] else "4", **ip} for ip in bare]
        whole["ips"] = bare
    return whole


def _configured(**keys: object) -> Callable[[Asked], None]:
    return lambda asked: asked.config.update(keys)


def _without(key: str) -> Callable[[Asked], None]:
    return lambda asked: asked.config.pop(key)


def _environ(**variables: str) -> Callable[[Asked], None]:
    """Change the environment; ``-`` takes a variable out."""

    def change(asked: Asked) -> None:
        whole = asked.environ | variables
        asked.environ = {name: value for name, value in whole.items() if value != "-"}

    return change


def _input(stdin: bytes) -> Callable[[Asked], None]:
    return lambda asked: setattr(asked, "stdin", stdin)


def _before(verb: str) -> Callable[[Asked], None]:
    return lambda asked: asked.before.append(verb)


def _only(*names: str) -> Callable[[Asked], None]:
    def change(asked: Asked) -> None:
        kept = ("CNI_COMMAND", *names)
        asked.environ = {name: asked.environ[name] for name in kept}

    return change


def _of_nobody(asked: Asked) -> None:
    asked.config["runtimeConfig"] = {ANNOTATIONS: {"app": "cron"}}


def _six_only(asked: Asked) -> None:
    version = asked.config.get("cniVersion", "0.1.0")
    if at_least(version, "0.3.0"):
        whole = result(version)
        asked.config["prevResult"] = whole | {"ips": whole["ips"][1:]}
    else:
        asked.config["prevResult"] = old_result(version)
        del asked.config["prevResult"]["ip4"]


ATTACHMENTS = [{"containerID": "c0ffee", "ifname": "eth0"}]
DUMMIES = {
    "CNI_CONTAINERID": "", "CNI_NETNS": "dummy", "CNI_IFNAME": "dummy", "CNI_PATH": "dummy",
}  # fmt: skip
GIVEN: dict[str, Callable[[Asked], None]] = {
    "nothing before": _environ(),
    "no result": _environ(),
    "a null result": _configured(prevResult=None),
    "an empty result": _configured(prevResult={}),
    "a result of 0.1.0": _configured(prevResult=old_result("0.1.0")),
    "a result of 0.3.1": _configured(prevResult=result("0.3.1")),
    "a result of 1.0.0": _configured(prevResult=result("1.0.0")),
    "a result of 1.1.0": _configured(prevResult=result("1.1.0")),
    "a result of 9.0.0": _configured(prevResult={"cniVersion": "9.0.0"}),
    "a result of IPv6 only": _six_only,
    "a result without addresses": _configured(prevResult=result("1.0.0") | {"ips": []}),
    "a result with unknown keys": _configured(prevResult=result("1.0.0") | {"x-y": [{"z": 1.5}]}),
    "an interface that is not there": _configured(
        prevResult=result("1.0.0") | {"ips": [{"address": "10.1.0.5/16", "interface": 99}]}
    ),
    "a result of no shape": _configured(prevResult=["10.1.0.5/16"]),
    "after ADD": _before("ADD"),
    "after DEL": _before("DEL"),
    "another log level": _configured(log_level="error"),
    "a pod of nobody": _of_nobody,
    "our own namespace": _environ(CNI_NETNS="/proc/self/ns/net"),
    "the node's namespace": _environ(CNI_NETNS="/proc/1/ns/net"),
    "it is allowed": _environ(CNI_NETNS_OVERRIDE="1"),
    "no namespace there": _environ(CNI_NETNS="/run/netns/gone"),
    "a plain file as namespace": _environ(CNI_NETNS="/etc/passwd"),
    "a folder as namespace": _environ(CNI_NETNS="/run"),
    "another kind of namespace": _environ(CNI_NETNS="/proc/self/ns/mnt"),
    "a link to the namespace": lambda asked: asked.environ.update(CNI_NETNS="/run/link"),
    "valid attachments": _configured(**{"cni.dev/valid-attachments": ATTACHMENTS}),
    "no valid attachments": _configured(**{"cni.dev/valid-attachments": []}),
    "null attachments": _configured(**{"cni.dev/valid-attachments": None}),
    "the older key of attachments": _configured(**{"cni.dev/attachments": ATTACHMENTS}),
    "nothing but CNI_PATH": _only("CNI_PATH"),
    "nothing else at all": _only(),
    "dummies": _environ(**DUMMIES),
    "no CNI_CONTAINERID": _environ(CNI_CONTAINERID="-"),
    "no CNI_NETNS": _environ(CNI_NETNS="-"),
    "no CNI_IFNAME": _environ(CNI_IFNAME="-"),
    "no CNI_PATH": _environ(CNI_PATH="-"),
    "no CNI_ARGS": _environ(CNI_ARGS="-"),
    "an empty CNI_IFNAME": _environ(CNI_IFNAME=""),
    "a container id with a slash": _environ(CNI_CONTAINERID="../c0ffee"),
    "an interface with a slash": _environ(CNI_IFNAME="eth/0"),
    "an interface with a colon": _environ(CNI_IFNAME="eth0:1"),
    "an interface with a blank": _environ(CNI_IFNAME="eth 0"),
    "an interface called ..": _environ(CNI_IFNAME=".."),
    "an interface of 16 letters": _environ(CNI_IFNAME="e" * 16),
    "no input": _input(b""),
    "input that is no JSON": _input(b"cniVersion: 1.0.0\nname: net\n"),
    "a list as input": _input(b"[]"),
    "no network name": _without("name"),
    "a network name with a slash": _configured(name="../net"),
}
