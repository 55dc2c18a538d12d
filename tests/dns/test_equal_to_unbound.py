"""The same names, served by us and by unbound: a thousand random questions, the same answers.

Compared are response code, the flags AA, RA and TC, the answer and the authority sections as sets,
TTLs included where the names are local.  Both forward what is not theirs to the same server.  Where
we differ on purpose, ``DIFFERENCES`` says so, with the argument; a difference that is not in the
table fails the test, and so does an entry of the table that no question needs any more.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from kuma_net.record import Record
from lab.daemon import LOOPBACK
from lab.dns_server import DnsServer
from lab.unbound import UNBOUND, Recursive, Unbound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SEED = 20_261_121
QUESTIONS = 1000
SEARCH = "default.svc.cluster.local"

NAMES = {
    "backend.mesh": ["240.0.0.1"],
    "both.mesh": ["240.0.0.2", "fd00:fd00::2"],
    "mapped.mesh": ["240.0.0.3", "::ffff:f000:3"],
    "six.mesh": ["fd00:fd00::4"],
    "three.mesh": ["240.0.0.5", "240.0.0.6", "240.0.0.7"],
    "a.deep.name.mesh": ["240.0.0.8"],
    "plain-name.svc.east.mesh.local": ["241.0.0.1"],
    "many.mesh": [f"240.0.1.{last}" for last in range(1, 61)],
    "api.example.com": ["240.0.0.9"],
}
UPSTREAM = """
api.example.com.    300 IN MX    10 mail.example.com.
api.example.com.    300 IN AAAA  2001:db8::7
www.example.org.    300 IN A     198.51.100.1
www.example.org.    300 IN AAAA  2001:db8::1
text.example.org.   300 IN TXT   "a text"
alias.example.org.  300 IN CNAME www.example.org.
"""
KNOWN = (*NAMES, "www.example.org", "text.example.org", "alias.example.org")
ABOVE = (
    "mesh",
    "mesh.local",
    "name.mesh",
    "deep.name.mesh",
    "svc.east.mesh.local",
    "east.mesh.local",
)
UNKNOWN = (
    "nobody.mesh",
    "x.y.z.mesh",
    "nobody.mesh.local",
    "below.backend.mesh",
    "nobody.example.org",
)
TYPES = ("A", "A", "A", "AAAA", "AAAA", "MX", "TXT", "SOA", "NS", "SRV", "HTTPS", "CNAME", "PTR")
ODD_TYPES = ("ANY", "TYPE4711", "DS", "AXFR")


class Question(NamedTuple):
    """What is asked, and how."""

    name: str
    kind: str
    edns: int
    dnssec: bool
    tcp: bool

    def message(self) -> dns.message.Message:
        """Return it as a message."""
        return dns.message.make_query(
            self.name,
            self.kind,
            use_edns=self.edns > 0,
            payload=self.edns or None,
            want_dnssec=self.dnssec and self.edns > 0,
        )


class Said(Record):
    """What of an answer is compared."""

    rcode: str
    flags: str
    answer: frozenset[str]
    authority: frozenset[str]

    def __str__(self) -> str:
        """Over several lines."""
        lines = [f"{self.rcode} {self.flags}", *sorted(self.answer)]
        return "\n    ".join([*lines, *(f"authority: {text}" for text in sorted(self.authority))])


class Difference(NamedTuple):
    """A difference that is meant, the questions it is about, and why we differ."""

    about: Callable[[Question, Said, Said], bool]
    why: str


def _is_expansion(question: Question, ours: Said, _theirs: Said) -> bool:
    denied = Said(rcode="NXDOMAIN", flags="AA RA", answer=frozenset(), authority=frozenset())
    return question.name.lower().endswith(SEARCH) and ours == denied


def _is_any(question: Question, ours: Said, theirs: Said) -> bool:
    return question.kind == "ANY" and len(ours.answer) >= 1 and theirs.answer != ours.answer


def _is_transfer(question: Question, ours: Said, theirs: Said) -> bool:
    return question.kind == "AXFR" and ours.rcode == theirs.rcode == "REFUSED"


def _is_virtual(question: Question, ours: Said, _theirs: Said) -> bool:
    return question.name.lower() == "api.example.com" and "AA" in ours.flags


def _is_cut(_question: Question, ours: Said, theirs: Said) -> bool:
    cut = "TC" in ours.flags and "TC" in theirs.flags
    return cut and theirs.answer <= ours.answer


def _is_reverse(question: Question, _ours: Said, theirs: Said) -> bool:
    other = question.kind != "PTR" and theirs.rcode == "NOERROR" and not theirs.answer
    return question.name.lower().endswith(".in-addr.arpa") and other


def _is_half_an_alias(question: Question, ours: Said, theirs: Said) -> bool:
    alone = ours.answer == theirs.answer and not ours.authority
    return alone and question.name.lower() == "alias.example.org"


def _is_the_parents(question: Question, ours: Said, _theirs: Said) -> bool:
    return question.kind == "DS" and ours.rcode == "NOERROR" and not ours.answer


DIFFERENCES = {
    "expansions of known names": Difference(
        _is_expansion,
        "unbound knows no search list and asks upstream; we deny expansions of known names at once "
        "(resolv.conf(5)), with AA and without SOA: nothing is to be kept about another's zone",
    ),
    "ANY": Difference(
        _is_any,
        "unbound's local data has no answer to ANY but no data; we give one of the sets there are, "
        "which is what RFC 8482 section 4.1 asks for",
    ),
    "names outside our zones": Difference(
        _is_virtual,
        "unbound asks upstream for the family that has no address here; to us a name with a "
        "virtual address is reached by that alone, so the other family is 'no data'",
    ),
    "other types of reverse names": Difference(
        _is_reverse,
        "unbound owns the whole name of an address; we answer its PTR alone and ask upstream for "
        "all else, as for every name outside our zones",
    ),
    "aliases that upstream leaves hanging": Difference(
        _is_half_an_alias,
        "unbound follows an alias by itself and finds the SOA that the server did not send; we "
        "relay what was said: nothing is changed but for aliases that lead into the mesh",
    ),
    "DS of a zone of ours": Difference(
        _is_the_parents,
        "a DS record stands in the zone above (RFC 4035 section 3.1.4.1), so unbound asks "
        "upstream; we ask nobody about the mesh, and an unsigned zone has none: no data",
    ),
    "long answers": Difference(
        _is_cut,
        "both set TC; unbound sends no record then, we send what fits: musl before 1.2.4 never "
        "asks over TCP and takes what it got",
    ),
    "transfers": Difference(
        _is_transfer,
        "both refuse; unbound then says that it does not recurse at all, we say RA as always: it "
        "tells what a server can do, not what became of a query (RFC 1035 section 4.1.1)",
    ),
}


def questions() -> Iterator[Question]:
    """Give random questions, always the same ones."""
    random = Random(SEED)  # noqa: S311 - repeatable on purpose
    reverse = ["1.0.0.240.in-addr.arpa", "7.0.0.240.in-addr.arpa", "99.0.0.240.in-addr.arpa"]
    for _ in range(QUESTIONS):
        name = random.choice(random.choice((KNOWN, KNOWN, ABOVE, UNKNOWN, reverse)))
        kinds = ("PTR", "PTR", "A", "TXT") if name in reverse else TYPES
        if random.random() < 0.05:
            kinds = ODD_TYPES
        if random.random() < 0.05 and name in NAMES:
            name = f"{name}.{SEARCH}"
        name = "".join(random.choice((letter.lower(), letter.upper())) for letter in name)
        edns = random.choice((0, 0, 512, 1232, 4096))
        kind = random.choice(kinds)
        yield Question(name, kind, edns, random.random() < 0.3, random.random() < 0.2)


# --- the servers --------------------------------------------------------------------------------


def local_data(serial: int) -> str:
    """Return the names as unbound's local data; the SOA is what we say."""
    lines = []
    for zone in ("mesh", "mesh.local"):
        numbers = f"{serial} 3600 600 86400 30"
        lines.append(f'  local-zone: "{zone}." static')
        lines.append(f'  local-data: "{zone}. 30 SOA ns.{zone}. hostmaster.{zone}. {numbers}"')
    lines.append('  local-zone: "api.example.com." typetransparent')
    for name, addresses in NAMES.items():
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            lines.append(f'  local-data: "{name}. 30 {kind} {address}"')
            lines.append(f'  local-data-ptr: "{address} 30 {name}."')
    return "\n".join(lines)


