"""What there is to say about a source before it is served."""

from __future__ import annotations

import json

from kuma_dns.names.document import read_document
from kuma_dns.names.findings import Served, examine
from kuma_dns.names.hosts import read_hosts
from kuma_dns.names.zones import Zones

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
    findings = examine(read_document, DOCUMENT, "file x", Zones())
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


def test_what_would_be_served_is_told_in_order_of_names() -> None:
    findings = examine(read_document, DOCUMENT, "file x", Zones())
    assert list(findings.served()) == [
        Served("a.b.mesh", ("240.0.0.2",), "file x"),
        Served("a_b.mesh", ("240.0.0.1", "::ffff:f000:1"), "file x"),
        Served("c.mesh", (), "file x", "not served: sources contradict each other"),
        Served("web-0.web.mesh", ("240.0.0.5",), "file x"),
        Served("web.web-0.mesh", ("240.0.0.5",), "file x", "another spelling"),
    ]


def test_nothing_is_served_of_a_source_that_is_refused() -> None:
    findings = examine(read_document, '{"records": 1}', "file x", Zones(), 60)
    assert findings.refused
    assert [violation.path for violation in findings.violations] == ["records"]
    assert list(findings.served()) == []
    assert findings.counts["violations"] == 1


def test_a_hosts_file_can_be_examined_too() -> None:
    findings = examine(read_hosts, "10.0.0.1 a b\nx", "hosts file x", Zones())
    assert [served.name for served in findings.served()] == ["a", "b"]
    assert findings.counts["violations"] == 1
