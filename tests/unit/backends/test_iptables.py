"""Running iptables' programs: what is passed on and what a refusal says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.backends.iptables import Iptables, Outside
from kuma_net.errors import CommandError
from kuma_net.host.commands import CommandResult
from kuma_net.tproxy.config import Config
from kuma_net.values import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuma_net.backends.base import Kind

TOOLS = (("iptables", "/a/i"), ("iptables-save", "/a/s"), ("iptables-restore", "/a/r"))
TEXT = '* nat\n-A OUTPUT -m comment --comment "why [a.b]" -j RETURN\nCOMMIT\n'


class Answer:
    """A run that answers always the same."""

    def __init__(self, status: int = 0, said: str = "") -> None:
        """Refuse with ``said`` unless ``status`` is 0."""
        self.status, self.said = status, said
        self.flavour = "v1.8.9 (nf_tables)"
        self.runs: list[tuple[tuple[str, ...], Mapping[str, str]]] = []

    def run(
        self,
        argv: Sequence[str],
        text: str = "",  # noqa: ARG002 - the answer is always the same
        *,
        timeout: float = 1.0,
        environ: Mapping[str, str] | None = None,
        check: bool = True,  # noqa: ARG002 - as above
    ) -> CommandResult:
        """Answer."""
        if argv[1:] == ["--version"]:
            return CommandResult(tuple(argv), 0, self.flavour, "")
        assert timeout > 60
        self.runs.append((tuple(argv), environ or {}))
        if self.status:
            raise CommandError(argv, self.status, self.said)
        return CommandResult(tuple(argv), 0, "", "")


def iptables(kind: Kind, answer: Answer, environ: Mapping[str, str]) -> Iptables:
    config = Config(iptables_executables=TOOLS)
    return Iptables(kind, config, environ, Outside(run=answer.run))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("line 2: RULE_APPEND failed (Invalid argument)", r"\[-A OUTPUT .*\[a.b\]. -j RETURN\]"),
        ("Error occurred at line: 2\nTry", r"at line: 2\nTry \[-A OUTPUT"),
        ("iptables-restore: line 3 failed", r"line 3 failed \[some rule of table nat\]"),
        ("line 99 failed", "line 99 failed$"),
        ("out of luck", "out of luck$"),
    ],
)
def test_a_refusal_is_told_with_the_rule_it_is_about(said: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        iptables("iptables-nft", Answer(2, said), {}).restore(Family.IPV4, TEXT)


def test_an_empty_text_runs_nothing() -> None:
    answer = Answer()
    iptables("iptables-nft", answer, {}).restore(Family.IPV4, "")
    assert answer.runs == []


def test_the_lock_is_for_the_legacy_flavour() -> None:
    nft, legacy = Answer(), Answer()
    legacy.flavour = "v1.8.9 (legacy)"
    environ = {"XTABLES_LOCKFILE": "/x", "PATH": "/p"}
    iptables("iptables-nft", nft, environ).restore(Family.IPV4, TEXT)
    iptables("iptables-legacy", legacy, environ).restore(Family.IPV4, TEXT)
    assert nft.runs == [(("/a/r", "--noflush"), {**environ, "LC_ALL": "C"})]
    assert legacy.runs == [(("/a/r", "--noflush", "-w", "5"), {**environ, "LC_ALL": "C"})]


def test_processes_are_counted_and_refused_ones_too() -> None:
    programs = iptables("iptables-nft", Answer(1), {})
    with pytest.raises(CommandError):
        programs.saved(Family.IPV4)
    assert programs.processes == 2
