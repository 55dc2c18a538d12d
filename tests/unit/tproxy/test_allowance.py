"""Options that a source may not set: not read, and told of where that matters."""

from __future__ import annotations

import pytest

from kuma_net.tproxy.sources import Sources, load

ALLOWED = frozenset({"wait", "redirect.dns.enabled"})


def told(document: str, **overrides: object) -> tuple[str, ...]:
    """Return the notes on a document of which two options are allowed."""
    files = (("x", document),)
    return load(Sources(files, overrides=overrides, allowed=ALLOWED)).notes


def test_what_is_not_allowed_has_no_effect_from_any_source() -> None:
    loaded = load(
        Sources(
            files=(("x", "{wait: 7, verbose: true}"),),
            annotations=(("pod", {"kuma.io/sidecar-uid": "9", "kuma.io/builtin-dns": "true"}),),
            environ={"KUMA_TRANSPARENT_PROXY_DRY_RUN": "true"},
            flags=(("--exclude-inbound-ports", "80"),),
            overrides={"backend": "nftables"},
            allowed=ALLOWED,
        )
    )
    plain = load(Sources(overrides={"wait": 7, "redirect.dns.enabled": True}))
    assert loaded.config == plain.config.replace(backend="nftables")
    flag = "(from flag --exclude-inbound-ports): without effect here"
    assert sorted(note.partition(" (from")[0] for note in loaded.notes) == [
        "dryRun: 'true'",
        "kumaDPUser: '9'",
        "redirect.dns.captureAll: 'true'",
        "redirect.inbound.excludePorts: '80'",
        "verbose: 'true'",
    ]
    assert loaded.notes[0] == "verbose: 'true' (from file x): without effect here, it is false"
    assert loaded.notes[-1] == f"redirect.inbound.excludePorts: '80' {flag}"


@pytest.mark.parametrize(
    "document",
    [
        "verbose: false",
        "verbose: 'no'",
        "verbose:",
        "redirect: {inbound: {port: 15006}}",
        "redirect: {inbound: {port: '15006'}}",
        "redirect: {inbound: {excludePorts: []}}",
        "iptablesExecutables: {}",
        "kumaDPUser: ''",
        "retry: {sleepBetweenRetries: 2000ms}",
    ],
)
def test_asking_for_what_holds_anyway_is_not_worth_a_word(document: str) -> None:
    assert told(document) == ()


@pytest.mark.parametrize(
    "document",
    [
        "verbose: loud",
        "redirect: {inbound: {port: [15006]}}",
        "redirect: {inbound: {port: 0}}",
        "iptablesExecutables: {iptables: /x}",
        "iptablesExecutables: nonsense",
    ],
)
def test_what_would_be_wrong_is_told_of_and_refused_by_nobody(document: str) -> None:
    assert [note for note in told(document) if "without effect here" in note]


def test_what_a_program_sets_is_what_holds() -> None:
    assert told("cniMode: true", cniMode="true") == ()
    assert told("cniMode: true", cniMode=True) == ()
    wrong = "cniMode: 'false' (from file x): without effect here, it is true"
    assert told("cniMode: false", cniMode=True) == (wrong,)


def test_a_long_value_is_cut() -> None:
    (note,) = told(f"kumaDPUser: {'x' * 300}")
    assert len(note) < 120
    assert "x..." in note
