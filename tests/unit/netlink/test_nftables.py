"""Requests to nf_tables, and what they make of a kernel."""

from __future__ import annotations

from struct import pack

import pytest

from kuma_net.netfilter.nf_tables import (
    INET_SERVICE,
    IPV4_ADDR,
    NF_PROTO,
    UID,
    Chain,
    Hook,
    KeyField,
    Map,
    Rule,
    Set,
    Table,
    Verdict,
)
from kuma_net.netlink.message import BATCH_BEGIN, BATCH_END, attributes, items, read_text
from kuma_net.netlink.nftables import (
    DELCHAIN,
    DELRULE,
    DELSET,
    LONGEST_COMMENT,
    NEWCHAIN,
    NEWRULE,
    NEWSET,
    NEWSETELEM,
    NEWTABLE,
    add_table,
    batch,
    delete_table,
    element_lists,
    encode_rule,
    get_chain,
    get_generation,
    get_table,
    header,
    list_chains,
    list_elements,
    list_rules,
    list_sets,
    list_tables,
    make_table,
    replace_table,
)
from kuma_net.netlink.tables import user_data

NAT = Hook("nat", "output", -101)
RAW = Hook("filter", "output", -300)
PORTS = Set("ports", (INET_SERVICE,), interval=False, elements=((b"\0\x16", b"\0\x16"),))
WAYS = Map("one", NF_PROTO, ((b"\x02", Verdict("jump", "one")),))


def table(*chains: Chain, comment: str = "", sets: tuple[Set, ...] = ()) -> Table:
    return Table("inet", "kuma_net", comment, sets, (), chains)


def test_a_header_names_the_family() -> None:
    assert header("ip6", 10) == b"\x0a\0\0\x0a"
    assert header() == bytes(4)


def test_a_batch_begins_and_ends_and_may_name_a_generation() -> None:
    request = make_table("inet", "x")
    begin, middle, end = batch([request], 7)
    assert (begin.type, middle, end.type) == (BATCH_BEGIN, request, BATCH_END)
    assert attributes(begin.payload, 4) == {1: b"\0\0\0\x07"}
    assert batch([])[0].payload == b"\0\0\0\x0a"


def test_a_table_is_made_from_the_outside_in() -> None:
    chains = (
        Chain("nat_output", NAT, (Rule((Verdict("jump", "one"),), "why"),)),
        Chain("one", None),
    )
    new = Table("inet", "kuma_net", "who", (PORTS,), (WAYS,), chains)
    requests = list(add_table(new))
    assert [request.type for request in requests] == [
        NEWTABLE,
        NEWCHAIN,
        NEWCHAIN,
        NEWSET,
        NEWSETELEM,
        NEWSET,
        NEWSETELEM,
        NEWRULE,
    ]
    assert [request.words() for request in requests] == [
        "table inet kuma_net",
        "chain nat_output",
        "chain one",
        "set ports",
        "elements of set ports",
        "map one",
        "elements of map one",
        'rule "why" of chain nat_output',
    ]


ONE, TWO = Chain("one", None), Chain("two", None)
FULL = Table("inet", "kuma_net", "", (PORTS,), (WAYS,), (Chain("nat_output", NAT), ONE, TWO))


def exchange(old: Table, new: Table) -> list[tuple[int, str]]:
    """Return what turns one table into another, behind the removal of all rules."""
    first, *rest = [(request.type, request.words()) for request in replace_table(old, new)]
    assert first == (DELRULE, "the removal of all rules of table inet kuma_net")
    return rest


def test_a_table_replaced_in_place_keeps_its_hooks() -> None:
    old = FULL.replace(chains=(Chain("nat_output", NAT), Chain("raw_output", RAW), ONE))
    changed = Chain("raw_output", RAW.replace(priority=-299))
    assert exchange(old, table(Chain("nat_output", NAT), changed, ONE)) == [
        (DELSET, "the removal of set ports"),
        (DELSET, "the removal of map one"),
        (DELCHAIN, "the removal of chain raw_output"),
        (NEWCHAIN, "chain raw_output"),
    ]


def test_what_packets_look_up_stays_with_the_chains_it_leads_to() -> None:
    third = Chain("three", None)
    assert exchange(FULL, FULL) == []
    assert exchange(FULL, FULL.replace(chains=(*FULL.chains, third))) == [(NEWCHAIN, "chain three")]
    assert exchange(FULL.replace(chains=(*FULL.chains, third)), FULL) == [
        (DELCHAIN, "the removal of chain three")
    ]


def test_a_set_or_map_that_changes_is_made_anew() -> None:
    ports = PORTS.replace(elements=((b"\0\x50", b"\0\x50"),))
    ways = WAYS.replace(elements=((b"\x02", Verdict("jump", "two")),))
    assert exchange(FULL, FULL.replace(sets=(ports,), maps=(ways,))) == [
        (DELSET, "the removal of set ports"),
        (DELSET, "the removal of map one"),
        (NEWSET, "set ports"),
        (NEWSETELEM, "elements of set ports"),
        (NEWSET, "map one"),
        (NEWSETELEM, "elements of map one"),
    ]


