"""Resolve names by dnspython's stub resolver: the same words as resolve.c."""

from __future__ import annotations

import sys

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, Resolver

TYPES = {"addresses": ("A", "AAAA"), "ipv4": ("A",), "ipv6": ("AAAA",)}


def main(words: list[str]) -> None:
    """Ask and print, two words after two words."""
    for what, subject in zip(words[::2], words[1::2], strict=True):
        tell(what, subject)


def tell(what: str, subject: str) -> None:
    """Ask and print."""
    try:
        print(*ask(what, subject) or ("no data",))
    except NXDOMAIN:
        print("no such name")
    except DNSException as error:
        print(f"failure: {error}")


def ask(what: str, subject: str) -> list[str]:
    """Return the addresses of a name or the name of an address; raises DNSException."""
    resolver = Resolver()
    if what == "name":
        return [str(one.target) for one in resolver.resolve_address(subject)]
    answers = [
        resolver.resolve(subject, kind, search=True, raise_on_no_answer=False)
        for kind in TYPES[what]
    ]
    return [one.address for answer in answers for one in answer.rrset or ()]


main(sys.argv[1:])
