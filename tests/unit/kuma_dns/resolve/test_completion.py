"""CNAMEs that lead into the mesh: what others said up to there, then what we know."""

from __future__ import annotations

from struct import pack

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import COLLIDES, KNOWN, Entry, Table, block_of
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.authority import Authority
from kuma_dns.resolve.completion import completed, mesh_name
from kuma_dns.wire.message import AAAA, DNAME, MX, NXDOMAIN, RRSIG, SERVFAIL, TXT, A
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from kuma_dns.wire.response import Response
from lab.messages import DO, RD, ask, name_of, opt
from lab.upstreams import address, alias, record, response, soa

RECORDS = ("one.mesh=240.0.0.1", "six.mesh=fd00:fd00::1", "api.example.com=240.0.0.7")
ASKED = ask("Www.Example.Org")


def authority(*records: str) -> Authority:
    joined = Joined([read_records(records or RECORDS)], Zones())
    return Authority(Zones(), Table(joined.block()))


def complete(  # noqa: PLR0913 - the parts of a message
    *answer: bytes,
    asked: bytes = ASKED,
    denial: tuple[bytes, ...] = (),
    rcode: int = 0,
    age: int = 0,
    tcp: bool = False,
    ours: Authority | None = None,
) -> bytes | None:
    query = Query(asked)
    said = Response(response(asked, answer, denial, rcode=rcode), query)
    return completed(said, query, ours or authority(), age=age, tcp=tcp)


def shown(packet: bytes | None) -> list[str]:
    assert packet is not None
    told = dns.message.from_wire(packet, one_rr_per_rrset=True)
    return [rrset.to_text() for rrset in (*told.answer, *told.authority)]


def test_the_end_is_ours() -> None:
    packet = complete(alias("one.mesh", ttl=60))
    assert shown(packet) == [
        "Www.Example.Org. 60 IN CNAME one.mesh.",
        "one.mesh. 30 IN A 240.0.0.1",
    ]
    assert packet is not None
    told = dns.message.from_wire(packet)
    assert told.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA
    assert (told.id, told.rcode()) == (7, dns.rcode.NOERROR)


@pytest.mark.parametrize("rcode", [NXDOMAIN, SERVFAIL])
def test_what_others_say_of_our_name_is_forgotten(rcode: int) -> None:
    rows = (alias("one.mesh"), address("192.0.2.66", name_of("one.mesh")))
    packet = complete(*rows, denial=(soa(),), rcode=rcode)
    assert shown(packet)[1:] == ["one.mesh. 30 IN A 240.0.0.1"]


def test_an_unknown_name_of_ours_does_not_exist() -> None:
    packet = complete(alias("nobody.mesh"))
    assert packet is not None
    assert dns.message.from_wire(packet).rcode() == dns.rcode.NXDOMAIN
    assert [line.split()[3] for line in shown(packet)] == ["CNAME", "SOA"]


def test_a_known_name_without_such_data_says_so() -> None:
    packet = complete(alias("six.mesh"))
    assert packet is not None
    assert dns.message.from_wire(packet).rcode() == dns.rcode.NOERROR
    assert [line.split()[3] for line in shown(packet)] == ["CNAME", "SOA"]


def test_ipv6_and_names_outside_our_zones_are_completed_too() -> None:
    asked = ask("www.example.org", AAAA)
    assert shown(complete(alias("six.mesh"), asked=asked))[1] == (
        "six.mesh. 30 IN AAAA fd00:fd00::1"
    )
    assert shown(complete(alias("api.example.com")))[1] == "api.example.com. 30 IN A 240.0.0.7"


def test_what_we_would_not_answer_is_not_completed() -> None:
    asked = ask("www.example.org", MX)
    assert complete(alias("api.example.com"), asked=asked) is None
    assert complete(alias("www.example.com")) is None
    assert complete(address()) is None


def test_without_names_nothing_is_ours() -> None:
    said = Response(response(ASKED, (alias("one.mesh"),)), Query(ASKED))
    assert mesh_name(said, None) == -1


def test_a_name_that_collides_is_an_error_that_says_why() -> None:
    block = block_of(
        [(key_of("one.mesh"), Entry(b"", b"", KNOWN | COLLIDES, 0, b""))], ttl=30, serial=1
    )
    ours = Authority(Zones(), Table(block))
    packet = complete(alias("one.mesh"), asked=ask("www.example.org", extra=opt()), ours=ours)
    assert packet is not None
    told = dns.message.from_wire(packet)
    assert told.rcode() == dns.rcode.SERVFAIL
    assert "contradict" in str(told.options[0])


def test_the_chain_keeps_its_signatures_and_grows_old() -> None:
    def signed(kind: int, owner: bytes) -> bytes:
        data = pack("!HBBIIIH", kind, 13, 2, 300, 0, 0, 1) + name_of("example.org") + b"sig"
        return record(RRSIG, data, owner)

    www, middle = b"\xc0\x0c", name_of("middle.Sub.example.org")
    answer = (
        alias("middle.sub.example.org", www, ttl=100),
        signed(5, www),
        record(DNAME, name_of("other.example"), name_of("sub.example.org")),
        signed(DNAME, name_of("sub.example.org")),
        record(DNAME, name_of("other.example"), name_of("bus.example.org")),
        alias("one.mesh", middle, ttl=10),
        signed(5, middle),
        signed(A, name_of("one.mesh")),
        alias("elsewhere.example", name_of("one.mesh")),
        record(TXT, b"\1x"),
        record(RRSIG, b"\0", www),
        record(DNAME, b"\xc0\xff", www),
        signed(DNAME, b"\1a" * 126 + b"\xc0\x0c"),
    )
    asked = ask("www.example.org", extra=opt(flags=DO), flags=RD)
    lines = [line.split() for line in shown(complete(*answer, asked=asked, age=30, tcp=True))]
    assert [(line[0], line[1], *line[3:5]) for line in lines] == [
        ("www.example.org.", "70", "CNAME", "middle.sub.example.org."),
        ("www.example.org.", "270", "RRSIG", "CNAME"),
        ("sub.example.org.", "270", "DNAME", "other.example."),
        ("sub.example.org.", "270", "RRSIG", "DNAME"),
        ("middle.sub.example.org.", "0", "CNAME", "one.mesh."),
        ("middle.sub.example.org.", "270", "RRSIG", "CNAME"),
        ("one.mesh.", "30", "A", "240.0.0.1"),
    ]


def test_what_is_too_long_for_a_datagram_is_cut() -> None:
    ours = authority(*[f"many.mesh=240.0.0.{n}" for n in range(100)])
    packet = complete(alias("many.mesh"), ours=ours)
    assert packet is not None
    assert len(packet) <= 512
    assert dns.message.from_wire(packet).flags & dns.flags.TC
    assert len(shown(complete(alias("many.mesh"), ours=ours, tcp=True))) == 101


def test_of_a_crowd_of_records_only_the_first_can_be_the_chain() -> None:
    crowd = [alias("x.example", name_of(f"n{n}.example")) for n in range(100)]
    lines = shown(complete(alias("one.mesh"), *crowd, alias("one.mesh")))
    assert [line.split()[3] for line in lines] == ["CNAME", "A"]
