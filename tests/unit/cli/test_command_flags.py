"""The flags of commands: where, how long, and what for."""

from __future__ import annotations

import pytest

from kuma_net.actions.wish import Request
from kuma_net.cli.command_flags import INSTALL, Place, place_of, request_of
from kuma_net.errors import Violation
from kuma_net.tproxy.flags import Arguments, parse_flags


def parsed(*words: str) -> Arguments:
    arguments = parse_flags(words, INSTALL)
    assert arguments.violations == ()
    return arguments


def test_without_a_place_it_is_here() -> None:
    violations: list[Violation] = []
    assert place_of(parsed(), violations) is None
    assert request_of(parsed(), violations) == Request()
    assert violations == []


@pytest.mark.parametrize(
    ("words", "where", "resolv_conf"),
    [
        (("--netns", "/proc/7/ns/net"), "/proc/7/ns/net", ""),
        (("--netns=/run/netns/no-such-name"), "/run/netns/no-such-name", ""),
        (("--netns", "no-such-name"), "/run/netns/no-such-name", ""),
        (("--pid", "77"), 77, "/proc/77/root/etc/resolv.conf"),
    ],
)
def test_a_place_is_a_file_a_name_or_a_process(
    words: tuple[str, ...] | str, where: str | int, resolv_conf: str
) -> None:
    arguments = parsed(*((words,) if isinstance(words, str) else words))
    violations: list[Violation] = []
    assert place_of(arguments, violations) == Place(where, resolv_conf)
    assert request_of(arguments, violations).elsewhere
    assert violations == []


@pytest.mark.parametrize(
    "words",
    [
        ("--pid", "x"),
        ("--pid", "99999999999"),
        ("--pid", "1", "--netns", "a"),
        ("--confirm", "x"),
        ("--confirm", "0"),
        ("--confirm", "25h"),
        ("--confirm=",),
    ],
)
def test_what_makes_no_sense_is_a_violation(words: tuple[str, ...]) -> None:
    violations: list[Violation] = []
    place_of(parsed(*words), violations)
    request_of(parsed(*words), violations)
    assert len(violations) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("2m", 120), ("90", 90), ("1s", 1), ("1.5s", 1.5)]
)
def test_a_time_to_confirm_has_a_unit_or_counts_seconds(text: str, seconds: float) -> None:
    violations: list[Violation] = []
    assert request_of(parsed("--confirm", text), violations).confirm_within == seconds
    assert violations == []


def test_switches_are_passed_on() -> None:
    request = request_of(parsed("--capture-ssh", "--create-user"), [])
    assert (request.capture_ssh, request.create_user) == (True, True)
    assert not request_of(parsed("--capture-ssh=false"), []).capture_ssh
