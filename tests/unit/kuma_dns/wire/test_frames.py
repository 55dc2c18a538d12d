"""Messages in a stream: whole however they are cut, bounded however long they claim to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.frames import ENOUGH, Frames

MESSAGES = st.lists(st.binary(max_size=40) | st.sampled_from([bytes(ENOUGH), bytes(65535)]))


def framed(messages: list[bytes]) -> bytes:
    return b"".join([len(each).to_bytes(2, "big") + each for each in messages])


def taken(frames: Frames) -> list[bytes]:
    return list(iter(frames.next, None))


@given(MESSAGES, st.lists(st.integers(1, 5000)))
def test_messages_come_out_as_they_were_however_the_stream_is_cut(
    messages: list[bytes], cuts: list[int]
) -> None:
    stream, frames, found = framed(messages), Frames(), []
    for cut in cuts:
        frames.add(stream[:cut])
        stream = stream[cut:]
        found += taken(frames)
    frames.add(stream)
    found += taken(frames)
    assert found == [message[:ENOUGH] for message in messages]


def test_messages_may_be_taken_later_than_they_came() -> None:
    frames = Frames()
    frames.add(framed([b"one", b"two", b"three"])[:-1])
    assert frames.next() == b"one"
    frames.add(b"e")
    assert taken(frames) == [b"two", b"three"]
    assert frames.next() is None


def test_of_a_long_message_no_more_is_held_than_a_query_may_have() -> None:
    frames = Frames()
    stream = framed([bytes(65535), b"next"])
    held, found = 0, []
    for byte in stream:
        frames.add(bytes((byte,)))
        found += taken(frames)
        held = max(held, len(frames._held))
    assert found == [bytes(ENOUGH), b"next"]
    assert held <= ENOUGH + 1


def test_a_message_that_never_ends_is_never_given_out() -> None:
    frames = Frames()
    frames.add(b"\0")
    assert frames.next() is None
    frames.add(b"\5four")
    assert frames.next() is None
