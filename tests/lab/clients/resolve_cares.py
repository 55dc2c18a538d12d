"""Resolve names by c-ares: the same words as resolve.c; other flags than usual in C_ARES_FLAGS."""

from __future__ import annotations

import os
import socket
import sys

import pycares
from pycares import errno

FAMILIES = {"addresses": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
WORDS = {errno.ARES_ENOTFOUND: "no such name", errno.ARES_ENODATA: "no data"}


def main(words: list[str]) -> None:
    """Ask and print, two words after two words."""
    for what, subject in zip(words[::2], words[1::2], strict=True):
        resolve(what, subject)


def resolve(what: str, subject: str) -> None:
    """Ask and print."""
    flags = os.environ.get("C_ARES_FLAGS")
    channel = pycares.Channel(flags=int(flags) if flags else None)
    if what == "name":
        channel.gethostbyaddr(subject, callback=tell_name)
    else:
        family = FAMILIES[what]
        channel.getaddrinfo(
            subject, None, family=family, type=socket.SOCK_STREAM, callback=tell_addresses
        )
    channel.wait(30)
    channel.close()


def tell_name(result: pycares.HostResult | None, error: int | None) -> None:
    """Print the name that an address has."""
    if error or result is None:
        print(WORDS.get(error or 0, f"failure: {error}"))
    else:
        print(result.name)


def tell_addresses(result: pycares.AddrInfoResult | None, error: int | None) -> None:
    """Print the addresses that a name has."""
    if error or result is None:
        print(WORDS.get(error or 0, f"failure: {error}"))
    else:
        print(*(node.addr[0].decode() for node in result.nodes))


main(sys.argv[1:])