def test_where_the_order_would_be_another_chains_and_their_map_are_made_anew() -> None:
    other = FULL.replace(chains=(Chain("nat_output", NAT), TWO, ONE))
    assert exchange(FULL, other) == [
        (DELSET, "the removal of map one"),
        (DELCHAIN, "the removal of chain one"),
        (DELCHAIN, "the removal of chain two"),
        (NEWCHAIN, "chain two"),
        (NEWCHAIN, "chain one"),
        (NEWSET, "map one"),
        (NEWSETELEM, "elements of map one"),
    ]


def test_a_comment_is_cut_at_the_end_of_a_letter() -> None:
    rule = Rule((), "x" * (LONGEST_COMMENT - 1) + "üü", 5)
    encoded = attributes(encode_rule(rule, {}))[7]
    assert len(encoded) == 255
    comment, mark = user_data(encoded)
    assert comment == "x" * (LONGEST_COMMENT - 1)
    assert mark == b"\0\x05\0\0\0"


def test_a_rule_without_comment_and_mark_has_no_user_data() -> None:
    assert set(attributes(encode_rule(Rule(()), {}))) == {4}


def test_expressions_are_encoded_once() -> None:
    known: dict[int, bytes] = {}
    verdict = Verdict("accept")
    rule = Rule((verdict, verdict))
    encoded = encode_rule(rule, known)
    assert list(known) == [id(verdict)]
    assert encode_rule(rule, known) == encoded
    one, two = (Chain(name, None, (rule,)) for name in ("one", "two"))
    *_, first, second = add_table(table(one, two))
    assert first.payload == second.payload.replace(b"two", b"one")


def test_long_lists_of_elements_are_cut() -> None:
    numbers = range(100, 20100, 2)
    elements = tuple((pack(">I", n), pack(">I", n)) for n in numbers)
    wide = Set("uids", (UID,), interval=False, elements=elements)
    lists = list(element_lists(wide))
    assert all(len(part) < 65532 for part in lists)
    assert sum(len(list(items(part))) for part in lists) == len(elements)
    assert list(element_lists(wide.replace(elements=()))) == []


def test_an_interval_is_its_first_value_and_the_first_behind_it() -> None:
    elements = ((b"\x0a\0\0\0", b"\x0a\xff\xff\xff"), (b"\xff\0\0\0", b"\xff\xff\xff\xff"))
    (encoded,) = element_lists(Set("nets", (IPV4_ADDR,), interval=True, elements=elements))
    listed = [attributes(element) for _, element in items(encoded)]
    keys = [attributes(element[1])[1] for element in listed]
    # The last interval reaches to the end: nothing is behind it.
    assert keys == [b"\x0a\0\0\0", b"\x0b\0\0\0", b"\xff\0\0\0"]
    assert [element.get(3) for element in listed] == [None, b"\0\0\0\x01", None]


def test_a_box_is_one_element_with_two_keys() -> None:
    first, last = pack(">IHxx", 1, 80), pack(">IHxx", 2, 90)
    key = (UID, INET_SERVICE)
    (encoded,) = element_lists(Set("boxes", key, interval=True, elements=((first, last),)))
    ((_, element),) = items(encoded)
    found = attributes(element)
    assert (attributes(found[1])[1], attributes(found[10])[1]) == (first, last)


@pytest.mark.parametrize(
    ("interval", "flags"),
    [(False, b"\0\0\0\0"), (True, b"\0\0\0\x84")],
)
def test_a_concatenated_set_tells_its_fields(interval: bool, flags: bytes) -> None:
    it = Set("boxes", (UID, INET_SERVICE), interval=interval, elements=())
    request = next(r for r in add_table(table(sets=(it,))) if r.type == NEWSET)
    about = attributes(request.payload, 4)
    assert (about[3], about[4], about[5]) == (flags, pack(">I", 24 << 6 | 13), b"\0\0\0\x08")
    assert (9 in about) == interval


@pytest.mark.parametrize(
    ("key", "interval", "order"),
    [((UID,), False, 1), ((UID,), True, 2), ((INET_SERVICE,), False, 2)],
)
def test_a_set_tells_in_which_order_nft_reads_its_keys(
    key: tuple[KeyField, ...], interval: bool, order: int
) -> None:
    it = Set("keys", key, interval=interval, elements=())
    request = next(r for r in add_table(table(sets=(it,))) if r.type == NEWSET)
    assert attributes(request.payload, 4)[13] == b"\0\x04" + pack("=I", order)


def test_questions_and_removals_say_what_they_are_about() -> None:
    requests = [
        make_table("ip", "x", 2),
        delete_table("ip", "x"),
        get_generation(),
        get_table("ip", "x"),
        list_tables(),
        list_chains("ip"),
        get_chain("ip", "x", "y"),
        list_sets("ip", "x"),
        list_elements("ip", "x", "y"),
        list_rules("ip", "x"),
    ]
    assert [request.words() for request in requests] == [
        "table ip x",
        "the removal of table ip x",
        "a question for the generation of the rules",
        "a question for table x",
        "a question for all tables",
        "a question for all chains",
        "a question for chain y",
        "a question for the sets of table x",
        "a question for the elements of set y",
        "a question for the rules of table x",
    ]
    assert attributes(requests[0].payload, 4)[2] == b"\0\0\0\x02"
    assert read_text(attributes(requests[8].payload, 4)[2]) == "y"
