"""Tables of look-ups: who asks what, and what she gets.

A row reads::

    addresses of  backend.mesh    -> 240.0.0.2 fd00:fd00::2    # a remark
    IPv6 of       four.mesh       -> no data
    name of       240.0.0.2       -> backend.mesh
    IPv4 of       many.mesh       -> 60 addresses

"Who" is a ``Client``: a program that takes two words for each row, what is wanted and of whom,
and prints a line with what it got (``tests/lab/clients``), with a resolv.conf of its own.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.host import Host

WANTED = {"addresses": "addresses", "IPv4": "ipv4", "IPv6": "ipv6", "name": "name"}
"""What a row wants, and the word for it."""

_ROW = re.compile(r"(?P<what>\w+)\s+of\s+(?P<subject>\S+)\s+->\s+(?P<gets>.+)")
MANY = re.compile(r"(\d+) addresses")
SOME, FEW = "some addresses", 10
"""What a client may say that never asks over TCP: as many as UDP holds, these at least."""


class Client(Record):
    """Somebody who resolves names: by a program, with some lines of resolv.conf.

    ``asks`` has the words by which it asks instead of the usual ones; ``says`` what it may say
    instead of the words of a row.
    """

    name: str
    program: str
    resolv_conf: str = ""
    environ: Mapping[str, str] = {}
    asks: Mapping[str, str] = {}
    says: Mapping[str, str] = {}

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return self.name.replace(" ", "-")


class Row(Record):
    """One line of a table."""

    what: str
    subject: str
    gets: str

    def __str__(self) -> str:
        """Return the line."""
        return f"{self.what} of {self.subject} -> {self.gets}"


def parse_rows(table: str) -> tuple[Row, ...]:
    """Read a table; ``ValueError`` for a line that is no row."""
    rows = []
    for line in table.splitlines():
        text = line.partition("#")[0].strip()
        if text:
            match = _ROW.fullmatch(text)
            if match is None or match["what"] not in WANTED:
                raise ValueError(f"no row of a table of look-ups: {line}")
            rows.append(Row(match["what"], match["subject"], match["gets"]))
    return tuple(rows)


def check_rows(host: Host, client: Client, argv: Sequence[str], rows: Sequence[Row]) -> None:
    """Have a client on a host look every row up; raises AssertionError with those gone wrong."""
    words = [word for row in rows for word in (asked_by(client, row), row.subject)]
    said = host.run((*argv, *words), environ=client.environ).stdout.splitlines()
    wrong = [
        f"  {row}, but: {answer}"
        for row, answer in zip(rows, said, strict=True)
        if not accepts(client, row, answer.strip())
    ]
    if wrong:
        raise AssertionError("\n".join([f"{client.name} got {len(wrong)} wrong:", *wrong]))


def asked_by(client: Client, row: Row) -> str:
    """Return the word by which a client asks for what a row wants."""
    what = WANTED[row.what]
    return client.asks.get(what, what)


def accepts(client: Client, row: Row, said: str) -> bool:
    """Whether what a client said is what the row promises, or what this client says then."""
    promised = {row.gets, client.says.get(row.gets, row.gets)}
    if match := MANY.fullmatch(row.gets):
        number, most = len(normal(said)), int(match[1])
        return number == most or (SOME in promised and FEW <= number < most)
    return any(normal(said) == normal(promise) for promise in promised)


def normal(text: str) -> list[str]:
    """Return addresses in one order and one spelling, other words as they are.

    An IPv4-mapped address counts as the IPv4 address: some clients hand it out as such.
    """
    found = set()
    for word in text.split():
        try:
            address = ip_address(word)
        except ValueError:
            found.add(word.lower().removesuffix("."))
        else:
            mapped = address.ipv4_mapped if address.version == 6 else None
            found.add(str(mapped or address))
    return sorted(found)
