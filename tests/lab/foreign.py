"""Rules of somebody else: nine odd ones in nat, raw and mangle, in every kind of firewall.

They look as much like ours as an administrator's rules may: chains with our words in their
names, comments with quotes, jumps in a circle around ours, targets we use too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.host import run_here

if TYPE_CHECKING:
    from lab.host import Host

NINE = """\
*raw
:PREROUTING ACCEPT [7:420]
:OUTPUT ACCEPT [8:480]
[1:60] -A PREROUTING -i eth9 -m comment --comment "it's \\"quoted\\"; KUMA MESH" -j NOTRACK
[2:120] -A OUTPUT -p udp -m udp --sport 5353 -j CT --zone 7
COMMIT
*mangle
:PREROUTING ACCEPT [9:540]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:MY_KUMA_MESH - [0:0]
[3:180] -A PREROUTING -p tcp -m multiport --dports 81,82:90 -m state --state NEW -j MY_KUMA_MESH
[4:240] -A POSTROUTING -o eth+ -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
[5:300] -A MY_KUMA_MESH -m comment --comment "kuma, but not ours" -j MARK --set-mark 0x539
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER_LIKE - [0:0]
[6:360] -A PREROUTING -p tcp -m tcp --dport 7777 -j REDIRECT --to-ports 9999
[7:420] -A OUTPUT -p tcp -m owner --uid-owner 4000 -j DOCKER_LIKE
[8:480] -A POSTROUTING -p udp -m udp --dport 5353 -j RETURN
[9:540] -A DOCKER_LIKE -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 5300
COMMIT
"""
"""Nine rules with counters, as iptables-save prints them; both families take the text."""

NATIVE = """\
table inet administrators {
	set allowed {
		type ipv4_addr
		flags interval
		elements = { 192.0.2.0/25, 198.51.100.1 }
	}
	counter odd { packets 12 bytes 3456 }
	chain out {
		type nat hook output priority -101; policy accept;
		ip daddr @allowed tcp dport 7777 counter packets 3 bytes 180 redirect to :9999
		meta skuid 4000 counter name odd accept comment "KUMA_MESH_OUTBOUND"
	}
	chain KUMA_MESH_INBOUND {
		counter packets 1 bytes 2 return
	}
}
table ip kuma_net_else {
	chain stamp {
		counter packets 4 bytes 5 return comment "kuma-net 9.9 config=00 rules=00"
	}
}
"""
"""Tables of nf_tables: names of ours inside a table that is not, names that begin like ours."""

FLAVOURS = ("nft", "legacy")


def preload(host: Host) -> None:
    """Load all of it into a host, counters included."""
    host.call(_preload_here)


def _preload_here() -> None:
    for flavour in FLAVOURS:
        for family in ("ip", "ip6"):
            _run((f"{family}tables-{flavour}-restore", "--counters"), NINE)
    _run(("nft", "-f", "-"), NATIVE)


def _run(words: tuple[str, ...], stdin: str = "") -> str:
    ended = run_here(words, stdin, {})
    if ended.status:
        raise AssertionError(f"{' '.join(words)}: {ended.stderr}")
    return ended.stdout


def everything(host: Host) -> str:
    """Return every rule of a host with counters, as the programs print it, byte for byte.

    Only the lines that hold the time of printing are left out.
    """
    return host.call(_everything_here)


def _everything_here() -> str:
    saved = [
        _run((f"{family}tables-{flavour}-save", "--counters"))
        for flavour in FLAVOURS
        for family in ("ip", "ip6")
    ]
    saved.append(_run(("nft", "list", "ruleset")))
    lines = "\n".join(saved).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("# Generated", "# Completed")))
