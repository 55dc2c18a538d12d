"""The numbers of messages agree with what dnspython calls them."""

from __future__ import annotations

import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.message import BADVERS, rcode_text, type_number, type_text

NAMED = ("A", "NS", "CNAME", "SOA", "PTR", "HINFO", "MX", "TXT", "AAAA", "SRV", "NAPTR", "DNAME")
SIGNED = ("OPT", "DS", "RRSIG", "NSEC", "DNSKEY", "TLSA", "SVCB", "HTTPS", "CAA")
ASKED = ("IXFR", "AXFR", "ANY")


@pytest.mark.parametrize("text", NAMED + SIGNED + ASKED)
def test_types_have_the_numbers_of_the_registry(text: str) -> None:
    number = int(dns.rdatatype.from_text(text))
    assert type_number(text) == type_number(text.lower()) == number
    assert type_text(number) == text


@given(st.integers(0, 65535))
def test_every_type_has_a_text_that_leads_back_to_it(number: int) -> None:
    assert type_number(type_text(number)) == number
    assert type_number(f"type{number}") == number


@pytest.mark.parametrize("text", ["TYPE65536", "TYPE999999", "TYPE", "TYPE²", "TYPE-1", "QUUX", ""])
def test_no_other_text_is_a_type(text: str) -> None:
    assert type_number(text) is None


def test_response_codes_have_the_names_of_the_registry() -> None:
    for number in (*range(6), BADVERS):
        assert rcode_text(number) == dns.rcode.to_text(dns.rcode.Rcode.make(number), tsig=False)
    assert rcode_text(11) == "RCODE11"
