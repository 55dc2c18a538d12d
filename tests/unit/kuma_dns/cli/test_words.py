"""Answers in words: records, flags, extended errors; what dnslib says is what was written."""

from __future__ import annotations

from kuma_dns.cli.asking import Told
from kuma_dns.cli.words import answer_fields, answer_text, explanation_lines, message_fields
from kuma_dns.resolve.servers import Server
from kuma_dns.wire.message import EDE_NOT_READY, SERVFAIL
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import Remark, addresses, reply, soa

NAME = key_of("backend.mesh")
HEADER = b"\7\7\1\0\0\1\0\0\0\0\0"
QUERY = Query(HEADER + b"\0" + NAME + b"\0\1\0\1")
EDNS_QUERY = Query(HEADER + b"\1" + NAME + b"\0\1\0\1" + b"\0\0\x29\4\xd0\0\0\0\0\0\0")


def test_a_message_is_told_with_its_records_and_flags() -> None:
    message = reply(QUERY, answer=addresses(bytes((240, 0, 0, 1)), 30))
    assert message_fields(message) == {
        "name": "backend.mesh",
        "type": "A",
        "rcode": "NOERROR",
        "flags": ["authoritative"],
        "answer": ["backend.mesh. 30 IN A 240.0.0.1"],
        "authority": [],
        "remarks": [],
    }


def test_extended_errors_are_told_in_words() -> None:
    for remark, told in (
        (Remark(EDE_NOT_READY, "no names"), "not ready: no names"),
        (Remark(23), "network error"),
        (Remark(4711, "x"), "extended error 4711: x"),
    ):
        message = reply(EDNS_QUERY, SERVFAIL, authoritative=False, remark=remark)
        fields = message_fields(message)
        assert (fields["rcode"], fields["remarks"]) == ("SERVFAIL", [told])


def test_an_answer_for_a_person_ends_with_the_reasons() -> None:
    message = reply(EDNS_QUERY, 3, authority=soa(key_of("mesh"), 30, 7))
    fields = answer_fields(Told(message, "UDP", 0.00123), Server("::1", 5353))
    fields["explanation"] = {"why": ["No source knows it."]}
    assert answer_text(fields) == (
        "backend.mesh A: NXDOMAIN, authoritative, by UDP from [::1]:5353 in 1.2 ms\n"
        "  (no answer; mesh. 30 IN SOA ns.mesh. hostmaster.mesh. 7 3600 600 86400 30)\n"
        "\n"
        "  No source knows it.\n"
    )


def test_where_nobody_explains_that_is_told() -> None:
    assert explanation_lines("nobody explains") == ["  nobody explains"]
    assert explanation_lines({"why": 7}) == []
