"""What there is to say about a source before it is served."""

from __future__ import annotations

import json

from kuma_dns.names.document import read_document
from kuma_dns.names.findings import Findings
from kuma_dns.names.join import Joined
from kuma_dns.names.zones import Zones
from kuma_net.errors import Violation

DOCUMENT = json.dumps(
    {
        "records": [
            {"name": "a_b.mesh", "ips": ["240.0.0.1", "::ffff:f000:1"]},
            {"name": "a.b.mesh", "ips": ["240.0.0.2"]},
            {"name": "c.mesh", "ips": ["240.0.0.3"]},
            {"name": "c.mesh", "ips": ["240.0.0.4"]},
            {"name": "web-0.web.mesh", "ips": ["240.0.0.5"]},
            {"name": "bad name", "ips": []},
        ]
    }
)


def test_what_is_found_is_told_and_counted() -> None:
    names = read_document(DOCUMENT, "file x")
    findings = Findings(Joined([names], Zones()), [names])
    assert not findings.refused
    assert [violation.path for violation in findings.violations] == ["records[5].name", "c.mesh"]
    assert [warning.path for warning in findings.warnings] == ["a.b.mesh"]
    assert findings.counts == {
        "names": 4,
        "ipv4": 3,
        "ipv6": 1,
        "derived": 1,
        "empty": 3,
        "reverse": 4,
        "collisions": 1,
        "violations": 2,
        "warnings": 1,
    }


def test_a_refused_source_is_a_mistake_and_serves_nothing() -> None:
    refusal = Violation("records", "", "file x", "a number, not a list")
    findings = Findings(Joined([], Zones()), refusals=[refusal])
    assert findings.refused
    assert findings.violations == (refusal,)
    assert (findings.counts["names"], findings.counts["violations"]) == (0, 1)
