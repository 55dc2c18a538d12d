"""Name servers that answer wrongly, falsely, or not at all: what a client gets all the same.

Each row is asked twice: while a second, honest server is there as well, and with that server
alone.  Afterwards the honest one alone is asked the same questions: what was false is not in the
cache.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net.record import Record
from lab.dns_asking import END, all_by_udp, connected, framed, heard, query, says, told
from lab.dns_server import DnsServer
from lab.hostile_upstream import (
    DEEDS,
    RIGHT,
    SECOND,
    SECONDS,
    HostileServer,
    label_of,
    serve_hostile,
)
from lab.processes import eventually
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.host import Host

ITS, THE_SECONDS = f"NOERROR {RIGHT}", f"NOERROR {SECONDS}"
WORDS = {
    "its answer": ITS,
    "a part of it": f"NOERROR cut {RIGHT}",
    "the ring": "NOERROR has-aliases-in-a-ring.example. round.example.",
    "the second's": THE_SECONDS,
}

TIMEOUT = 1
"""Seconds: the least that resolv.conf can say."""


class Row(Record):
    """What a server does, and what a client gets with a second server, and without one."""

    deed: str
    with_second: str
    alone: str

    def __str__(self) -> str:
        """Return the row as it is written."""
        return f"{self.deed} -> {self.with_second} | {self.alone}"


def parse_rows(table: str) -> tuple[Row, ...]:
    """Read a table: ``what it does -> with a second server | alone``."""
    rows = []
    for line in filter(None, (line.partition("#")[0].strip() for line in table.splitlines())):
        deed, _, gets = line.partition(" -> ")
        with_second, _, alone = gets.partition("|")
        rows.append(Row(deed.strip(), with_second.strip(), alone.strip()))
        assert rows[-1].deed in DEEDS, line
    return tuple(rows)


BY_UDP = parse_rows("""
    # the first server ...                   -> with a second one | alone
    answers                                  -> its answer    | its answer
    answers and then lies                    -> its answer    | its answer
    lies with the wrong id and then answers  -> its answer    | its answer
    brings a stranger's address along        -> its answer    | its answer
    gives a time of 2^31 seconds             -> its answer    | its answer
    gives a time of 2^32-1 seconds           -> its answer    | its answer
    cuts, and answers over TCP               -> its answer    | its answer

    # What does not fit is cut, and is there over TCP.
    sends 64 KB                              -> a part of it  | a part of it
    cuts, and sends 64 KB over TCP           -> a part of it  | a part of it

    cuts, and sends 4000 records over TCP    -> a part of it  | a part of it

    # What does not answer the question is not looked at: the server may still answer.
    is silent                                -> the second's  | SERVFAIL 22
    sends rubbish                            -> the second's  | SERVFAIL 22
    sends rubbish with the right id          -> the second's  | SERVFAIL 22
    sends the query back                     -> the second's  | SERVFAIL 22
    sends half a header                      -> the second's  | SERVFAIL 22
    sends a bare header                      -> the second's  | SERVFAIL 22
    has the wrong id                         -> the second's  | SERVFAIL 22
    answers another name                     -> the second's  | SERVFAIL 22
    answers another type                     -> the second's  | SERVFAIL 22
    answers another class                    -> the second's  | SERVFAIL 22
    answers two questions                    -> the second's  | SERVFAIL 22
    answers from another port                -> the second's  | SERVFAIL 22
    answers from another address             -> the second's  | SERVFAIL 22

    # It says that it cannot: the next one is asked at once, and without one that is relayed.
    says SERVFAIL                            -> the second's  | SERVFAIL
    says REFUSED                             -> the second's  | REFUSED
    says FORMERR                             -> the second's  | FORMERR
    says NOTIMP                              -> the second's  | NOTIMP
    sends a bare header that says SERVFAIL   -> the second's  | SERVFAIL

    # What answers the question but cannot be read counts as "cannot" too.
    counts 65535 records                     -> the second's  | SERVFAIL 23
    counts 65535 records of each kind        -> the second's  | SERVFAIL 23
    ends within a record                     -> the second's  | SERVFAIL 23
    has a name that points to itself         -> the second's  | SERVFAIL 23
    has a name that points forward           -> the second's  | SERVFAIL 23
    has an alias that points to itself       -> the second's  | SERVFAIL 23

    # What is of no use but well-formed is the client's to judge; nothing is kept of it.
    has aliases in a ring                    -> the ring      | the ring

    # Cut by UDP and of no use over TCP: a client alone with it may try TCP herself.
    cuts over TCP as well                    -> the second's  | a part of it
    cuts, and closes over TCP                -> the second's  | a part of it
    cuts, and closes within the length       -> the second's  | a part of it
    cuts, and closes halfway                 -> the second's  | a part of it
    cuts, and is silent over TCP             -> the second's  | a part of it
    cuts, and announces more than it sends   -> the second's  | a part of it
    cuts, and announces less than it sends   -> the second's  | a part of it
    cuts, and announces nothing              -> the second's  | a part of it
    cuts, and sends rubbish over TCP         -> the second's  | a part of it
    cuts, and has the wrong id over TCP      -> the second's  | a part of it
    cuts, and answers another name over TCP  -> the second's  | a part of it
