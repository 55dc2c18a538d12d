"""Addresses as Kuma's documents write them, packed as messages carry them.

The family goes by the text, as in Kuma's own proxy: with a ``.`` it is IPv4, else IPv6.  So an
IPv4-mapped address stands in groups of hexadecimal digits (``::ffff:f000:1``), and the dotted
form of it is told as a mistake instead of being guessed at.

There are as many addresses as names, a million perhaps, so both families have a short way here;
``kuma_net.values`` says what an address is and what is wrong with one that is none.
"""

from __future__ import annotations

from typing import Final

from kuma_dns.wire.name import IN_ADDR_ARPA, IP6_ARPA, is_within, labels
from kuma_net.values import Family, Malformed, address_text, parse_address

IPV4_BYTES: Final = 4
IPV6_BYTES: Final = 16
_OCTETS: Final = {str(octet): octet for octet in range(256)}
_HEXADECIMAL: Final = "0123456789abcdefABCDEF:"
_GROUPS: Final = 8
_ONES: Final = b"\1" * 2 * IPV6_BYTES
"""The lengths of the labels of an IPv6 address's reverse name."""
_DIGITS: Final = b"0123456789abcdef"
_RIGHT: Final = "an address such as 240.0.0.1, fd00::1 or ::ffff:f000:1"


def packed(text: str) -> bytes:
    """Return the 4 or 16 bytes of an address; ``Malformed`` if it is none."""
    if "." not in text:
        return _packed6(text)
    octets = text.split(".")
    try:
        if len(octets) == IPV4_BYTES:
            return bytes([_OCTETS[octet] for octet in octets])
    except KeyError:
        pass
    return _no(text)


def _packed6(text: str) -> bytes:
    """RFC 4291 section 2.2, without the dotted form."""
    if not text or text.strip(_HEXADECIMAL):
        return _no(text)
    head, gap, tail = text.partition("::")
    front = head.split(":") if head else []
    back = tail.split(":") if tail else []
    count = len(front) + len(back)
    if (count >= _GROUPS if gap else count != _GROUPS) or "" in front or "" in back:
        return _no(text)
    before = "".join([group.zfill(4) for group in front])
    behind = "".join([group.zfill(4) for group in back])
    if len(before) + len(behind) != 4 * count:
        return _no(text)
    return bytes.fromhex(before + "0000" * (_GROUPS - count) + behind)


def _no(text: str) -> bytes:
    """Say what is wrong with a text that is no address."""
    if "." in text and ":" in text:
        try:
            value = parse_address(text, Family.IPV6)
        except Malformed:
            pass
        else:
            groups = f"{text.rpartition(':')[0]}:{value >> 16 & 0xFFFF:x}:{value & 0xFFFF:x}"
            raise Malformed(text, "with dots in it, it is taken for IPv4", f"write {groups}")
    raise Malformed(text, "not an IP address", _RIGHT)


def addresses_of(texts: list[str]) -> tuple[bytes, bytes]:
    """Return some addresses as IPv4 and IPv6 ones, each packed one behind the other."""
    ipv4 = ipv6 = b""
    for text in texts:
        address = packed(text)
        if len(address) == IPV4_BYTES:
            ipv4 += address
        else:
            ipv6 += address
    return ipv4, ipv6


def address_of(name: bytes) -> bytes | None:
    """Return the address that a name (a key) is the reverse of; None if it is of none.

    ``kuma_dns.wire.name.reverse_of`` the other way round.
    """
    if name.endswith(IP6_ARPA) and len(name) == len(IP6_ARPA) + 4 * IPV6_BYTES:
        front = name[: 4 * IPV6_BYTES]
        digits = front[:0:-2]
        if front[::2] == _ONES and not digits.strip(_DIGITS):
            return bytes.fromhex(digits.decode())
    elif is_within(name, IN_ADDR_ARPA):
        octets = [_OCTETS.get(label.decode("latin-1")) for label in labels(name)][-3::-1]
        if len(octets) == IPV4_BYTES and None not in octets:
            return bytes([octet for octet in octets if octet is not None])
    return None


def each_text(ipv4: bytes, ipv6: bytes) -> list[str]:
    """Return packed addresses as texts that ``packed`` reads."""
    texts = [".".join(map(str, ipv4[at : at + 4])) for at in range(0, len(ipv4), IPV4_BYTES)]
    for at in range(0, len(ipv6), IPV6_BYTES):
        value = int.from_bytes(ipv6[at : at + IPV6_BYTES])
        text = address_text(value, Family.IPV6)
        if "." in text:
            text = f"::ffff:{value >> 16 & 0xFFFF:x}:{value & 0xFFFF:x}"
        texts.append(text)
    return texts
