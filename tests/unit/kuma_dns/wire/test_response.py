"""What upstream servers say: believed as far as it goes, and given again aged."""

from __future__ import annotations

import time
from itertools import pairwise

import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.message import AAAA, ANY, CNAME, FORMERR, HTTPS, NS, NXDOMAIN, SERVFAIL, A
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from kuma_dns.wire.response import LONGEST_CHAIN, Response, answers
from kuma_net.values import Malformed
from lab.messages import ask, name_of, opt, question
from lab.upstreams import address, alias, record, response, soa

ASKED = ask("www.example.org")
QUERY = Query(ASKED)


def read(packet: bytes, query: Query = QUERY) -> Response:
    assert answers(packet, query.question)
    return Response(packet, query)


# --- whose answer it is -------------------------------------------------------------------------


def test_a_response_answers_its_question_whatever_its_case() -> None:
    assert answers(response(ASKED, (address(),)), QUERY.question)
    assert answers(response(ask("WWW.example.ORG")), QUERY.question)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        ASKED,
        response(ASKED)[:11],
        response(ASKED)[:2] + b"\xa8" + response(ASKED)[3:],
        response(ask("mail.example.org")),
        response(ask("www.example.org", AAAA)),
        response(ASKED)[:20],
        b"\0\7\x81\x80" + bytes(8),
        b"\0\7\x81\x82" + bytes(7) + b"\1",
        b"\0\7\x81\x82" + bytes(8) + b"x",
        b"\0\7\x81\x82\0\2" + bytes(6) + QUERY.question * 2,
    ],
)
def test_what_is_no_response_or_one_to_another_question_answers_nothing(packet: bytes) -> None:
    assert not answers(packet, QUERY.question)


def test_types_do_not_have_cases() -> None:
    assert not answers(response(ask("a", 97)), question("a", HTTPS))


def test_an_error_may_be_a_bare_header_and_gets_its_question_back() -> None:
    bare = b"\0\7\x81\x82" + bytes(8)
    said = read(bare)
    assert said.rcode == SERVFAIL
    assert dns.message.from_wire(said.aged(QUERY, 0)).question


# --- how long it may be given again -------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "life"),
    [
        (response(ASKED, (address(ttl=60), address("192.0.2.2", ttl=50))), 50),
        (response(ASKED, (address(),), (record(NS, b"\0", ttl=9),)), 9),
        (response(ASKED, (address(),), (), (opt(),)), 300),
        (response(ASKED, (address(ttl=2**31),)), 86400),
        (response(ASKED, (address(ttl=0),)), 0),
        (response(ASKED, (), (soa(ttl=300, minimum=60),)), 60),
        (response(ASKED, (), (soa(ttl=30, minimum=60),)), 30),
        (response(ASKED, (), (soa(ttl=86400, minimum=86400),)), 3600),
        (response(ASKED, (), (soa(),), rcode=NXDOMAIN), 60),
        (response(ASKED, (alias("a.example"),), (soa(),), rcode=NXDOMAIN), 60),
        (response(ASKED, (alias("a.example", ttl=7),), (soa(),)), 7),
        (response(ASKED), 0),
        (response(ASKED, rcode=NXDOMAIN), 0),
        (response(ASKED, (), (record(NS, b"\0"),)), 0),
        (response(ASKED, (), (record(6, bytes(21)),)), 0),
        (response(ASKED, (), (), (soa(),)), 0),
        (response(ASKED, (), (), (opt(),)), 0),
        (response(ASKED, (address(),), cut=True), 0),
        (response(ASKED, (address(),), rcode=SERVFAIL), 0),
        (response(ASKED, (address(),), (), (b"\0\0\x29\4\xd0\1\0\0\0\0\0",)), 0),
    ],
)
def test_an_answer_lives_as_long_as_it_says(packet: bytes, life: int) -> None:
    assert read(packet).life == life


def test_any_is_answered_by_any_record() -> None:
    query = Query(ask("www.example.org", ANY))
    said = read(response(query.packet, (alias("a.example"),)), query)
    assert (said.life, said.chain) == (300, ())


def test_the_upper_bits_of_the_code_are_in_opt() -> None:
    said = read(response(ASKED, (), (), (b"\0\0\x29\4\xd0\1\0\0\0\0\0",)))
    assert said.rcode == 16


def test_tc_is_seen() -> None:
    assert read(response(ASKED, cut=True)).truncated


# --- where it leads -----------------------------------------------------------------------------


def test_cnames_are_followed_in_any_order() -> None:
    rows = (alias("c.example", name_of("B.example")), alias("b.EXAMPLE"))
    said = read(response(ASKED, rows))
    assert said.chain == (key_of("b.example"), key_of("c.example"))
    assert said.dangling
    assert said.life == 300


def test_a_chain_that_ends_in_an_address_does_not_dangle() -> None:
    rows = (alias("b.example"), address(owner=name_of("b.example")))
    said = read(response(ASKED, rows))
    assert (said.chain, said.dangling) == ((key_of("b.example"),), False)