@pytest.fixture
def upstream() -> Iterator[int]:
    server = Recursive(UPSTREAM)
    yield server.port
    server.close()


@pytest.fixture
def ours(tmp_path: Path, upstream: int) -> Iterator[DnsServer]:
    records = [{"name": name, "ips": addresses} for name, addresses in NAMES.items()]
    document = tmp_path / "names.json"
    document.write_text(json.dumps({"records": records, "ttl": 30}))
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"search {SEARCH}\n")
    options = ("--names", str(document), "--resolv-conf", str(conf))
    with DnsServer(tmp_path, *options, "--upstream", f"{LOOPBACK}:{upstream}") as server:
        server.await_ready()
        yield server


def serial_of(port: int) -> int:
    """Return the serial number of our zones."""
    answer = dns.query.udp(dns.message.make_query("mesh", "SOA"), LOOPBACK, port=port, timeout=10)
    return int(answer.answer[0][0].serial)


@pytest.fixture
def theirs(tmp_path: Path, ours: DnsServer, upstream: int) -> Iterator[Unbound]:
    if UNBOUND is None:
        pytest.skip("unbound is not installed")
    with Unbound(tmp_path, local_data(serial_of(ours.port)), upstream) as server:
        yield server


# --- the comparison -----------------------------------------------------------------------------


