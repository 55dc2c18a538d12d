"""Rules as kumactl writes them, and odd rules of other owners: what stands on hosts before us.

The text is written after what kumactl is known to do, option by option; it shares no line of
code with what this project compiles.
"""

from __future__ import annotations

from kuma_net.values import Family

_KUMACTL = """\
* raw
-A OUTPUT -p udp --dport 53 -m owner --uid-owner 5678 {assign} -j CT --zone 1
-A OUTPUT -p udp --sport 15053 -m owner --uid-owner 5678 {assign} -j CT --zone 2
-A OUTPUT -d {server} -p udp --dport 53 {assign} -j CT --zone 2
-A PREROUTING -s {server} -p udp --sport 53 {assign} -j CT --zone 1
COMMIT
* nat
-N KUMA_MESH_INBOUND
-N KUMA_MESH_OUTBOUND
-N KUMA_MESH_INBOUND_REDIRECT
-N KUMA_MESH_OUTBOUND_REDIRECT
-I PREROUTING 1 -i docker0 -m udp -p udp --dport 53 {vnet} -j REDIRECT --to-ports 15053
-I PREROUTING 2 ! -d {network} -i docker0 -p tcp {vnet} -j REDIRECT --to-ports 15001
-I PREROUTING 3 -p tcp {redirect} -j KUMA_MESH_INBOUND
-A PREROUTING {log} -j LOG --log-prefix PREROUTING: --log-level 7
-I OUTPUT 1 {log} -j LOG --log-prefix OUTPUT: --log-level 7
-I OUTPUT 2 -m multiport -p tcp --dport 22,80:90 -m owner --uid-owner 1000:1005 {skip} -j RETURN
-I OUTPUT 3 -m multiport -p udp --dport 1:65535 -m owner --uid-owner 106 {skip} -j RETURN
-I OUTPUT 4 -d {network} {skip} -j RETURN
-I OUTPUT 5 -p udp --dport 53 -m owner --uid-owner 5678 {skip} -j RETURN
-I OUTPUT 6 -d {server} -p udp --dport 53 {redirect} -j REDIRECT --to-ports 15053
-A OUTPUT -p tcp --dport 53 -m owner ! --uid-owner 5678 {skip} -j RETURN
-A OUTPUT -p tcp {redirect} -j KUMA_MESH_OUTBOUND
-A KUMA_MESH_INBOUND -p tcp --dport 22 {skip} -j RETURN
-A KUMA_MESH_INBOUND -p tcp {redirect} -j KUMA_MESH_INBOUND_REDIRECT
-A KUMA_MESH_OUTBOUND -s {passthrough} -o lo {skip} -j RETURN
-A KUMA_MESH_OUTBOUND -p tcp -o lo ! -d {localhost} -m owner --uid-owner 5678 {redirect} -j {into}
-A KUMA_MESH_OUTBOUND -p tcp -o lo -m owner ! --uid-owner 5678 {skip} -j RETURN
-A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 {skip} -j RETURN
-A KUMA_MESH_OUTBOUND -d {localhost} {skip} -j RETURN
-A KUMA_MESH_OUTBOUND {redirect} -j KUMA_MESH_OUTBOUND_REDIRECT
-A KUMA_MESH_INBOUND_REDIRECT -p tcp {redirect} -j REDIRECT --to-ports 15006
-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp {redirect} -j REDIRECT --to-ports 15001
COMMIT
"""

_ADDRESSES = {
    Family.IPV4: {
        "server": "10.96.0.10",
        "network": "10.0.0.0/8",
        "passthrough": "127.0.0.6/32",
        "localhost": "127.0.0.1/32",
    },
    Family.IPV6: {
        "server": "fd00::10",
        "network": "fd00::/8",
        "passthrough": "::6/128",
        "localhost": "::1/128",
    },
}

_FOREIGN = """\
*raw
-A PREROUTING -p tcp -m tcp --dport 9 -j CT --notrack
-A OUTPUT -p udp -m udp --dport 53 -j CT --zone 7
COMMIT
*mangle
-A PREROUTING -m comment --comment "a \\"quoted\\" it's" -j MARK --set-mark 1
-A OUTPUT -o lo -j RETURN
COMMIT
*nat
:ODD - [0:0]
-A PREROUTING -i docker1 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
-A OUTPUT -p tcp -m owner --uid-owner 33 -j RETURN
-A OUTPUT -d {network} -p tcp -m tcp --dport 8443 -j ODD
-A OUTPUT -j LOG --log-prefix "nat out: " --log-level 7
-A ODD -o lo -m owner --gid-owner 0 -j RETURN
COMMIT
"""


def _kumactl(family: Family) -> str:
    comments = {
        name: f'-m comment --comment "kuma/mesh/transparent/proxy/{name}"'
        for name in ("assign", "vnet", "redirect", "log", "skip")
    }
    return _KUMACTL.format(into="KUMA_MESH_INBOUND_REDIRECT", **comments, **_ADDRESSES[family])


KUMACTL = {family: _kumactl(family) for family in _ADDRESSES}
"""What kumactl loads, with nearly every option."""

FOREIGN = {family: _FOREIGN.format(**found) for family, found in _ADDRESSES.items()}
"""Nine odd rules and a chain of another owner."""


def bare(texts: dict[Family, str]) -> dict[Family, str]:
    """Return what kumactl loads with ``--disable-comments``."""
    return {family: _without_comments(text) for family, text in texts.items()}


def _without_comments(text: str) -> str:
    lines = []
    for line in text.splitlines():
        before, comment, behind = line.partition("-m comment --comment ")
        lines.append(before + behind.partition('" ')[2] if comment else line)
    return "".join(f"{line}\n" for line in lines)
