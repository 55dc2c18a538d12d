"""dig, which shows everything: codes, flags, EDNS, and questions that no application asks.

A row has dig's words and what its output says: the code, the flags, how many answers, and EDNS
if the reply has an OPT record.
"""

from __future__ import annotations

import re
import shutil

import pytest

from lab import resolver
from lab.names import asked_here, serve_names
from lab.topology import Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(shutil.which("dig") is None, reason="there is no dig")

NAMES = {
    "backend.mesh": ("240.0.0.2", "fd00:fd00::2"),
    "four.mesh": ("240.0.0.6",),
    "many.mesh": tuple(f"240.0.2.{n}" for n in range(100)),
    "payments.partner.example": ("240.0.0.7",),
}
UPSTREAM = "\n".join(
    (
        "www.example.org. IN A 203.0.113.80",
        "www.example.org. IN TXT forwarded",
        "payments.partner.example. IN MX 10 mail.example.org.",
        *(f"long.example.org. IN A 203.0.113.{n}" for n in range(100, 200)),
    )
)
TABLE = """
    backend.mesh                                -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +tcp                           -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +noedns                        -> NOERROR qr aa rd ra, 1 answer
    backend.mesh +bufsize=512                   -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +cookie                        -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +nsid +ednsopt=65001:abcd      -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +padding=128                   -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +norecurse                     -> NOERROR qr aa ra, 1 answer, EDNS
    backend.mesh +cdflag                        -> NOERROR qr aa rd ra cd, 1 answer, EDNS
    backend.mesh +noadflag +zflag               -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh AAAA                           -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh HTTPS                          -> NOERROR qr aa rd ra, 0 answers, EDNS
    backend.mesh TYPE65535                      -> NOERROR qr aa rd ra, 0 answers, EDNS
    four.mesh AAAA                              -> NOERROR qr aa rd ra, 0 answers, EDNS
    nobody.mesh                                 -> NXDOMAIN qr aa rd ra, 0 answers, EDNS
    -x 240.0.0.2                                -> NOERROR qr aa rd ra, 1 answer, EDNS
    -x fd00:fd00::2                             -> NOERROR qr aa rd ra, 1 answer, EDNS

    # The zone itself, as every zone has it.
    mesh SOA                                    -> NOERROR qr aa rd ra, 1 answer, EDNS
    mesh NS                                     -> NOERROR qr aa rd ra, 0 answers, EDNS

    # ANY is answered with one set of addresses (RFC 8482).
    backend.mesh ANY                            -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh ANY +notcp                     -> NOERROR qr aa rd ra, 1 answer, EDNS

    # Of what does not fit as much as does, the rest over TCP.
    many.mesh +ignore +noedns                   -> NOERROR qr aa tc rd ra, 30 answers
    many.mesh +ignore +bufsize=512              -> NOERROR qr aa tc rd ra, 29 answers, EDNS
    many.mesh +ignore +bufsize=4096             -> NOERROR qr aa tc rd ra, 74 answers, EDNS
    many.mesh                                   -> NOERROR qr aa rd ra, 100 answers, EDNS
    long.example.org +ignore +bufsize=512       -> NOERROR qr aa tc rd ra, 29 answers, EDNS
    long.example.org                            -> NOERROR qr aa rd ra, 100 answers, EDNS

    # Forwarded as they are; of a known name outside our zones other types than addresses.
    www.example.org                             -> NOERROR qr aa rd ra, 1 answer, EDNS
    www.example.org TXT +tcp                    -> NOERROR qr aa rd ra, 1 answer, EDNS
    www.example.org MX                          -> NOERROR qr aa rd ra, 0 answers, EDNS
    nobody.example.org                          -> NXDOMAIN qr aa rd ra, 0 answers, EDNS
    payments.partner.example                    -> NOERROR qr aa rd ra, 1 answer, EDNS
    payments.partner.example MX                 -> NOERROR qr aa rd ra, 1 answer, EDNS

    # What nobody shall do here, and what nobody understands.
    version.bind CH TXT                         -> REFUSED qr rd ra, 0 answers, EDNS
    mesh +opcode=notify SOA                     -> REFUSED qr rd, 0 answers
    mesh +opcode=update SOA                     -> REFUSED qr rd, 0 answers
    mesh +opcode=status                         -> NOTIMP qr rd, 0 answers
    mesh +opcode=15                             -> NOTIMP qr rd, 0 answers
    backend.mesh +edns=5 +noednsnegotiation     -> BADVERS qr rd ra, 0 answers, EDNS
    backend.mesh +edns=5                        -> NOERROR qr aa rd ra, 1 answer, EDNS
    backend.mesh +header-only                   -> FORMERR qr rd, 0 answers
"""
ROWS = [
    (asked.strip(), gets.strip())
    for asked, arrow, gets in (line.partition("->") for line in TABLE.splitlines())
    if arrow
]
SERVERS = {"ipv4": "@127.0.0.1", "ipv6": "@::1"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as built:
        built.remote.call(serve_names, UPSTREAM)
        resolver.start(built.app, NAMES)
        yield built


def dig(lab: Lab, server: str, words: str) -> str:
    """Return what dig prints; without a word of recursion's, AD is not asked for."""
    argv = ("dig", server, "-p", "15053", "+tries=1", "+time=5", "+noadflag", *words.split())
    return lab.app.run(argv, check=False).stdout


def summary(said: str) -> str:
    """Return the last reply that dig shows, in the words of a row."""
    found = re.findall(r"status: (\w+),.*\n;; flags: ([a-z ]*);.* ANSWER: (\d+)", said)
    if not found:
        return said
    status, flags, number = found[-1]
    edns = ", EDNS" if "; EDNS: version: 0" in said else ""
    return f"{status} {flags}, {number} answer{'' if number == '1' else 's'}{edns}"


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_dig_sees_what_the_table_says(lab: Lab, server: str) -> None:
    seen = [(asked, summary(dig(lab, server, asked))) for asked, _ in ROWS]
    assert [row for row in seen if row not in ROWS] == []


@pytest.mark.parametrize("words", ["mesh AXFR", "mesh IXFR=1", "example.org AXFR"])
def test_zones_are_not_transferred_and_nobody_else_is_asked(lab: Lab, words: str) -> None:
    assert "Transfer failed." in dig(lab, "@127.0.0.1", words)
    assert {"AXFR", "IXFR"}.isdisjoint(one.qtype for one in lab.remote.call(asked_here))


def test_question_and_owners_have_the_case_of_the_query(lab: Lab) -> None:
    said = dig(lab, "@127.0.0.1", "BaCkEnD.mEsH")
    assert re.search(r"^;BaCkEnD\.mEsH\.\s+IN\s+A$", said, re.MULTILINE)
    assert re.search(r"^BaCkEnD\.mEsH\.\s+30\s+IN\s+A\s+240\.0\.0\.2$", said, re.MULTILINE)


def test_many_questions_go_over_one_connection(lab: Lab) -> None:
    said = dig(lab, "@127.0.0.1", "+tcp +keepopen backend.mesh www.example.org four.mesh")
    assert re.findall(r"\s(240\.0\.0\.\d|203\.0\.113\.80)$", said, re.MULTILINE) == [
        "240.0.0.2",
        "203.0.113.80",
        "240.0.0.6",
    ]


def test_several_addresses_take_turns(lab: Lab) -> None:
    first = [dig(lab, "@127.0.0.1", "many.mesh +short +tcp").split()[0] for _ in range(5)]
    assert len(set(first)) == 5
