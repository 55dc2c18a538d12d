"""Queries: what is read, what is refused, and what is not even answered."""

from __future__ import annotations

from struct import pack

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.message import AAAA, FORMERR, NOTIMP, OPT, REFUSED, TSIG, A
from kuma_dns.wire.query import LONGEST_QUERY, Ignored, Query, Refusal
from lab.messages import (
    AD,
    CD,
    DO,
    QR,
    RD,
    ask,
    keys,
    message,
    opt,
    option,
    question,
)


def refused(packet: bytes) -> int:
    with pytest.raises(Refusal) as caught:
        Query(packet)
    return caught.value.rcode


# --- what is read -------------------------------------------------------------------------------


def test_a_query_is_read_with_its_case_and_its_key() -> None:
    query = Query(ask("BackEnd.Mesh", AAAA, ident=0xBEEF))
    assert query.id == b"\xbe\xef"
    assert query.question == question("BackEnd.Mesh", AAAA)
    assert query.name == b"\7backend\4mesh\0"
    assert (query.qtype, query.qclass) == (AAAA, 1)
    assert (query.rd, query.cd, query.edns, query.do, query.size) == (1, 0, False, False, 512)


def test_bits_that_matter_are_kept() -> None:
    query = Query(ask("a.mesh", A, opt(4096, flags=DO), flags=CD | AD))
    assert (query.rd, query.cd, query.do, query.edns) == (0, CD, True, True)
    assert query.size == 4096


def test_a_size_below_512_means_512() -> None:  # RFC 6891 section 6.2.5
    assert Query(ask("a.mesh", A, opt(20))).size == 512
    assert Query(ask("a.mesh", A, opt(65535))).size == 65507  # what a datagram can hold


def test_the_root_may_be_asked_about() -> None:
    assert Query(ask("", 2)).name == b"\0"


def test_options_are_kept_as_they_came() -> None:
    cookie = option(10, b"12345678")
    assert Query(ask("a.mesh", A, opt(options=cookie + option(12)))).options == cookie + option(12)


def test_a_signature_may_stand_behind_the_opt_record() -> None:
    tsig = b"\0" + pack("!HHIH", TSIG, 255, 0, 3) + b"abc"
    query = Query(message(question("a.mesh") + opt() + tsig, (1, 0, 0, 2)))
    assert query.edns


def test_a_cookie_alone_can_be_left_out() -> None:
    plain = ask("a.mesh", A, opt(4096, flags=DO), ident=7)
    cookie = option(10, b"12345678")
    given = Query(ask("a.mesh", A, opt(4096, flags=DO, options=cookie), ident=7))
    assert given.without_cookie().packet == plain
    longest = Query(ask("a.mesh", A, opt(4096, flags=DO, options=option(10, bytes(40))), ident=7))
    assert longest.without_cookie().packet == plain


@pytest.mark.parametrize(
    "options",
    [b"", option(8, b"\0\1\x18\0\xc6\x33\x64"), option(10), option(10, bytes(8)) + option(12)],
    ids=["none", "a subnet", "an empty cookie", "a cookie and padding"],
)
def test_other_options_stay(options: bytes) -> None:
    query = Query(ask("a.mesh", A, opt(options=options)))
    assert query.without_cookie() is query


def test_a_cookie_beside_a_signature_stays() -> None:
    tsig = b"\0" + pack("!HHIH", TSIG, 255, 0, 3) + b"abc"
    body = question("a.mesh", A) + opt(options=option(10, bytes(8))) + tsig
    query = Query(message(body, (1, 0, 0, 2)))
    assert query.without_cookie() is query


def test_another_version_of_edns_is_told_and_its_options_are_not_judged() -> None:
    query = Query(ask("a.mesh", A, opt(version=1, options=b"\1")))
    assert query.badvers


@given(keys(), st.integers(0, 65535), st.booleans(), st.booleans())
def test_whatever_dnspython_asks_is_read(key: bytes, kind: int, edns: bool, dnssec: bool) -> None:
    made = dns.message.make_query(
        dns.name.from_wire(key, 0)[0], f"TYPE{kind}", use_edns=edns, want_dnssec=dnssec
    )
    query = Query(made.to_wire())
    assert (query.name, query.qtype, query.do) == (key, kind, dnssec)
    assert query.edns == (edns or dnssec)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opcode", "rcode"),
    [(4, REFUSED), (5, REFUSED), *((other, NOTIMP) for other in (1, 2, 3, *range(6, 16)))],
)
def test_other_opcodes_get_their_code(opcode: int, rcode: int) -> None:
    assert refused(ask("a.mesh", flags=opcode << 11)) == rcode


