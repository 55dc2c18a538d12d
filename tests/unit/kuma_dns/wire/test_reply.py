"""Replies, as dnslib and dnspython read them."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.message import (
    AAAA,
    ANY,
    BADVERS,
    EDE_NOT_READY,
    FORMERR,
    NXDOMAIN,
    PTR,
    SERVFAIL,
    SOA,
    A,
)
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import (
    Remark,
    addresses,
    addresses6,
    pointer,
    refusal,
    reply,
    soa,
)
from lab.messages import CD, DO, RD, ask, keys, opt

MESH = key_of("mesh")
V4 = bytes((240, 0, 0, 1, 240, 0, 0, 2, 240, 0, 0, 3))


def read(packet: bytes) -> dns.message.Message:
    """Read a packet with both libraries; return dnspython's reading."""
    dnslib.DNSRecord.parse(packet)
    return dns.message.from_wire(packet)


def texts(section: list[dns.rrset.RRset]) -> list[str]:
    """Return a section's records in their order."""
    return [f"{rrset.name} {rrset.ttl} {data.to_text()}" for rrset in section for data in rrset]


# --- what is repeated ---------------------------------------------------------------------------


@given(keys(), st.sampled_from([A, AAAA, SOA, ANY, 4711]), st.integers(0, 65535))
def test_a_reply_answers_its_query(key: bytes, kind: int, ident: int) -> None:
    asked = dns.message.from_wire(ask(key.upper(), kind, ident=ident))
    got = read(reply(Query(ask(key.upper(), kind, ident=ident))))
    assert asked.is_response(got)
    assert got.question[0].name.to_wire() == asked.question[0].name.to_wire()


def test_the_questions_case_is_kept_and_owners_point_to_it() -> None:
    packet = reply(Query(ask("BackEnd.Mesh")), answer=addresses(V4[:4], 30))
    assert packet.count(b"BackEnd") == 1
    assert texts(read(packet).answer) == ["BackEnd.Mesh. 30 240.0.0.1"]


@pytest.mark.parametrize("flags", [0, RD, CD, RD | CD])
def test_rd_and_cd_are_repeated_and_ad_is_not(flags: int) -> None:
    got = read(reply(Query(ask("a.mesh", flags=flags | 0x60))))
    assert got.flags == dns.flags.QR | dns.flags.AA | dns.flags.RA | flags


def test_a_reply_need_not_be_authoritative() -> None:
    assert not read(reply(Query(ask("a")), SERVFAIL, authoritative=False)).flags & dns.flags.AA


def test_edns_is_answered_with_edns_and_nothing_with_nothing() -> None:
    assert read(reply(Query(ask("a.mesh")))).edns == -1
    got = read(reply(Query(ask("a.mesh", A, opt(4096, flags=DO)))))
    assert (got.edns, got.payload, got.ednsflags) == (0, 1232, DO)


def test_codes_of_more_than_four_bits_go_into_the_opt_record() -> None:
    got = read(reply(Query(ask("a.mesh", A, opt(version=1))), BADVERS))
    assert (got.rcode(), got.edns) == (dns.rcode.BADVERS, 0)


def test_a_remark_becomes_an_extended_error_for_those_who_speak_edns() -> None:
    remark = Remark(EDE_NOT_READY, "wait")
    got = read(reply(Query(ask("a.mesh", A, opt())), SERVFAIL, remark=remark))
    assert got.options == (dns.edns.EDEOption(dns.edns.EDECode.NOT_READY, "wait"),)
    assert read(reply(Query(ask("a.mesh")), SERVFAIL, remark=remark)).options == ()


def test_a_remark_without_a_text_is_a_code_alone() -> None:
    got = read(reply(Query(ask("a.mesh", A, opt())), SERVFAIL, remark=Remark(22)))
    assert got.options == (dns.edns.EDEOption(dns.edns.EDECode.NO_REACHABLE_AUTHORITY, None),)


@given(st.text(max_size=400))
def test_a_remarks_text_is_cut_between_characters(text: str) -> None:
    cut = Remark(0, text.replace("\0", "")).text
    assert text.replace("\0", "").startswith(cut)
    assert len(cut.encode()) <= 200


# --- records ------------------------------------------------------------------------------------


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=20), st.data())
def test_addresses_turn_and_none_is_lost(
    given_addresses: list[ipaddress.IPv4Address], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(given_addresses) - 1))
    packed = b"".join(address.packed for address in given_addresses)
    part = addresses(packed, 30, first=first)
    packet = reply(Query(ask("a.mesh")), answer=part)
    got = [str(record.rdata) for record in dnslib.DNSRecord.parse(packet).rr]
    asked = [str(address) for address in given_addresses]
    assert got == asked[first:] + asked[:first]


def test_mapped_addresses_are_aaaa_like_all_others() -> None:
    packed = ipaddress.ip_address("::ffff:240.0.0.1").packed
    packet = reply(Query(ask("a.mesh", AAAA)), answer=addresses6(packed, 30))
    assert texts(read(packet).answer) == ["a.mesh. 30 ::ffff:240.0.0.1"]


