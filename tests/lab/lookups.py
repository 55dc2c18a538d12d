"""Look-ups by the C library of the host, as the application makes them: by /etc/resolv.conf."""

from __future__ import annotations

import socket

from kuma_net.record import Record
from lab.host import write_here
from lab.servers import effective

NO_NAME = "no such name"
FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6, "": socket.AF_UNSPEC}


class Lookup(Record):
    """A name to look up: by UDP or TCP, of the name server at an address; as a user.

    ``family`` is IPv4, IPv6 or empty for the addresses of both.
    """

    name: str
    proto: str
    server: str
    uid: int
    family: str = ""


def look_up(asked: Lookup) -> str:
    """Write this host's resolv.conf for a look-up and make it; return addresses, or what failed.

    The C library reads the file again when it has changed.
    """
    options = "timeout:2 attempts:2" + (" use-vc" if asked.proto == "TCP" else "")
    write_here("/etc/resolv.conf", f"nameserver {asked.server}\noptions {options}\n")
    try:
        with effective(asked.uid, asked.uid):
            found = socket.getaddrinfo(asked.name, None, FAMILIES[asked.family], socket.SOCK_STREAM)
    except socket.gaierror as error:
        return NO_NAME if error.errno == socket.EAI_NONAME else str(error)
    return " ".join(sorted((str(address[0]) for *_, address in found), key=_ipv4_first))


def _ipv4_first(address: str) -> tuple[bool, str]:
    return ":" in address, address