""")

BY_TCP = parse_rows("""
    # A client by TCP has her question asked over TCP: there, nothing wrong can be followed by
    # something right, so the connection is given up and the next server asked at once.
    answers                                  -> its answer    | its answer
    answers and then lies                    -> its answer    | its answer
    gives a time of 2^31 seconds             -> its answer    | its answer
    is silent                                -> the second's  | SERVFAIL 22
    answers from another port                -> the second's  | SERVFAIL 22
    sends rubbish                            -> the second's  | SERVFAIL 23
    sends the query back                     -> the second's  | SERVFAIL 23
    sends half a header                      -> the second's  | SERVFAIL 23
    sends a bare header                      -> the second's  | SERVFAIL 23
    has the wrong id                         -> the second's  | SERVFAIL 23
    answers another name                     -> the second's  | SERVFAIL 23
    answers another type                     -> the second's  | SERVFAIL 23
    says SERVFAIL                            -> the second's  | SERVFAIL
    says REFUSED                             -> the second's  | REFUSED
    counts 65535 records of each kind        -> the second's  | SERVFAIL 23
    has a name that points to itself         -> the second's  | SERVFAIL 23
    cuts over TCP as well                    -> the second's  | SERVFAIL 23
    cuts, and closes over TCP                -> the second's  | SERVFAIL 23
    cuts, and closes halfway                 -> the second's  | SERVFAIL 23
    cuts, and is silent over TCP             -> the second's  | SERVFAIL 22
    cuts, and announces more than it sends   -> the second's  | SERVFAIL 22
    cuts, and announces nothing              -> the second's  | SERVFAIL 23
    cuts, and sends rubbish over TCP         -> the second's  | SERVFAIL 22
""")

FOLDER = Path("/run/lab")
RESOLV_CONF = FOLDER / "hostile.conf"
FIRST = [f"127.0.1.{number + 1}" for number in range(len(BY_UDP))]
"""An address for each row: a server that has failed is asked last for a while."""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Return a host on which the hostile server has many addresses, and the honest one has one."""
    quiet = quiet_host()
    try:
        quiet.call(serve_hostile, [*FIRST, SECOND])
        yield quiet
    finally:
        quiet.stop()


@pytest.mark.parametrize(("table", "tcp"), [(BY_UDP, False), (BY_TCP, True)], ids=["UDP", "TCP"])
@pytest.mark.parametrize("alone", [False, True], ids=["with-a-second", "alone"])
def test_a_client_gets_what_the_table_says(
    host: Host, table: Sequence[Row], *, tcp: bool, alone: bool
) -> None:
    first, again = host.call(play, [row.deed for row in table], tcp=tcp, alone=alone)
    wrong = []
    for row, got, later in zip(table, first, again, strict=True):
        promised = row.alone if alone else row.with_second
        if got != WORDS.get(promised, promised):
            wrong.append(f"{row}, but: {got}")
        if later != THE_SECONDS and not (promised == "its answer" and later == ITS):
            wrong.append(f"{row}, and asked again: {later}")
    assert not wrong, "\n".join(wrong)


def play(deeds: Sequence[str], *, tcp: bool, alone: bool) -> tuple[list[str], list[str]]:
    """Ask for all deeds at once, each of a first server of its own; then ask the honest one.

    Returns what was said, both times.
    """
    RESOLV_CONF.write_text("", encoding="ascii")
    options = ("--record=here.mesh=240.0.0.1", f"--resolv-conf={RESOLV_CONF}")
    with DnsServer(FOLDER, *options, "--log-sample=10000/1") as server:
        server.await_ready()
        names = [f"{label_of(deed)}.example" for deed in deeds]
        asked = []
        for number, name in enumerate(names):
            use_servers(server, [FIRST[number]] if alone else [FIRST[number], SECOND])
            asked.append(begin(server.port, name, tcp=tcp))
            # Read behind the question: from here on it keeps to its servers.
            assert says(server.port, "here.mesh") == "NOERROR 240.0.0.1"
        first = [finish(one, tcp=tcp) for one in asked]
        use_servers(server, [SECOND])
        again = [says(server.port, name) for name in [*names, "victim.example"]]
        assert again.pop() == THE_SECONDS
    return first, again


def use_servers(server: DnsServer, addresses: Sequence[str]) -> None:
    """Write the resolv.conf and wait until it is used."""
    lines = [f"nameserver {address}\n" for address in addresses]
    text = "".join([*lines, f"options timeout:{TIMEOUT} attempts:1\n"])
    RESOLV_CONF.with_suffix(".new").write_text(text, encoding="ascii")
    RESOLV_CONF.with_suffix(".new").rename(RESOLV_CONF)
    wanted = [f"{address}:53" for address in addresses]
    assert eventually(
        lambda: (
            server.events("name-servers")[-1:] != []
            and server.events("name-servers")[-1]["servers"] == wanted
        )
    )


def begin(port: int, name: str, *, tcp: bool) -> socket.socket:
    """Ask, and do not wait for the answer."""
    if tcp:
        one = connected(port)
        one.sendall(framed(query(name)))
        return one
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(10)
    one.connect(("127.0.0.1", port))
    one.send(query(name))
    return one


def finish(one: socket.socket, *, tcp: bool) -> str:
    """Return what the answer says."""
    with one:
        packet = heard(one) if tcp else one.recv(65535)
    return END if packet is None else told(packet)


def test_answers_with_any_bytes_wrong_harm_nobody(tmp_path: Path) -> None:
    """Each question is answered in time, whatever comes, and the next one is too."""
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"options timeout:{TIMEOUT} attempts:1\n", encoding="ascii")
    wrong = label_of("has wrong bytes")
    with HostileServer() as upstream:
        options = (f"--resolv-conf={conf}", f"--upstream={upstream.place}")
        with DnsServer(tmp_path, "--record=here.mesh=240.0.0.1", *options) as server:
            server.await_ready()
            for start in range(0, 3000, 1000):
                names = [f"{wrong}.{number}.example" for number in range(start, start + 1000)]
                packets = [query(name, ident) for ident, name in enumerate(names)]
                assert len(all_by_udp(server.port, packets)) == len(packets)
            assert says(server.port, "here.mesh") == "NOERROR 240.0.0.1"
            assert says(server.port, "answers.example") == ITS
