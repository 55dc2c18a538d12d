"""Tables of look-ups: who asks what, and what she gets.

A row reads::

    addresses of  backend.mesh    -> 240.0.0.2 fd00:fd00::2    # a remark
    IPv6 of       four.mesh       -> no data
    name of       240.0.0.2       -> backend.mesh
    IPv4 of       many.mesh       -> 60 addresses

"Who" is a ``Client``: a program that takes two words, what is wanted and of whom, and prints
what it got (``tests/lab/clients``), with a resolv.conf of its own.
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
_COUNT = re.compile(r"(\d+) addresses")


class Client(Record):
    """Somebody who resolves names: by a program, with some lines of resolv.conf.

    ``asks`` has the words by which it asks instead of the usual ones, ``says`` what it says
    instead of the words of a row; ``most`` is how many addresses of a name it takes at most, 0
    without such a limit.
    """

    name: str
    program: str
    resolv_conf: str = ""
    environ: Mapping[str, str] = {}
    asks: Mapping[str, str] = {}
    says: Mapping[str, str] = {}
    most: int = 0

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
    wrong = []
    for row in rows:
        what = WANTED[row.what]
        said = ask(host, client, argv, client.asks.get(what, what), row.subject)
        if not accepts(client, row, said):
            wrong.append(f"  {row}, but: {said}")
    if wrong:
        raise AssertionError("\n".join([f"{client.name} got {len(wrong)} wrong:", *wrong]))


def ask(host: Host, client: Client, argv: Sequence[str], what: str, subject: str) -> str:
    """Return what a client prints when it looks something up on a host."""
    return host.run((*argv, what, subject), environ=client.environ).stdout.strip()


def accepts(client: Client, row: Row, said: str) -> bool:
    """Whether what a client said is what the row promises."""
    promised = client.says.get(row.gets, row.gets)
    if count := _COUNT.fullmatch(promised):
        number = min(int(count[1]), client.most or int(count[1]))
        return len(set(said.split())) == number
    return normal(said) == normal(promised)


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