def said(question: Question, port: int) -> Said:
    """Ask, and return what is to be compared."""
    ask = dns.query.tcp if question.tcp else dns.query.udp
    answer = ask(question.message(), LOOPBACK, port=port, timeout=10)
    local = bool(answer.flags & dns.flags.AA)
    shown = ("AA", "RA", "TC")
    return Said(
        rcode=dns.rcode.to_text(answer.rcode()),
        flags=" ".join(name for name in shown if answer.flags & dns.flags.Flag[name]),
        answer=records(answer.answer, ttl=local),
        authority=records(answer.authority, ttl=local),
    )


def records(section: list[dns.rrset.RRset], *, ttl: bool) -> frozenset[str]:
    """Return the records of a section; TTLs of what was forwarded count down as time passes."""
    return frozenset(
        f"{one.name.to_text().lower()} {one.ttl if ttl else '-'} "
        f"{dns.rdatatype.to_text(one.rdtype)} {data.to_text().lower()}"
        for one in section
        for data in one
    )


def test_a_thousand_questions_are_answered_as_unbound_answers_them(
    ours: DnsServer, theirs: Unbound
) -> None:
    needed: Counter[str] = Counter()
    unlisted = []
    for question in questions():
        one, two = said(question, ours.port), said(question, theirs.port)
        if one == two:
            continue
        known = [name for name, meant in DIFFERENCES.items() if meant.about(question, one, two)]
        needed.update(known[:1])
        if not known:
            unlisted.append(f"{question}\n  ours\n    {one}\n  unbound\n    {two}")
    assert not unlisted, f"{len(unlisted)} differ, the first:\n" + "\n".join(unlisted[:5])
    assert not DIFFERENCES.keys() - needed.keys(), "nothing needs these any more"