def test_a_pointer_leads_to_a_name() -> None:
    packet = reply(Query(ask("1.0.0.240.in-addr.arpa", PTR)), answer=pointer(key_of("a.mesh"), 30))
    assert texts(read(packet).answer) == ["1.0.0.240.in-addr.arpa. 30 a.mesh."]


def test_an_soa_says_how_long_there_is_none() -> None:
    packet = reply(Query(ask("x.mesh")), NXDOMAIN, authority=soa(MESH, 30, 7))
    got = read(packet)
    assert got.rcode() == NXDOMAIN
    assert texts(got.authority) == ["mesh. 30 ns.mesh. hostmaster.mesh. 7 3600 600 86400 30"]


def test_no_ttl_of_an_soa_is_negative() -> None:  # RFC 2181 section 8
    got = read(reply(Query(ask("x.mesh")), authority=soa(MESH, 2**32 - 1, 7)))
    numbers = f"7 3600 600 86400 {2**31 - 1}"
    assert texts(got.authority) == [f"mesh. {2**31 - 1} ns.mesh. hostmaster.mesh. {numbers}"]


# --- size ---------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(512, 1500), st.booleans(), st.integers(0, 300))
def test_a_reply_is_never_longer_than_its_limit(
    count: int, limit: int, edns: bool, remark: int
) -> None:
    query = Query(ask("a.mesh", A, opt(limit) if edns else b""))
    packet = reply(
        query, answer=addresses(V4[:4] * count, 30), limit=limit, remark=Remark(0, "x" * remark)
    )
    got = read(packet)
    assert len(packet) <= limit
    rest = 12 + len(query.question) + (11 if edns else 0)
    bare = rest + 16 * count
    assert int.from_bytes(packet[6:8], "big") == min(count, (limit - rest) // 16)
    assert bool(got.flags & dns.flags.TC) == (bare > limit)
    assert bool(got.options) == (edns and bare + 6 + min(remark, 200) <= limit)


def test_of_an_answer_that_does_not_fit_as_many_records_stay_as_do() -> None:
    query = Query(ask("a.mesh"))
    many = addresses(bytes(range(160)), 30)
    whole = reply(query, answer=many, limit=12 + 12 + 40 * 16)
    assert len(whole) == 12 + 12 + 40 * 16
    assert not read(whole).flags & dns.flags.TC
    got = read(reply(query, answer=many, authority=soa(MESH, 30, 7), limit=512))
    assert got.flags & dns.flags.TC
    assert texts(got.answer) == texts(read(whole).answer)[:30]
    assert (got.authority, len(got.question)) == ([], 1)


def test_without_records_what_does_not_fit_is_cut_to_the_question() -> None:
    query = Query(ask("a.mesh"))
    got = read(reply(query, authority=soa(MESH, 30, 7), limit=60))
    assert got.flags & dns.flags.TC
    assert (got.answer, got.authority, len(got.question)) == ([], [], 1)


def test_a_remark_goes_before_an_answer_does() -> None:
    longest = ".".join(["x" * 63] * 3 + ["x" * 56, "mesh"])
    query = Query(ask(longest, A, opt(512)))
    some = addresses(V4, 30)
    packet = reply(query, answer=some, limit=400, remark=Remark(0, "y" * 200))
    got = read(packet)
    assert (got.options, got.edns, len(got.answer[0])) == ((), 0, 3)
    assert not got.flags & dns.flags.TC


def test_a_remark_that_just_fits_stays() -> None:
    query, remark = Query(ask("a.mesh", A, opt())), Remark(0, "just so")
    whole = reply(query, SERVFAIL, remark=remark)
    assert reply(query, SERVFAIL, limit=len(whole), remark=remark) == whole
    assert read(reply(query, SERVFAIL, limit=len(whole) - 1, remark=remark)).options == ()


# --- refusals -----------------------------------------------------------------------------------


@given(st.binary(min_size=12, max_size=60), st.integers(0, 15))
def test_a_refusal_is_a_bare_header_with_id_opcode_and_rd(packet: bytes, rcode: int) -> None:
    got = dnslib.DNSHeader.parse(dnslib.DNSBuffer(refusal(packet, rcode)))
    asked = dnslib.DNSHeader.parse(dnslib.DNSBuffer(packet))
    assert (got.id, got.opcode, got.rd, got.rcode) == (asked.id, asked.opcode, asked.rd, rcode)
    assert (got.qr, got.aa, got.tc, got.ra) == (1, 0, 0, 0)
    assert (got.q, got.a, got.auth, got.ar) == (0, 0, 0, 0)


def test_a_refusal_answers_a_malformed_query() -> None:
    assert read(refusal(ask("a.mesh") + b"\0", FORMERR)).rcode() == FORMERR
