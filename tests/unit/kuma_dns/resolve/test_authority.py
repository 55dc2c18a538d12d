"""The authority: what is ours is answered, what is not is nobody's business here."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import COLLIDES, KNOWN, Entry, Table, block_of
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.answer import BRIEFLY, NEVER, WHILE_TABLE, Answer
from kuma_dns.resolve.authority import Authority, refuse
from kuma_dns.wire.message import AAAA, ANY, BADVERS, MX, PTR, REFUSED, SERVFAIL, SOA, TXT, A
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from lab.messages import ask, keys, message, opt, option, question

ZONES = Zones()
RECORDS = (
    "one.mesh=240.0.0.1",
    "two.mesh=240.0.0.2",
    "two.mesh=240.0.0.3",
    "six.mesh=fd00:fd00::1",
    "deep.below.mesh=240.0.0.4",
    "api.example.com=240.0.0.7",
    "bare=240.0.0.8",
)


def authority(*search: str) -> Authority:
    joined = Joined([read_records(RECORDS)], ZONES)
    return Authority(ZONES, Table(joined.block()), tuple(map(key_of, search)))


def answered(name: str, kind: int = A, extra: bytes = b"") -> Answer:
    answer = authority().answer(Query(ask(name, kind, extra)))
    assert answer is not None, f"{name} would go upstream"
    return answer


def read(answer: Answer | None) -> dns.message.Message:
    assert answer is not None
    return dns.message.from_wire(answer.packet)


# --- whose question it is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("www.example.com", A),
        ("api.example.com", MX),
        ("api.example.com", PTR),
        ("1.0.0.240.in-addr.arpa", ANY),
        ("9.9.9.9.in-addr.arpa", PTR),
        ("", A),
        ("local", A),
        ("below", A),
    ],
)
def test_what_is_not_ours_goes_upstream(name: str, kind: int) -> None:
    assert authority().answer(Query(ask(name, kind))) is None


@given(keys(), st.sampled_from([A, AAAA, PTR, ANY, TXT, SOA, 64, 65]))
def test_nothing_below_our_zones_ever_goes_upstream(key: bytes, kind: int) -> None:
    if len(key) < 250:
        name = key[:-1] + b"\4mesh\0"
        got = read(authority().answer(Query(ask(name, kind))))
        assert got.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
        assert got.flags & dns.flags.AA


# --- how long an answer is the same -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "keep"),
    [
        ("one.mesh", A, WHILE_TABLE),
        ("six.mesh", AAAA, WHILE_TABLE),
        ("one.mesh", MX, WHILE_TABLE),
        ("below.mesh", A, WHILE_TABLE),
        ("api.example.com", A, WHILE_TABLE),
        ("1.0.0.240.in-addr.arpa", PTR, WHILE_TABLE),
        ("two.mesh", A, NEVER),
        ("nobody.mesh", A, BRIEFLY),
        ("mesh", SOA, NEVER),
    ],
)
def test_an_answer_is_kept_if_it_is_the_same_each_time(name: str, kind: int, keep: int) -> None:
    assert answered(name, kind).keep == keep


def test_an_answer_to_a_query_with_options_is_not_kept() -> None:
    assert answered("one.mesh", A, opt()).keep == WHILE_TABLE
    assert answered("one.mesh", A, opt(options=option(10, b"12345678"))).keep == NEVER


# --- collisions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["twice.mesh", "twice.example.com"])
def test_a_name_that_collides_fails_in_every_type(name: str) -> None:
    entry = Entry(b"", b"", KNOWN | COLLIDES, 0, b"")
    ours = Authority(ZONES, Table(block_of([(key_of(name), entry)], ttl=30)))
    for kind in (A, AAAA, TXT, ANY):
        answer = ours.answer(Query(ask(name, kind)))
        assert read(answer).rcode() == SERVFAIL
        assert answer is not None
        assert answer.keep == NEVER


# --- search lists -------------------------------------------------------------------------------


def test_expansions_of_known_names_are_denied() -> None:
    ours = authority("default.svc.cluster.local", "cluster.local")
    for name in ("one.mesh.cluster.local", "api.example.com.default.svc.cluster.local"):
        assert ours.is_expanded(key_of(name))
    for name in (
        "cluster.local",
        "www.cluster.local",
        "nobody.mesh.cluster.local",
        "below.mesh.cluster.local",
        "mesh.cluster.local",
        "bare.cluster.local",
        "one.mesh.example",
    ):
        assert not ours.is_expanded(key_of(name)), name


def test_a_single_label_that_is_known_answers_by_itself() -> None:
    assert [str(each) for each in read(answered("bare")).answer] == ["bare. 30 IN A 240.0.0.8"]


# --- addresses ----------------------------------------------------------------------------------


def test_addresses_take_turns_evenly() -> None:
    ours = authority()
    firsts = [
        read(ours.answer(Query(ask("two.mesh")))).answer[0].to_text().split()[4] for _ in range(100)
    ]
    assert sorted(firsts) == ["240.0.0.2"] * 50 + ["240.0.0.3"] * 50


def test_any_of_an_empty_name_is_no_data() -> None:
    got = read(answered("below.mesh", ANY))
    assert (got.rcode(), got.answer, len(got.authority)) == (0, [], 1)


# --- size ---------------------------------------------------------------------------------------


@given(st.integers(0, 65535), st.integers(1, 255), st.booleans(), st.booleans())
def test_an_answer_is_never_longer_than_asked_for(
    size: int, count: int, edns: bool, tcp: bool
) -> None:
    entry = Entry(bytes(4 * count), b"", KNOWN, 0, b"")
    ours = Authority(ZONES, Table(block_of([(key_of("many.mesh"), entry)], ttl=30)))
    answer = ours.answer(Query(ask("many.mesh", A, opt(size) if edns else b"")), tcp=tcp)
    got = read(answer)
    assert answer is not None
    whole = 27 + 16 * count + (11 if edns else 0)
    limit = 65535 if tcp else min(max(size, 512), 1232) if edns else 512
    assert len(answer.packet) <= limit
    assert bool(got.flags & dns.flags.TC) == (whole > limit)
    assert whole > limit or len(answer.packet) == whole


# --- refusals -----------------------------------------------------------------------------------


def test_refusals_come_before_names() -> None:
    assert read(answered("one.mesh", 252)).rcode() == REFUSED
    assert read(answered("www.example.com", 251)).rcode() == REFUSED
    chaos = Query(message(question("one.mesh", A, 3)))
    assert read(authority().answer(chaos)).rcode() == REFUSED
    other_version = read(answered("one.mesh", A, opt(version=1)))
    assert (other_version.rcode(), other_version.answer) == (BADVERS, [])
    assert refuse(Query(ask("one.mesh")), 512) is None


def test_a_zone_without_a_record_of_its_own_is_no_data() -> None:
    bare = Authority(ZONES, Table(block_of((), ttl=30)))
    answer = read(bare.answer(Query(ask("mesh"))))
    assert (answer.rcode(), len(answer.answer), len(answer.authority)) == (0, 0, 1)
