"""Ours goes, others' rules stay: their words, their order, and so their counters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_net.netfilter.compare import without_reasons
from kuma_net.netfilter.contract import contract, restrict
from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.flat import flatten
from kuma_net.netfilter.removal_text import render_removal, render_replacement
from kuma_net.netfilter.restore_text import render_restore
from kuma_net.netfilter.ruleset import Ruleset
from kuma_net.netfilter.saved_text import parse_saved
from kuma_net.values import BOTH_FAMILIES, Family
from lab.rulesets import rulesets
from lab.tables import Tables

V4 = Family.IPV4
FOREIGN = """*raw
-A OUTPUT -p udp --dport 53 -j CT --zone 7
-A PREROUTING -j RETURN
COMMIT
*nat
-N THEIRS
-A OUTPUT -d 10.0.0.0/8 -j RETURN
-A OUTPUT -j RETURN
-A OUTPUT -j THEIRS
-A THEIRS -p tcp --dport 80 -j REDIRECT --to-ports 99
COMMIT
*mangle
-A PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
"""


def foreign() -> Tables:
    tables = Tables()
    tables.load(FOREIGN)
    return tables


def installed(tables: Tables, ruleset: Ruleset, *, comments: bool) -> None:
    asked = ruleset if comments else without_reasons(ruleset)
    tables.load(render_restore(asked, V4, stamp="s", comments=comments))


@settings(max_examples=25)
@given(rulesets(families=[BOTH_FAMILIES]), st.booleans())
def test_removal_leaves_what_was_there_before(ruleset: Ruleset, comments: bool) -> None:
    tables, before = foreign(), foreign().saved()
    installed(tables, ruleset, comments=comments)
    tables.load(render_removal(parse_saved(tables.saved(), V4)))
    assert tables.saved() == before
    assert render_removal(parse_saved(tables.saved(), V4)) == ""


@settings(max_examples=25)
@given(
    rulesets(families=[BOTH_FAMILIES]),
    rulesets(families=[BOTH_FAMILIES]),
    st.booleans(),
    st.booleans(),
)
def test_replacing_is_removing_and_installing_at_once(
    old: Ruleset, new: Ruleset, comments_before: bool, comments: bool
) -> None:
    asked = new if comments else without_reasons(new)
    tables, afresh = foreign(), foreign()
    installed(tables, old, comments=comments_before)
    saved = parse_saved(tables.saved(), V4)
    tables.load(render_replacement(saved, asked, stamp="t", comments=comments))
    installed(afresh, new, comments=comments)
    found = parse_saved(tables.saved(), V4)
    wanted = contract(expand(asked, V4), None)
    assert flatten(contract(found.ruleset, None)) == flatten(wanted)
    assert found.foreign == parse_saved(afresh.saved(), V4).foreign
    assert found.stamp == ("t" if comments else "")


@settings(max_examples=20)
@given(rulesets(families=[BOTH_FAMILIES]))
def test_where_nothing_is_there_replacing_is_installing(ruleset: Ruleset) -> None:
    nothing = parse_saved("", V4)
    asked = restrict(ruleset, (V4,))
    assert render_replacement(nothing, asked, stamp="s") == render_restore(asked, V4, stamp="s")


def test_tables_go_in_the_opposite_order_and_odd_ones_last() -> None:
    tables = Tables()
    for table in ("filter", "raw", "mangle", "nat"):
        tables.load(f"*{table}\n-N KUMA_MESH_X\n-A OUTPUT -j KUMA_MESH_X\nCOMMIT\n")
    text = render_removal(parse_saved(tables.saved(), V4))
    assert [line for line in text.splitlines() if line.startswith("*")] == [
        "* mangle",
        "* nat",
        "* raw",
        "* filter",
    ]
    assert "-D OUTPUT -j KUMA_MESH_X\n-F KUMA_MESH_X\n-X KUMA_MESH_X\n" in text


def test_rules_left_in_a_table_of_no_chain_of_ours_go_too() -> None:
    tables = Tables()
    rule = '-A INPUT -m comment --comment "kuma/mesh/transparent/proxy/x" -j ACCEPT'
    tables.load(f"*filter\n{rule}\nCOMMIT\n")
    saved = parse_saved(tables.saved(), V4)
    tables.load(render_replacement(saved, Ruleset((V4,), (), ())))
    assert tables.saved() == Tables().saved()


def test_where_others_have_the_very_same_words_the_number_decides() -> None:
    tables = Tables()
    tables.load(
        """*mangle
-N KUMA_MESH_STAMP_PREROUTING_2
-A KUMA_MESH_STAMP_PREROUTING_2 -j DROP
-A KUMA_MESH_STAMP_PREROUTING_2 -i lo -j DROP
-A PREROUTING -j DROP
-A PREROUTING -i lo -j DROP
-A PREROUTING -i lo -j DROP
-A PREROUTING -j DROP
COMMIT
"""
    )
    saved = parse_saved(tables.saved(), V4)
    deletions = [line for line in render_removal(saved).splitlines() if line.startswith("-D")]
    assert deletions == ["-D PREROUTING 4", "-D PREROUTING 3"]
