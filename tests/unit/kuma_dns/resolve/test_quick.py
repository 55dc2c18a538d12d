"""The short way gives the same bytes as the long one, or leaves the question to it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.counts import LOCAL, kind_of
from kuma_dns.names.table import COLLIDES, KNOWN, Entry, Table, block_of
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.authority import Authority
from kuma_dns.resolve.memo import Memo
from kuma_dns.resolve.quick import _MOST_SHAPES, Quick
from kuma_dns.wire.message import AAAA, ANY, MX, A
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from lab.messages import AD, CD, DO, RD, ask, message, opt, option, question

FOUR, SIX = bytes((240, 0, 0, 1)), bytes(range(16))
ENTRIES = {
    "one.mesh": Entry(FOUR, b"", KNOWN, 0, b""),
    "both.mesh": Entry(FOUR, SIX, KNOWN, 0, b""),
    "three.mesh": Entry(b"aaaabbbbcccc", b"", KNOWN, 0, b""),
    "three-six.mesh": Entry(b"", SIX + SIX[::-1] + bytes(16), KNOWN, 0, b""),
    "many.mesh": Entry(bytes(4 * 40), b"", KNOWN, 0, b""),
    "twice.mesh": Entry(FOUR, SIX, KNOWN | COLLIDES, 0, b""),
    "above.mesh": Entry(b"", b"", 0, 0, b""),
    "example.com": Entry(FOUR, b"", KNOWN, 0, b""),
}
TABLE = Table(block_of([(key_of(name), entry) for name, entry in ENTRIES.items()], ttl=30))


def quick(packet: bytes, *, memo: Memo | None = None, keep: bool = False) -> bytes | None:
    """Return the whole answer the short way gives, without its kind."""
    told = Quick(TABLE, memo or Memo()).answer(packet[2:], keep=keep)
    return None if told is None else packet[:2] + told[:-1]


def slow(packet: bytes) -> bytes:
    """Return the answer the long way gives."""
    answer = Authority(Zones(), TABLE).answer(Query(packet))
    assert answer is not None
    return answer.packet


EXTRAS = (b"", opt(), opt(512), opt(65535), opt(0), opt(flags=DO), opt(4711, flags=DO))


@pytest.mark.parametrize("flags", [RD, RD | AD])
@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("one.mesh", A),
        ("ONE.meSH", A),
        ("both.mesh", A),
        ("both.mesh", AAAA),
        ("three.mesh", A),
        ("three-six.mesh", AAAA),
        ("example.com", A),
    ],
)
def test_both_ways_give_the_same_bytes(name: str, kind: int, extra: bytes, flags: int) -> None:
    packet = ask(name, kind, extra, flags=flags)
    assert quick(packet) == slow(packet)


@pytest.mark.parametrize(
    "packet",
    [
        ask("one.mesh", AAAA),
        ask("one.mesh", MX),
        ask("one.mesh", ANY),
        ask("nobody.mesh"),
        ask("above.mesh"),
        ask("twice.mesh"),
        ask("many.mesh"),
        ask("www.example.com"),
        ask("one.mesh", flags=0),
        ask("one.mesh", flags=RD | CD),
        ask("one.mesh", flags=RD | 0x8000),
        ask("one.mesh", flags=RD | 0x2000),
        ask("one.mesh") + b"\0",
        ask("one.mesh")[:-1],
        ask("one.mesh", A, opt(version=1)),
        ask("one.mesh", A, opt(flags=1)),
        ask("one.mesh", A, opt(options=option(10, bytes(8)))),
        ask("one.mesh", A, opt() + b"\0"),
        message(question("one.mesh", A, 3)),
        message(question("one.mesh"), (2, 0, 0, 0)),
        message(question("one.mesh") + opt(), (1, 0, 0, 0)),
        message(question("one.mesh"), (1, 0, 0, 1)),
        message(b"\xc0\x0c\0\1\0\1"),
        message(b"\3on\0\4mesh\0\0\1\0\1"),
        message(b""),
        b"",
        b"id",
        b"id" + bytes(7),
    ],
)
def test_whatever_looks_different_is_left_to_the_long_way(packet: bytes) -> None:
    assert quick(packet) is None


@given(st.binary(max_size=600))
def test_no_packet_makes_it_stumble(packet: bytes) -> None:
    assert quick(packet) is None


@given(st.sampled_from(sorted(ENTRIES)), st.sampled_from([A, AAAA, MX]), st.data())
def test_a_query_with_a_byte_changed_is_answered_as_the_long_way_would(
    name: str, kind: int, data: st.DataObject
) -> None:
    packet = bytearray(ask(name, kind, data.draw(st.sampled_from(EXTRAS))))
    packet[data.draw(st.integers(2, len(packet) - 1))] = data.draw(st.integers(0, 255))
    answer = quick(bytes(packet))
    assert answer is None or answer == slow(bytes(packet))


def test_each_address_leads_in_its_turn() -> None:
    short = Quick(TABLE, Memo())
    packet = ask("three.mesh")
    leads = []
    for _ in range(6):
        told = short.answer(packet[2:], keep=True)
        assert told is not None
        first = len(packet) - 2 + 12
        leads.append(told[first : first + 4])
    assert leads == [b"bbbb", b"cccc", b"aaaa"] * 2


def test_the_kind_stands_behind_the_answer() -> None:
    short = Quick(TABLE, Memo())
    for name, kind in (("both.mesh", A), ("both.mesh", AAAA), ("three.mesh", A)):
        told = short.answer(ask(name, kind)[2:], keep=False)
        assert told is not None
        assert told[-1] == kind_of(kind, LOCAL, 0)


def test_only_what_is_the_same_each_time_is_kept_and_only_if_asked_to() -> None:
    memo = Memo()
    for name, keep in (("one.mesh", False), ("three.mesh", True), ("both.mesh", True)):
        assert quick(ask(name), memo=memo, keep=keep) is not None
    assert list(memo.lasting) == [ask("both.mesh")[2:]]


def test_sizes_are_learned_but_not_without_end() -> None:
    short = Quick(TABLE, Memo())
    for size, kind in product(range(_MOST_SHAPES), (A, AAAA)):
        packet = ask("both.mesh", kind, opt(size))
        told = short.answer(packet[2:], keep=False)
        assert told is not None
        assert packet[:2] + told[:-1] == slow(packet)
    assert len(short._shapes) == _MOST_SHAPES
