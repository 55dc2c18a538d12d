"""Words of iptables-save, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netfilter.listing import ListedRule, Listing, read_listing, text_of, words_of


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])), max_size=6))
def test_words_come_back_from_their_text(words: list[str]) -> None:
    assert words_of(text_of(words)) == tuple(words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            '-m comment --comment "a \\"b\\" \\\'c\\\' \\\\"',
            ("-m", "comment", "--comment", "a \"b\" 'c' \\"),
        ),
        ("  -p   tcp\t-j X ", ("-p", "tcp", "-j", "X")),
        ('--log-prefix ""', ("--log-prefix", "")),
        ("", ()),
    ],
)
def test_a_line_is_split_as_iptables_quotes_it(line: str, words: tuple[str, ...]) -> None:
    assert words_of(line) == words


def test_a_listing_has_chains_and_rules_table_by_table() -> None:
    listing = read_listing(
        "# Generated\n*nat\n:OUTPUT ACCEPT [1:2]\n:X - [0:0]\n-A OUTPUT -p tcp -j X\nCOMMIT\n"
        "* raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n"
    )
    assert listing == Listing(
        (("nat", "X"),),
        (
            ListedRule("nat", "OUTPUT", ("-p", "tcp", "-j", "X")),
            ListedRule("raw", "OUTPUT", ("-j", "ACCEPT")),
        ),
    )
    assert listing.of("raw", "OUTPUT") == (listing.rules[1],)


def test_options_know_negation_and_values_of_several_words() -> None:
    line = "! -d 10.0.0.0/8 -m tcp --tcp-flags SYN,ACK SYN -m comment --comment -x -j LOG"
    rule = ListedRule("nat", "OUTPUT", words_of(line))
    assert rule.options() == {
        "!-d": "10.0.0.0/8",
        "--tcp-flags": "SYN,ACK SYN",
        "--comment": "-x",
        "-j": "LOG",
    }
    assert (rule.comment, rule.target) == ("-x", "LOG")
    assert str(rule) == f"-t nat OUTPUT {line}"


def test_a_rule_without_target_or_comment_has_neither() -> None:
    rule = ListedRule("nat", "OUTPUT", ("stray", "-p", "tcp"))
    assert (rule.comment, rule.target) == ("", "")
    assert ListedRule("nat", "OUTPUT", ("-g", "X")).target == "X"
