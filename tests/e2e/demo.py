"""The demo: Envoy and kuma-dns receive an application's traffic, redirected by kuma-init's rules.

Two machines in network namespaces, an application's and a remote one, IPv4 and IPv6.  Names are
looked up and requests of every kind are sent; tables say what came of each and whether that is
what the configuration promises.  Three witnesses tell: the server that answered, Envoy's own
counters, and the list of what the name server at the remote was asked.

Run by ``make demo``, with ``tests`` in PYTHONPATH.  Exit status 1 if a row is wrong or Envoy
cannot be had.  However it ends, nothing is left: namespaces, files and processes end with it.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kuma_net.record import Record
from lab import envoy, resolver
from lab.host import SIDECAR, WORKLOAD
from lab.lookups import NO_NAME, Lookup, look_up
from lab.names import asked_here, serve_names
from lab.servers import Landing
from lab.topology import ADDRESSES, Lab
from lab.web import get, serve_web

if TYPE_CHECKING:
    from types import FrameType

    from lab.host import Ended
    from lab.senders import Outcome

INIT = 1234
"""User id of the init container that may reach port 443 directly."""
PLAIN, TLS, OTHER, APPLICATION, VIRTUAL = 9000, 443, 9443, 8080, 80
"""Ports: the remote's three, the application's, the one that a service of the mesh has."""
FAMILIES = ("IPv4", "IPv6")

INSTALL = (
    "kuma-init",
    f"--kuma-dp-user={SIDECAR}",
    f"--exclude-outbound-ports-for-uids=tcp:{TLS}:{INIT}",
    f"--exclude-outbound-ports={OTHER}",
    "--exclude-outbound-ips=198.51.100.0/24,2001:db8:51::/48",
    "--redirect-dns",
    "--redirect-dns-tcp",
)
UNINSTALL = ("kuma-net", "uninstall")

BACKEND = envoy.Service(
    "backend", ("240.0.0.1", "fd00:fd00::1"), VIRTUAL, ADDRESSES["world"], PLAIN
)
"""A service of the mesh: its name leads to virtual addresses, these by Envoy to the remote."""
FRONTEND = "frontend-api.kuma-demo.svc.8080.mesh"
MESH = {"backend.mesh": BACKEND.addresses, FRONTEND: ("240.0.0.2", "fd00:fd00::2")}
UPSTREAM = "www.example.org. IN A 203.0.113.80\nwww.example.org. IN AAAA 2001:db8:113::80\n"
"""What the name server at the remote knows."""

NAMES = {"app": "application", "remote": "remote"}
COLUMNS = "{:<32} {:<4}  {:<22}  {:<26}  {}"
"""Of the table: what, family, address, where it landed, whether promised."""
NAME_COLUMNS = "{:<36}  {:<8}  {:<29}  {:<9}  {}"
"""Of the table of names: name, over what, addresses, was upstream asked, whether promised."""


class Request(Record):
    """A request of the demo, and what the configuration promises.

    ``to`` is a name of ``topology.ADDRESSES``; ``through`` the side of Envoy that must take it
    (empty: none), ``lands`` the host that must answer.  ``by_name`` is UDP or TCP if ``to`` is a
    name of the mesh, looked up over that.
    """

    what: str
    host: str
    uid: int
    to: str
    port: int
    through: str
    lands: str
    by_name: str = ""


class Name(Record):
    """A name to look up, over what, and what is promised; also of the remote's name server."""

    name: str
    over: str
    gets: str
    upstream: str = "not asked"