def test_cnames_that_lead_nowhere_near_are_no_chain() -> None:
    said = read(response(ASKED, (alias("c.example", name_of("b.example")),)))
    assert (said.chain, said.dangling, said.life) == ((), False, 0)


def test_a_circle_ends_where_it_began() -> None:
    rows = (alias("b.example"), alias("www.example.org", name_of("b.example")))
    said = read(response(ASKED, rows))
    assert said.chain == (key_of("b.example"), key_of("www.example.org"))


def test_a_question_for_the_cname_itself_is_answered_by_it() -> None:
    query = Query(ask("www.example.org", CNAME))
    said = read(response(query.packet, (alias("b.example"),)), query)
    assert (said.chain, said.dangling, said.life) == ((), False, 300)


def test_only_the_first_cnames_are_followed() -> None:
    names = ["www.example.org", *[f"n{n}.example" for n in range(LONGEST_CHAIN + 5)]]
    pairs = pairwise(names)
    rows = tuple(alias(target, name_of(owner)) for owner, target in pairs)
    assert len(read(response(ASKED, rows)).chain) == LONGEST_CHAIN


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "packet",
    [
        response(ASKED, (address(),))[:-1],
        response(ASKED)[:7] + b"\1" + response(ASKED)[8:],
        response(ASKED, (record(CNAME, name_of("b.example") + b"\0"),)),
        response(ASKED, (record(CNAME, b"\xc0\xff"),)),
        response(ASKED, (record(A, b"four", b"\xc0\xff"),)),
        response(ASKED, (), (), (opt(), opt())),
        response(ASKED, (), (), (name_of("a") + opt()[1:],)),
    ],
)
def test_responses_that_lie_are_malformed(packet: bytes) -> None:
    with pytest.raises(Malformed):
        read(packet)


@given(st.binary(max_size=120), st.tuples(*[st.integers(0, 3)] * 3))
def test_any_bytes_are_read_or_malformed(tail: bytes, counts: tuple[int, int, int]) -> None:
    numbers = b"".join([bytes((0, count)) for count in counts])
    head = response(ASKED)[:6] + numbers + QUERY.question
    try:
        said = Response(head + tail, QUERY)
    except Malformed:
        return
    assert said.aged(QUERY, 1)[12:] is not None
    assert len(said.stale(QUERY, 30)) >= len(head)


def test_the_largest_response_is_read_within_a_few_milliseconds() -> None:
    rows = (65535 - len(response(ASKED))) // 12
    worst = b"\1a" * 120 + b"\0"
    packets = [
        response(ASKED, (b"\xc0\x0c" + bytes(10),) * rows),
        response(ASKED, (alias("x", worst), *[record(CNAME, b"\xc0\x0c")] * (rows // 2))),
    ]
    for packet in packets:
        times = []
        for _ in range(5):
            began = time.process_time()
            Response(packet, QUERY)
            times.append(time.process_time() - began)
        assert min(times) < 0.05


# --- given again --------------------------------------------------------------------------------


def test_it_is_given_with_the_clients_id_and_letters() -> None:
    said = read(response(ASKED, (address(),)))
    client = Query(ask("wWw.eXample.org", ident=4711))
    for age in (0, 1):
        packet = said.aged(client, age)
        assert packet[:2] == client.id
        assert packet[12 : 12 + len(client.question)] == client.question


def test_its_ttls_grow_old_and_end_at_zero() -> None:
    said = read(response(ASKED, (address(ttl=100), address("192.0.2.2", ttl=10)), (), (opt(),)))
    packet = dns.message.from_wire(said.aged(QUERY, 30), one_rr_per_rrset=True)
    assert [rrset.ttl for rrset in packet.answer] == [70, 0]
    assert packet.payload == 1232


def test_stale_ones_are_given_for_a_while_and_say_so() -> None:
    said = read(response(ASKED, (address(ttl=100),), (), (opt(),)))
    packet = dns.message.from_wire(said.stale(QUERY, 30))
    assert packet.answer[0].ttl == 30
    assert [option.to_wire() for option in packet.options] == [b"\0\3"]


def test_where_options_have_no_place_stale_ones_do_not_say_so() -> None:
    said = read(response(ASKED, (address(ttl=100),), (), (opt(), address())))
    packet = dns.message.from_wire(said.stale(QUERY, 30))
    assert packet.options == ()
    said = read(response(ASKED, (address(ttl=100),)))
    assert len(said.stale(QUERY, 30)) == len(said.packet)


def test_what_does_not_fit_is_cut_between_records() -> None:
    many = tuple(address(f"192.0.2.{n}") for n in range(100))
    said = read(response(ASKED, many, (), (opt(),)))
    packet = said.cut(said.aged(QUERY, 0), 512)
    cut = dns.message.from_wire(packet)
    assert 496 < len(packet) <= 512
    assert cut.flags & dns.flags.TC
    assert cut.edns == 0
    said = read(response(ASKED, many))
    assert dns.message.from_wire(said.cut(said.aged(QUERY, 0), 512)).edns == -1


def test_a_format_error_is_read_as_one() -> None:
    assert read(response(ASKED, rcode=FORMERR)).rcode == FORMERR
