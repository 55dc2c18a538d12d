"""Records as JSON."""

from __future__ import annotations

import json

from kuma_net.actions.findings import CountedRule, StatusReport
from kuma_net.cli.json_text import json_text, plain
from kuma_net.values import BOTH_FAMILIES, Network


def test_a_report_is_an_object_with_its_fields() -> None:
    rules = (CountedRule("nat OUTPUT", "a rule", 1, None),)
    report = StatusReport("nftables", "1", "c", BOTH_FAMILIES, rules, "untouched", pending=1.5)
    told = json.loads(json_text(report))
    assert told["families"] == ["IPv4", "IPv6"]
    assert told["rules"] == [
        {"chain": "nat OUTPUT", "rule": "a rule", "packets": 1, "octets": None}
    ]
    assert (told["pending"], told["verdict"]) == (1.5, "untouched")


def test_everything_becomes_plain() -> None:
    assert plain({1: (True, None)}) == {"1": [True, None]}
    assert plain(b"bytes") == "b'bytes'"
    assert plain([Network.parse("10.0.0.0/8")]) == [
        {"family": "IPv4", "address": 10 << 24, "prefix": 8}
    ]


def test_text_ends_with_a_newline_and_keeps_letters() -> None:
    assert json_text("ü") == '"ü"\n'
