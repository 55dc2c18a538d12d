"""Results of one version of the specification as those of another.

Three shapes exist: 0.1.0 and 0.2.0 have at most one address of each family, with the routes
under it (``ip4``, ``ip6``); from 0.3.0 on there are lists (``interfaces``, ``ips``, ``routes``),
where until 0.4.0 an address says its family (``version``); 1.1.0 knows more of an interface and of
a route.  A conversion loses what the asked version has no word for, and nothing else: neither a
result without addresses nor an interface's index that leads nowhere is ours to refuse.
"""

from __future__ import annotations

from kuma_cni.spec.problem import INVALID_CONFIG, CniError
from kuma_cni.spec.shape import object_at, objects_at, text_at
from kuma_cni.spec.versions import VERSIONS, at_least
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Object: TypeAlias = dict[str, object]

INTERFACE = ("name", "mac", "sandbox")
INTERFACE_SINCE_1_1 = (*INTERFACE, "mtu", "socketPath", "pciID")
ROUTE = ("dst", "gw")
ROUTE_SINCE_1_1 = (*ROUTE, "mtu", "advmss", "priority", "table", "scope")
ADDRESS = ("address", "gateway", "interface")
FAMILIES = {"4": "ip4", "6": "ip6"}
"""How 0.3.0 and how 0.2.0 call a family."""
SHAPES = ("0.3.0", "1.0.0", "1.1.0")
"""Versions since which results look different."""
WITHIN = "prevResult."


class _Lists(Record):
    """A result in the shape of 0.3.0 and later."""

    interfaces: list[Object]
    ips: list[Object]
    routes: list[Object]
    dns: Object


def passed_on(prev: Mapping[str, object] | None, version: str) -> Object:
    """Return the chain's result so far in the asked version, an empty one where there is none.

    Where the versions' results look the same it is passed on as it is, with whatever it contains.
    Raises CniError 7 for a ``prevResult`` that cannot be converted.
    """
    if not prev:
        return {"cniVersion": version}
    source = _version_of(prev, version)
    if _shape(source) == _shape(version):
        return dict(prev) | {"cniVersion": version}
    lists = _read_lists(prev) if at_least(source, "0.3.0") else _read_families(prev)
    result = _lists(lists, version) if at_least(version, "0.3.0") else _families(lists)
    return {"cniVersion": version} | {key: value for key, value in result.items() if value}


def _shape(version: str) -> int:
    """Return a number that is the same for versions whose results look the same."""
    return sum([at_least(version, since) for since in SHAPES])


def _version_of(prev: Mapping[str, object], asked: str) -> str:
    """Return the version a result says it has, or looks like, else the asked one."""
    version = text_at(prev, "cniVersion", within=WITHIN)
    if not version:
        by_lists = at_least(asked, "0.3.0")
        if by_lists and any(key in prev for key in FAMILIES.values()):
            return "0.2.0"
        return asked if by_lists or "ips" not in prev else "0.4.0"
    if version not in VERSIONS:
        raise CniError(
            INVALID_CONFIG,
            "prevResult.cniVersion is no version of CNI that we know",
            f"{version[:40]!r} is none of {', '.join(VERSIONS)}",
        )
    return version


def _read_lists(prev: Mapping[str, object]) -> _Lists:
    """Read a result of 0.3.0 or later."""
    return _Lists(
        objects_at(prev, "interfaces", WITHIN),
        objects_at(prev, "ips", WITHIN),
        objects_at(prev, "routes", WITHIN),
        object_at(prev, "dns", WITHIN),
    )


def _read_families(prev: Mapping[str, object]) -> _Lists:
    """Read a result of 0.1.0 or 0.2.0; it has no interfaces."""
    ips, routes = [], []
    for key in FAMILIES.values():
        family = object_at(prev, key, WITHIN)
        within = f"{WITHIN}{key}."
        if text_at(family, "ip", within=within):
            ips.append({"address": family["ip"]} | _only(("gateway",), family))
        routes += objects_at(family, "routes", within)
    return _Lists([], ips, routes, object_at(prev, "dns", WITHIN))


def _lists(lists: _Lists, version: str) -> Object:
    """Write a result of 0.3.0 or later, with what that version knows."""
    newest = at_least(version, "1.1.0")
    interface = INTERFACE_SINCE_1_1 if newest else INTERFACE
    route = ROUTE_SINCE_1_1 if newest else ROUTE
    ips = [_only(ADDRESS, ip) for ip in lists.ips]
    if not at_least(version, "1.0.0"):
        ips = [{"version": _family(ip, "address", "ips")} | ip for ip in ips]
    return {
        "interfaces": [_only(interface, one) for one in lists.interfaces],
        "ips": ips,
        "routes": [_only(route, one) for one in lists.routes],
        "dns": lists.dns,
    }


def _families(lists: _Lists) -> Object:
    """Write a result of 0.1.0 or 0.2.0: the first address of each family, and its routes."""
    result: Object = {}
    for family, key in FAMILIES.items():
        ip = next((ip for ip in lists.ips if _family(ip, "address", "ips") == family), None)
        if ip is not None:
            routes = [
                _only(ROUTE, one) for one in lists.routes if _family(one, "dst", "routes") == family
            ]
            result[key] = (
                {"ip": ip["address"]}
                | _only(("gateway",), ip)
                | ({"routes": routes} if routes else {})
            )
    return result | {"dns": lists.dns}


def _family(item: Object, key: str, listed: str) -> str:
    """Return the family of an address in CIDR notation."""
    return "6" if ":" in text_at(item, key, within=f"{WITHIN}{listed}[].") else "4"


def _only(keys: tuple[str, ...], item: Mapping[str, object]) -> Object:
    """Return the entries of these keys that say something."""
    return {key: item[key] for key in keys if item.get(key) is not None}
