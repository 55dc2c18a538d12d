"""The netlink socket: what it makes of answers a kernel seldom gives, and of a real one's."""

from __future__ import annotations

import os
import socket
from errno import EBUSY, ENOBUFS, ENOENT, EPERM, ETIMEDOUT
from struct import pack
from typing import TYPE_CHECKING, TypeAlias

import pytest

from kuma_net.errors import NetlinkError, PermissionDenied
from kuma_net.host.netlink_socket import NETFILTER, ROUTE, NetlinkSocket
from kuma_net.netlink.message import (
    BATCH_BEGIN,
    BATCH_END,
    DONE,
    DUMP,
    DUMP_INTERRUPTED,
    MULTI,
    Answer,
    Request,
    encode_answer,
    messages,
)
from kuma_net.netlink.nftables import get_generation, list_tables, make_table
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.host import Host

    Make: TypeAlias = Callable[..., "Scripted"]


class Scripted(NetlinkSocket):
    """A socket whose other end is the test: datagrams wait there before they are asked for."""

    def __init__(self, *datagrams: bytes) -> None:
        """Lay the answers ready."""
        super().__init__(ROUTE, "testing")
        ours, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        self._socket = ours
        for datagram in datagrams:
            self.kernel.send(datagram)

    def close(self) -> None:
        """Close both ends."""
        super().close()
        self.kernel.close()

    def asked(self) -> list[int]:
        """Return the sequence numbers and flags that were asked for acknowledgements."""
        sent = messages(self.kernel.recv(1 << 16))
        return [message.sequence for message in sent if message.flags & 4]


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Make scripted sockets, and close them at the end."""
    made: list[Scripted] = []

    def make(*datagrams: bytes, kind: type[Scripted] = Scripted) -> Scripted:
        made.append(kind(*datagrams))
        return made[-1]

    yield make
    for each in made:
        each.close()


def said(sequence: int, errno: int = 0, explanation: str = "") -> bytes:
    return encode_answer(Answer(sequence, errno, explanation), bytes(16))


def part(sequence: int, body: bytes, flags: int = MULTI, kind: int = 16) -> bytes:
    return pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def done(sequence: int, flags: int = MULTI) -> bytes:
    return part(sequence, bytes(4), flags, DONE)


@pytest.fixture(scope="module")
def quiet() -> Iterator[Host]:
    made = quiet_host()
    yield made
    made.stop()


QUESTION = Request(18, DUMP, bytes(16), "the question")
CHANGE = Request(20, 0, bytes(8), "the change")
BATCH = [
    Request(BATCH_BEGIN, 0, bytes(4), "the beginning"),
    CHANGE,
    Request(20, 0, bytes(8), "another change"),
    Request(BATCH_END, 0, bytes(4), "the end"),
]


def test_a_listing_is_collected_from_its_datagrams(scripted: Make) -> None:
    kernel = scripted(part(1, b"aaaa") + part(1, b"bbbb"), part(1, b"cccc"), done(1))
    assert [found.payload for found in kernel.dump(QUESTION)] == [b"aaaa", b"bbbb", b"cccc"]


def test_a_listing_that_was_interrupted_is_asked_for_again(
    scripted: Callable[..., Scripted],
) -> None:
    kernel = scripted(
        part(1, b"old1", MULTI | DUMP_INTERRUPTED) + done(1),
        part(2, b"old2") + done(2, MULTI | DUMP_INTERRUPTED),
        said(3, 4),
        part(3, b"late"),
        part(4, b"new1") + done(4),
    )
    assert [found.payload for found in kernel.dump(QUESTION)] == [b"new1"]


def test_a_listing_interrupted_for_ever_is_told(scripted: Make) -> None:
    datagrams = [done(number, MULTI | DUMP_INTERRUPTED) for number in range(1, 30)]
    with pytest.raises(NetlinkError, match="changes kept interrupting the listing"):
        scripted(*datagrams).dump(QUESTION)


def test_a_single_answer_ends_by_itself(scripted: Make) -> None:
    kernel = scripted(part(1, b"once", 0))
    (found,) = kernel.dump(QUESTION.replace(flags=0))
    assert found.payload == b"once"


def test_an_acknowledged_question_has_no_answer(scripted: Make) -> None:
    assert scripted(said(1)).dump(QUESTION) == []


def test_a_refused_question_is_told(scripted: Make) -> None:
    with pytest.raises(NetlinkError, match=r"the kernel refused the question: .* \(why\)"):
        scripted(said(1, ENOENT, "why")).dump(QUESTION)


def test_the_last_change_of_a_batch_is_acknowledged(scripted: Make) -> None:
    kernel = scripted(said(3))
    kernel.commit(BATCH)
    assert kernel.asked() == [3]
    without_end = scripted(said(3))
    without_end.commit(BATCH[:-1])
    assert without_end.asked() == [3]


def test_the_first_refusal_is_the_one_that_counts(scripted: Make) -> None:
    kernel = scripted(said(2, EBUSY), said(3, ENOENT))
    with pytest.raises(NetlinkError) as refused:
        kernel.commit(BATCH)
    assert (refused.value.errno, refused.value.what) == (EBUSY, "the change")
    assert refused.value.message_index == 1


def test_a_refused_beginning_is_the_end(scripted: Make) -> None:
    with pytest.raises(NetlinkError, match="the beginning"):
        scripted(said(1, EBUSY)).commit(BATCH)


def test_a_missing_capability_is_known_by_the_first_message(
    scripted: Callable[..., Scripted],
) -> None:
    with pytest.raises(PermissionDenied, match="testing needs CAP_NET_ADMIN"):
        scripted(said(1, EPERM)).commit(BATCH)
    with pytest.raises(NetlinkError, match="the change"):
        scripted(said(2, EPERM), said(3)).commit(BATCH)


def test_answers_to_something_else_are_passed_over(scripted: Make) -> None:
    kernel = scripted(said(99, EBUSY), part(98, b"news", 0), said(3))
    kernel.commit(BATCH)


def test_a_kernel_that_does_not_answer_is_told(scripted: Make) -> None:
    with pytest.raises(NetlinkError) as refused:
        scripted().commit(BATCH)
    assert refused.value.errno == ETIMEDOUT


def test_a_connection_that_is_lost_is_told(scripted: Make) -> None:
    kernel = scripted()
    kernel.kernel.close()
    with pytest.raises(NetlinkError):
        kernel.commit(BATCH)


class Overrun(Scripted):
    """A socket that lost the first answers."""

    lost = 1

    def _receive(self) -> Iterator[object]:  # type: ignore[override]
        if self.lost:
            self.lost -= 1
            raise NetlinkError(ENOBUFS, "No buffer space available", "to be heard")
        return super()._receive()  # type: ignore[return-value]


def test_a_listing_whose_answers_were_lost_is_asked_for_again(
    scripted: Callable[..., Scripted],
) -> None:
    answers = (part(1, b"part"), part(2, b"new1") + done(2))
    kernel = scripted(*answers, kind=Overrun)
    assert [found.payload for found in kernel.dump(QUESTION)] == [b"new1"]


def test_a_change_whose_answer_was_lost_is_told(scripted: Make) -> None:
    with pytest.raises(NetlinkError, match="to be heard"):
        scripted(said(3), kind=Overrun).commit(BATCH)


# The real kernel


def generation_of(opened_twice: bool) -> int:
    kernel = NetlinkSocket(NETFILTER)
    found = kernel.dump(get_generation())
    if opened_twice:
        kernel.close()
        found = kernel.dump(get_generation())
    kernel.close()
    kernel.close()
    return len(found)


@pytest.mark.parametrize("twice", [False, True])
def test_a_closed_socket_opens_again(quiet: Host, twice: bool) -> None:
    assert quiet.call(generation_of, twice) == 1


def unknown_protocol() -> str:
    try:
        NetlinkSocket(31).dump(QUESTION)
    except NetlinkError as refused:
        return refused.what
    return ""


def test_a_protocol_that_the_kernel_lacks_is_told(quiet: Host) -> None:
    assert quiet.call(unknown_protocol) == "a netlink socket"


def too_long(size: int) -> str:
    """Send more than fits, as a user who may not have a larger buffer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        try:
            NetlinkSocket(NETFILTER).commit([Request(0xA00, 0, bytes(size), "too long")])
        except Exception as refused:  # noqa: BLE001 - the parent compares
            os.write(writer, str(refused).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reader, 4096).decode()


def test_a_datagram_that_is_too_long_is_told(quiet: Host) -> None:
    size = 4 * int(quiet.read("/proc/sys/net/core/wmem_max"))
    assert quiet.call(too_long, size) == (
        f"the kernel refused a message of {size + 16} bytes: Message too long "
        "(raise net.core.wmem_max)"
    )


def tables_in_one_go() -> int:
    with NetlinkSocket(NETFILTER) as kernel:
        for number in range(3):
            begin = Request(BATCH_BEGIN, 0, bytes((0, 0, 0, 10)))
            end = Request(BATCH_END, 0, bytes((0, 0, 0, 10)))
            kernel.commit([begin, make_table("ip", f"t{number}"), end])
        return len(kernel.dump(list_tables()))


def test_one_socket_serves_many_requests(quiet: Host) -> None:
    assert quiet.call(tables_in_one_go) == 3
