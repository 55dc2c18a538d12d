"""The numbers of DNS messages and what people call them.

Sources: RFC 1035 sections 3.2 and 4.1, RFC 6891 (EDNS), RFC 8914 (extended errors), and the
IANA registry "Domain Name System (DNS) Parameters".
"""

from __future__ import annotations

from typing import Final

HEADER: Final = 12
"""Length of a header, in bytes (RFC 1035 section 4.1.1)."""
LONGEST_MESSAGE: Final = 65535
"""Length over TCP, in bytes: its length field has 16 bits (RFC 1035 section 4.2.2)."""
LONGEST_DATAGRAM: Final = 65507
"""Length over UDP: what a packet of IPv4 has room for; the kernel refuses to send more."""
PLAIN_SIZE: Final = 512
"""Bytes a UDP message may have without EDNS (RFC 1035 section 4.2.1)."""
EDNS_SIZE: Final = 1232
"""Bytes of UDP that we offer and keep to: 1280 of IPv6's least MTU less 48 of headers."""

# Types of records and of questions.
A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
HINFO: Final = 13
MX: Final = 15
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
DNAME: Final = 39
OPT: Final = 41
RRSIG: Final = 46
SVCB: Final = 64
HTTPS: Final = 65
TSIG: Final = 250
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255

# Classes.
IN: Final = 1

# Operation codes.
NOTIFY: Final = 4
UPDATE: Final = 5

# Response codes; BADVERS has more than the header's four bits, the rest is in the OPT record.
NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

# Extended errors (RFC 8914 section 4).
EDE_OTHER: Final = 0
EDE_STALE: Final = 3
EDE_NOT_READY: Final = 14
EDE_NO_REACHABLE_AUTHORITY: Final = 22
EDE_NETWORK_ERROR: Final = 23

_TYPES: Final = {
    "A": A,
    "NS": NS,
    "CNAME": CNAME,
    "SOA": SOA,
    "PTR": PTR,
    "HINFO": HINFO,
    "MX": MX,
    "TXT": TXT,
    "AAAA": AAAA,
    "SRV": SRV,
    "NAPTR": 35,
    "DNAME": DNAME,
    "OPT": OPT,
    "DS": 43,
    "RRSIG": RRSIG,
    "NSEC": 47,
    "DNSKEY": 48,
    "TLSA": 52,
    "SVCB": SVCB,
    "HTTPS": HTTPS,
    "IXFR": IXFR,
    "AXFR": AXFR,
    "ANY": ANY,
    "CAA": 257,
}
_TYPE_TEXTS: Final = {number: text for text, number in _TYPES.items()}
_RCODES: Final = {
    NOERROR: "NOERROR",
    FORMERR: "FORMERR",
    SERVFAIL: "SERVFAIL",
    NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP",
    REFUSED: "REFUSED",
    BADVERS: "BADVERS",
}
_HIGHEST_TYPE: Final = 65535


def type_text(number: int) -> str:
    """Return ``AAAA`` for 28, ``TYPE4711`` for one without a name (RFC 3597 section 5)."""
    return _TYPE_TEXTS.get(number, f"TYPE{number}")


def type_number(text: str) -> int | None:
    """Return 28 for ``AAAA`` or ``TYPE28``, whatever the case; None for no such type."""
    upper = text.upper()
    digits = upper.removeprefix("TYPE")
    if digits != upper and digits.isascii() and digits.isdigit() and len(digits) <= len("65535"):
        number = int(digits)
        return number if number <= _HIGHEST_TYPE else None
    return _TYPES.get(upper)


def rcode_text(number: int) -> str:
    """Return ``NXDOMAIN`` for 3, ``RCODE11`` for one without a name here."""
    return _RCODES.get(number, f"RCODE{number}")