ONE = question("a.mesh")
LONG_NAME = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61
BAD = {
    "no question": message(b"", (0, 0, 0, 0)),
    "two questions": message(ONE + ONE, (2, 0, 0, 0)),
    "an answer": message(ONE, (1, 1, 0, 0)),
    "an authority": message(ONE, (1, 0, 1, 0)),
    "three additional records": message(ONE + opt(), (1, 0, 0, 3)),
    "a count that lies": message(ONE, (1, 0, 0, 1)),
    "two counts that lie": message(ONE + opt(), (1, 0, 0, 2)),
    "two OPT records": message(ONE + opt() + opt(), (1, 0, 0, 2)),
    "an OPT record with an owner": ask("a.mesh", A, b"\1a" + opt()),
    "an OPT record cut in its head": ask("a.mesh", A, opt()[:-1]),
    "an OPT record cut in its data": ask("a.mesh", A, opt(options=b"abcdef")[:-1]),
    "an option without a length": ask("a.mesh", A, opt(options=b"abc")),
    "an option longer than its record": ask("a.mesh", A, opt(options=b"\0\1\0\7abc")),
    "bytes behind the end": ask("a.mesh") + b"\0",
    "a name without an end": message(b"\3abc"),
    "a label longer than the packet": message(b"\x3fabc"),
    "no type": message(b"\1a\0"),
    "half a class": message(question("a.mesh")[:-1]),
    "a pointer": message(b"\xc0\x0c" + pack("!HH", A, 1)),
    "a pointer to itself behind a label": message(b"\1a\xc0\x0c" + pack("!HH", A, 1)),
    "an extended label": message(b"\x41\1\0" + pack("!HH", A, 1)),
    "a label type of no meaning": message(b"\x80\0" + pack("!HH", A, 1)),
    "a name of 256 bytes": message(LONG_NAME + b"\1x\0" + pack("!HH", A, 1)),
    "a name of 64 KB": message(b"\1x" * 32000 + b"\0" + pack("!HH", A, 1)),
    "a pointer that owns an additional record": ask("a.mesh", A, b"\xc0\x0c" + opt()[1:]),
}


@pytest.mark.parametrize("what", BAD)
def test_malformed_queries_are_format_errors(what: str) -> None:
    assert refused(BAD[what]) == FORMERR


def test_a_query_may_have_4096_bytes_and_no_more() -> None:
    room = LONGEST_QUERY - len(ask("a.mesh", A, opt(options=option(12))))
    longest = ask("a.mesh", A, opt(options=option(12, bytes(room))))
    assert len(Query(longest).packet) == 4096
    assert refused(ask("a.mesh", A, opt(options=option(12, bytes(room + 1))))) == FORMERR


def test_a_name_of_255_bytes_is_read() -> None:
    assert len(Query(message(LONG_NAME + b"\0" + pack("!HH", A, 1))).name) == 255


# --- what is not answered -----------------------------------------------------------------------


@given(st.binary(max_size=11))
def test_less_than_a_header_is_ignored(packet: bytes) -> None:
    with pytest.raises(Ignored):
        Query(packet)


@given(st.binary(max_size=40), st.integers(0, 0x7FFF))
def test_responses_are_ignored_whatever_they_hold(body: bytes, flags: int) -> None:
    with pytest.raises(Ignored):
        Query(message(body, flags=QR | flags))


def outcome(packet: bytes) -> Query | int | None:
    """Return the query, the code of its refusal, or None if it is ignored."""
    try:
        return Query(packet)
    except Ignored:
        return None
    except Refusal as refusal:
        return refusal.rcode


@given(st.binary(max_size=300))
def test_any_bytes_are_a_query_a_refusal_or_ignored(packet: bytes) -> None:
    got = outcome(packet)
    if got is None:
        assert len(packet) < 12 or packet[2] & 0x80
    elif isinstance(got, Query):
        assert packet[12:].startswith(got.question)
    else:
        assert got in {FORMERR, NOTIMP, REFUSED}


@given(keys(), st.data())
def test_a_query_cut_anywhere_is_a_format_error(key: bytes, data: st.DataObject) -> None:
    packet = ask(key, A, opt(options=option(10, b"12345678")), flags=RD)
    cut = data.draw(st.integers(12, len(packet) - 1))
    assert refused(packet[:cut]) == FORMERR


def test_the_record_type_of_an_additional_record_may_be_any() -> None:
    other = b"\1a\0" + pack("!HHIH", OPT - 1, 1, 0, 0)
    assert not Query(ask("a.mesh", A, other)).edns