OVER = ("UDP IPv4", "UDP IPv6", "TCP IPv4", "TCP IPv6")
LOOKUPS = (
    *(Name(FRONTEND, over, " ".join(MESH[FRONTEND])) for over in OVER),
    Name("no-such-service.mesh", "UDP IPv4", NO_NAME),
    Name("www.example.org", "UDP IPv4", "203.0.113.80 2001:db8:113::80", "asked"),
)
TO_BACKEND = ("backend.mesh", VIRTUAL, "backend", "remote")
REQUESTS = (
    Request("application to the remote", "app", WORKLOAD, "world", PLAIN, "outbound", "remote"),
    Request("remote to the application", "remote", 0, "self", APPLICATION, "inbound", "app"),
    Request(f"user {INIT} to its excluded port", "app", INIT, "world", TLS, "", "remote"),
    Request("another user to that port", "app", WORKLOAD, "world", TLS, "outbound", "remote"),
    Request("application to the excluded port", "app", WORKLOAD, "world", OTHER, "", "remote"),
    Request("application to the excluded net", "app", WORKLOAD, "office", PLAIN, "", "remote"),
    Request("sidecar to the remote", "app", SIDECAR, "world", PLAIN, "", "remote"),
    Request("application to itself", "app", WORKLOAD, "self", APPLICATION, "", "app"),
    Request("application to localhost", "app", WORKLOAD, "localhost", APPLICATION, "", "app"),
    Request("sidecar to the application", "app", SIDECAR, "self", APPLICATION, "inbound", "app"),
    *(
        Request(f"application by name, over {over}", "app", WORKLOAD, *TO_BACKEND, over)
        for over in ("UDP", "TCP")
    ),
)


def main() -> int:
    """Run the demo; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        program = envoy.find_envoy()
    except envoy.EnvoyMissing as missing:
        sys.stderr.write(f"demo: Envoy cannot be had: {missing}\n")
        return 1
    try:
        with Lab() as lab:
            return demonstrate(lab, program)
    except KeyboardInterrupt:
        sys.stderr.write("demo: interrupted; nothing is left behind\n")
        return 130


def _interrupted(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def demonstrate(lab: Lab, program: Path) -> int:
    """Install, send, tell, uninstall, prove; return the exit status."""
    start = time.monotonic()
    lab.remote.call(serve_web, "remote", (PLAIN, TLS, OTHER), 0)
    lab.remote.call(serve_names, UPSTREAM)
    lab.app.call(serve_web, "app", (APPLICATION,), WORKLOAD)
    envoy.start(lab.app, program, (BACKEND,))
    resolver.start(lab.app, MESH)
    say("Two machines in network namespaces: the application's, with Envoy and kuma-dns beside")
    say("it, and a remote one.  The application's rules come from one command:")
    say("")
    installed = run(lab, INSTALL)
    if installed.status != 0:
        return 1
    wrong = look_all_up(lab) + send_all(lab)
    say("")
    removed = run(lab, UNINSTALL)
    left = leftovers(lab) if removed.status == 0 else ["the rules: uninstall failed"]
    say("")
    for thing in left:
        say(f"LEFT BEHIND: {thing}")
    if not left:
        say("Nothing is left: no rule (nft list ruleset is empty), no ::6 on the loopback")
        say("interface, and the application's next request goes straight to the remote.")
    say("")
    done = len(LOOKUPS) + 2 * len(REQUESTS)
    took = time.monotonic() - start
    say(f"{done - wrong} of {done} look-ups and requests ended as promised; {took:.1f} s in all.")
    return 1 if wrong or left else 0


def say(text: str) -> None:
    """Print a line at once: what was said must be seen when the demo is interrupted."""
    print(text, flush=True)


def run(lab: Lab, words: tuple[str, ...]) -> Ended:
    """Run one of our programs on the application's machine, showing it and what it says."""
    say("  # " + (" \\\n      " if len(words) > 2 else " ").join(words))
    program = Path(sys.executable).parent / words[0]
    ended = lab.app.run((str(program), *words[1:]), check=False)
    for line in (ended.stdout + ended.stderr).splitlines():
        say(f"  {line}")
    if ended.status:
        say(f"  (exit status {ended.status})")
    return ended


