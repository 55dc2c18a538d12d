"""What a source said, and complaints about it."""

from __future__ import annotations

from kuma_dns.names.source import LONGEST_SHOWN, MOST_TOLD, Complaints, Names
from kuma_net.values import Malformed


def test_a_hundred_complaints_are_kept_and_all_are_counted() -> None:
    complaints = Complaints("file x")
    for number in range(MOST_TOLD + 5):
        complaints.tell(f"records[{number}]", "text", "wrong", "right")
    assert complaints.count == MOST_TOLD + 5
    assert len(complaints.violations) == MOST_TOLD
    assert str(complaints.violations[0]) == "records[0]: 'text' (from file x): wrong; right"


def test_a_long_text_is_shown_by_its_beginning() -> None:
    complaints = Complaints("")
    complaints.tell_malformed("p", Malformed("x" * 70000, "too long", "shorter"))
    (told,) = complaints.violations
    assert told.value == "x" * LONGEST_SHOWN + "..."
    assert (told.wrong, told.right) == ("too long", "shorter")


def test_a_source_begins_with_nothing_to_complain_of() -> None:
    names = Names("hosts file /etc/hosts", [(b"\1a\0", b"", b"")], 5)
    assert (names.source, names.records, names.ttl) == (
        "hosts file /etc/hosts",
        [(b"\1a\0", b"", b"")],
        5,
    )
    assert (names.labels, names.complaints.count, names.complaints.source) == ({}, 0, names.source)
