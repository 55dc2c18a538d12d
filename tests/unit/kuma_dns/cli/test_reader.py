"""Words behind a command: flags, values, what stands beside them, and what is not understood."""

from __future__ import annotations

import pytest

from kuma_dns.cli.commands import BY_NAME
from kuma_dns.cli.reader import Words, read_words


def read(line: str) -> Words:
    """Read a line whose first word is a command."""
    name, *words = line.split()
    return read_words(words, BY_NAME[name])


def test_values_follow_an_equals_sign_or_a_blank() -> None:
    words = read("serve --ttl=5 --ttl 6 --names= --zone -x --http=a=b")
    assert words.flags == (
        ("--ttl", "5"),
        ("--ttl", "6"),
        ("--names", ""),
        ("--zone", "-x"),
        ("--http", "a=b"),
    )
    assert words.violations == ()
    assert words.last("--ttl") == "6"
    assert words.last("--user", "none") == "none"
    assert words.has("--user", "--zone")
    assert not words.has("--user")


def test_switches_stand_alone_and_can_be_taken_back() -> None:
    words = read("query --tcp name.mesh --json --json=false")
    assert words.switched("--tcp")
    assert not words.switched("--json")
    assert words.beside == ("name.mesh",)
    assert read("query -h").switched("--help")


def test_behind_two_dashes_nothing_is_a_flag() -> None:
    words = read("check a.json -- --json -")
    assert words.beside == ("a.json", "--json", "-")
    assert words.violations == ()
    assert read("check -").beside == ("-",)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("serve --ttl", ["--ttl: needs a value"]),
        ("serve --ttl --zone x", ["--ttl: needs a value"]),
        ("serve --lissen 127.0.0.1:1", ["--lissen: unknown flag; did you mean --listen?"]),
        ("serve --lissen=127.0.0.1:1", ["--lissen: unknown flag; did you mean --listen?"]),
        ("serve --a-b-c-d", ["--a-b-c-d: unknown flag; kuma-dns serve --help"]),
        ("serve stray", ["stray: not understood; values follow their flag"]),
        ("check --user root a", ["--user: has no effect on check; leave it out"]),
        ("query --jsn a.mesh", ["--jsn: unknown flag; did you mean --json?"]),
        ("query", ["NAME: is missing; write a name"]),
        ("query a b", ["b: not understood; only one NAME is taken"]),
        ("query --help", []),
        ("check", []),
    ],
)
def test_what_is_not_understood_is_told_once(line: str, told: list[str]) -> None:
    assert [str(violation) for violation in read(line).violations] == told
