"""Tables as listed, and user data."""

from __future__ import annotations

from kuma_net.netlink.message import Message, attribute, number, text
from kuma_net.netlink.tables import (
    OWNED,
    Listed,
    body,
    decode_generation,
    decode_table,
    user_data,
)


def listed(family: int, *parts: bytes) -> Message:
    return Message(0xA00, 2, 1, bytes((family, 0, 0, 0)) + b"".join(parts))


def test_a_table_is_read() -> None:
    comment = attribute(6, b"\0\x04who\0")
    assert decode_table(listed(1, text(1, "kuma_net"), number(2, 0), comment)) == Listed(
        "inet", "kuma_net", "who", 0
    )
    assert decode_table(listed(10, text(1, "x"), number(2, OWNED))) == Listed("ip6", "x", "", OWNED)


def test_a_table_of_a_family_we_never_use_has_none() -> None:
    assert decode_table(listed(7, text(1, "bridged"))).family is None


def test_the_generation_is_read() -> None:
    message = listed(0, number(1, 77))
    assert body(message) == {1: b"\0\0\0\x4d"}
    assert decode_generation(message) == 77


def test_user_data_of_others_is_passed_over() -> None:
    ours, theirs = b"\x4b\x02ab", b"\x09\x01z"
    assert user_data(theirs + b"\0\x03hi\0" + ours) == ("hi", b"ab")
    assert user_data(b"") == ("", b"")
    assert user_data(b"\x01") == ("", b"")