def look_all_up(lab: Lab) -> int:
    """Look every name up and print the table; return how many went wrong."""
    say("")
    say(NAME_COLUMNS.format("name", "over", "addresses", "upstream", "promised"))
    say(NAME_COLUMNS.format("-" * 36, "-" * 8, "-" * 29, "-" * 9, "-" * 8))
    wrong = 0
    for name in LOOKUPS:
        proto, family = name.over.split()
        server = ADDRESSES["nameserver"][FAMILIES.index(family)]
        got = lab.app.call(look_up, Lookup(name.name, proto, server, WORKLOAD))
        asked = any(one.name == f"{name.name}." for one in lab.remote.call(asked_here))
        upstream = "asked" if asked else "not asked"
        kept = (got, upstream) == (name.gets, name.upstream)
        verdict = "yes" if kept else f"NO: {name.gets}, {name.upstream}"
        wrong += not kept
        say(NAME_COLUMNS.format(name.name, name.over, got, upstream, verdict))
    return wrong


def send_all(lab: Lab) -> int:
    """Send every request over both families and print the table; return how many went wrong."""
    say("")
    say(COLUMNS.format("request", "over", "to", "landed at", "promised"))
    say(COLUMNS.format("-" * 32, "----", "-" * 22, "-" * 26, "--------"))
    wrong = 0
    for request in REQUESTS:
        for index, family in enumerate(FAMILIES):
            address = address_of(lab, request, index)
            landed = send(lab, request, address)
            promised = words(request.through, request.lands)
            verdict = "yes" if landed == promised else f"NO: {promised}"
            wrong += landed != promised
            shown = request.to if request.by_name else address
            to = f"[{shown}]:{request.port}" if ":" in shown else f"{shown}:{request.port}"
            say(COLUMNS.format(request.what if index == 0 else "", family, to, landed, verdict))
    return wrong


def address_of(lab: Lab, request: Request, index: int) -> str:
    """Return where a request goes in a family; a name is looked up over the same family."""
    if not request.by_name:
        return ADDRESSES[request.to][index]
    server = ADDRESSES["nameserver"][index]
    asked = Lookup(request.to, request.by_name, server, request.uid, FAMILIES[index])
    return lab.app.call(look_up, asked)


def send(lab: Lab, request: Request, address: str) -> str:
    """Send a request; return in words which side of Envoy took it and who answered."""
    before = lab.app.call(envoy.connections_here)
    outcome = lab.hosts[request.host].call(get, address, request.port, request.uid)
    after = lab.app.call(envoy.connections_here)
    took = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    return landing_words(outcome, took)


def landing_words(outcome: Outcome, took: dict[str, int]) -> str:
    """Say where a request landed; ``took`` counts the connections each listener took for it."""
    if not isinstance(outcome, Landing):
        return f"nowhere: {outcome}"
    through = " and ".join(
        name.split("_")[0] + (f" ({count} times)" if count > 1 else "")
        for name, count in took.items()
    )
    return words(through, outcome.host)


def words(through: str, host: str) -> str:
    """Say a landing: ``Envoy outbound, remote`` or ``remote, directly``."""
    name = NAMES[host]
    return f"Envoy {through}, {name}" if through else f"{name}, directly"


def leftovers(lab: Lab) -> list[str]:
    """Return what is left of the installation, by asking the kernel; nothing should be."""
    left = [
        f"tables of {family}tables-legacy"
        for family in ("ip", "ip6")
        if lab.app.read(f"/proc/net/{family}_tables_names")
    ]
    rules = lab.app.run(("nft", "list", "ruleset")).stdout.strip()
    if rules:
        left.append(f"rules:\n{rules}")
    if "::6/128" in lab.app.run(("ip", "-6", "address", "show", "dev", "lo")).stdout:
        left.append("::6 on the loopback interface")
    first = REQUESTS[0]
    for address in ADDRESSES[first.to]:
        landed = send(lab, first, address)
        if landed != words("", first.lands):
            left.append(f"capture: a request to {address} landed at: {landed}")
    return left


if __name__ == "__main__":
    sys.exit(main())
