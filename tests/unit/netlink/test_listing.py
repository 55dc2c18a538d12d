"""Chains, sets and rules as the kernel lists them."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netfilter.nf_tables import (
    DISPATCH,
    GID,
    INET_SERVICE,
    IPV6_ADDR,
    NF_PROTO,
    UID,
    Chain,
    Counter,
    Hook,
    Map,
    Rule,
    Set,
    Table,
    Verdict,
)
from kuma_net.netlink.expressions import Unknown
from kuma_net.netlink.listing import (
    decode_chain,
    decode_elements,
    decode_map_elements,
    decode_rule,
    decode_set,
    table_of,
)
from kuma_net.netlink.message import Message, attribute, items, nested, number, text
from kuma_net.netlink.nftables import NEWCHAIN, NEWRULE, NEWSET, NEWSETELEM, add_table
from kuma_net.values import join_intervals

if TYPE_CHECKING:
    from random import Random

    from kuma_net.netfilter.nf_tables import KeyField


def told(table: Table, kind: int) -> list[Message]:
    """Return the requests of a kind that make a table, as if the kernel listed them."""
    requests = add_table(table)
    return [Message(r.type, 2, 1, r.payload) for r in requests if r.type == kind]


def table(*chains: Chain, sets: tuple[Set, ...] = (), maps: tuple[Map, ...] = ()) -> Table:
    return Table("inet", "kuma_net", "", sets, maps, chains)


def message(*parts: bytes) -> Message:
    return Message(0, 2, 1, bytes(4) + text(1, "kuma_net") + b"".join(parts))


@pytest.mark.parametrize(
    "chain",
    [
        Chain("nat_output", Hook("nat", "output", -101)),
        Chain("raw_prerouting", Hook("filter", "prerouting", 300)),
        Chain("KUMA_MESH_INBOUND.ipv4", None),
    ],
)
def test_chains_come_back(chain: Chain) -> None:
    (listed,) = told(table(chain), NEWCHAIN)
    assert decode_chain(listed) == chain
    assert table_of(listed) == "kuma_net"


@pytest.mark.parametrize(
    ("hook", "policy", "kind"),
    [(1, 1, "nat"), (0, 1, "route"), (0, 0, "nat")],
)
def test_other_base_chains_are_unknown(hook: int, policy: int, kind: str) -> None:
    where = nested(4, number(1, hook), number(2, 0))
    listed = message(text(3, "x"), where, number(5, policy), text(7, kind))
    with pytest.raises(Unknown, match="chain x "):
        decode_chain(listed)


@pytest.mark.parametrize(
    "rule",
    [
        Rule((Counter(), Verdict("accept")), "why [setting]", 3),
        Rule((Verdict("jump", "x"),), "", 0, box=True),
        Rule((Counter(),), "standing for a jump", 7, inlined=2, own=4),
        Rule((Verdict("goto", "x"),), "leads on", DISPATCH),
        Rule((Verdict("return"),), "of others"),
    ],
)
def test_rules_come_back_with_their_marks(rule: Rule) -> None:
    (listed,) = told(table(Chain("one", None, (rule,))), NEWRULE)
    assert decode_rule(listed) == ("one", rule)


@pytest.mark.parametrize(
    ("comment", "words"), [(attribute(7, b"\0\x03hi\0"), 'rule "hi"'), (b"", "a rule")]
)
def test_a_rule_with_an_unknown_expression_is_named(comment: bytes, words: str) -> None:
    limit = nested(4, nested(1, text(1, "limit"), nested(2)))
    with pytest.raises(Unknown, match=f"{words} of chain one: expression limit"):
        decode_rule(message(text(2, "one"), limit, comment))


@st.composite
def sets(draw: st.DrawFn) -> Set:
    key: tuple[KeyField, ...] = draw(
        st.sampled_from([(UID,), (INET_SERVICE,), (IPV6_ADDR,), (GID, INET_SERVICE)])
    )
    if len(key) > 1:
        ids = draw(st.sets(st.integers(0, 1 << 31), max_size=20))
        wide = draw(st.integers(0, 3))
        elements = [(pack(">IHxx", n, 80), pack(">IHxx", n, 80 + wide)) for n in sorted(ids)]
        return Set("s", key, bool(wide), tuple(elements))
    highest = (1 << 8 * key[0].length) - 1
    bounds = st.integers(0, highest)
    pairs = draw(st.lists(st.tuples(bounds, bounds).map(sorted), max_size=20))
    joined = join_intervals((first, last) for first, last in pairs)
    interval = draw(st.booleans())
    length = key[0].length
    elements = [
        (first.to_bytes(length, "big"), (last if interval else first).to_bytes(length, "big"))
        for first, last in joined
    ]
    return Set("s", key, interval, tuple(elements))


@given(sets(), st.randoms())
def test_sets_come_back_whatever_the_order_of_listing(it: Set, random: Random) -> None:
    whole = table(sets=(it,))
    (listed,) = told(whole, NEWSET)
    empty = decode_set(listed)
    assert empty == it.replace(elements=())
    assert isinstance(empty, Set)
    elements = [e for m in told(whole, NEWSETELEM) for e in items(m.payload[4:])]
    found = [element for kind, value in elements if kind == 3 for _, element in items(value)]
    random.shuffle(found)
    head = text(2, "s")
    messages = [message(head, nested(3, nested(1, element))) for element in found]
    assert decode_elements(empty, messages) == it


def test_neighbouring_intervals_stay_two() -> None:
    it = Set(
        "s",
        (INET_SERVICE,),
        interval=True,
        elements=((b"\0\x01", b"\0\x02"), (b"\0\x03", b"\0\x04")),
    )
    assert decode_elements(it.replace(elements=()), told(table(sets=(it,)), NEWSETELEM)) == it


def test_an_end_without_a_beginning_says_nothing() -> None:
    """nft(8) writes one at zero, where an interval set begins."""
    end = nested(1, nested(1, attribute(1, b"\0\0")), number(3, 1))
    it = Set("s", (INET_SERVICE,), interval=True, elements=())
    assert decode_elements(it, [message(nested(3, end))]) == it


def test_maps_come_back() -> None:
    it = Map("m", NF_PROTO, ((b"\x02", Verdict("jump", "a")), (b"\x0a", Verdict("return"))))
    whole = table(maps=(it,))
    (listed,) = told(whole, NEWSET)
    empty = decode_set(listed)
    assert empty == it.replace(elements=())
    assert isinstance(empty, Map)
    assert decode_map_elements(empty, told(whole, NEWSETELEM)) == it


def test_a_map_of_other_verdicts_is_unknown() -> None:
    queue = nested(2, nested(2, number(1, 3)))
    element = nested(1, nested(1, attribute(1, b"\x02")), queue)
    with pytest.raises(Unknown, match="map m with other verdicts"):
        decode_map_elements(Map("m", NF_PROTO, ()), [message(nested(3, element))])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((number(3, 0), number(4, 41)), "keys of another type"),
        ((number(3, 3), number(4, 13)), "of another kind"),
        ((number(3, 8), number(4, 13), number(6, 5)), "of another kind"),
        ((number(3, 8), number(4, 24 << 6 | 13), number(6, 0xFFFFFF00)), "of another kind"),
    ],
)
def test_other_sets_are_unknown(parts: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(Unknown, match=words):
        decode_set(message(text(2, "s"), *parts))
