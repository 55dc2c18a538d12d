"""Asking a server as ``kuma-dns query`` does, whatever it answers."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kuma_dns.cli import asking
from kuma_dns.cli.asking import Told, ask, explanation, query_message, readable
from kuma_dns.resolve.servers import Server
from kuma_dns.server.listening import listen
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import addresses, reply
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE = query_message("backend.mesh", 1)
ANSWER = reply(Query(MESSAGE), answer=addresses(bytes((240, 0, 0, 1)), 30))
CUT = ANSWER[:2] + bytes((ANSWER[2] | 2,)) + ANSWER[3:]


@contextmanager
def served(udp: Callable[[bytes], list[bytes]] | None, tcp: bytes | None) -> Iterator[Server]:
    """Answer one question by UDP, one by TCP (the raw bytes), at the same port."""
    bound = listen([Server("127.0.0.1", 0)], asked=True).bound[0]
    threads = []
    with bound.udp, bound.tcp:
        for sock, answer, work in (
            (bound.udp, udp, _answer_udp),
            (bound.tcp, tcp, _answer_tcp),
        ):
            if answer is not None:
                sock.settimeout(10)
                threads.append(threading.Thread(target=work, args=(sock, answer)))
                threads[-1].start()
        yield bound.place
        for thread in threads:
            thread.join(10)


def _answer_udp(one: socket.socket, answers: Callable[[bytes], list[bytes]]) -> None:
    query, peer = one.recvfrom(2000)
    for answer in answers(query):
        one.sendto(answer, peer)


def _answer_tcp(one: socket.socket, answer: bytes) -> None:
    client, _ = one.accept()
    with client:
        client.recv(2000)
        client.sendall(answer)


def framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


def test_the_answer_to_the_question_is_taken_and_nothing_else() -> None:
    other_id = bytes((ANSWER[0] ^ 1,)) + ANSWER[1:]
    other_name = ANSWER.replace(b"backend", b"frontex")
    with served(lambda _: [other_id, other_name, ANSWER], None) as place:
        told = ask(place, MESSAGE, tcp=False)
    assert (told.message, told.protocol) == (ANSWER, "UDP")
    assert readable(told, MESSAGE)


def test_a_cut_answer_is_asked_for_by_tcp() -> None:
    with served(lambda _: [CUT], framed(ANSWER)) as place:
        assert ask(place, MESSAGE, tcp=False).protocol == "TCP"


def test_tcp_can_be_chosen() -> None:
    with served(None, framed(ANSWER)) as place:
        assert ask(place, MESSAGE, tcp=True).message == ANSWER


def test_a_connection_that_closes_too_early_is_told() -> None:
    with served(None, framed(ANSWER)[:-1]) as place, pytest.raises(HostError, match="was closed"):
        ask(place, MESSAGE, tcp=True)


@pytest.mark.parametrize("tcp", [False, True])
def test_where_nobody_listens_that_is_told(tcp: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        place = Server(*one.getsockname())
    with pytest.raises(HostError, match="nobody listens there; is kuma-dns serve running"):
        ask(place, MESSAGE, tcp=tcp)


def test_no_way_to_the_server_is_told() -> None:
    with pytest.raises(HostError, match=r"255\.255\.255\.255:53: Permission denied"):
        ask(Server("255.255.255.255"), MESSAGE, tcp=False)


def test_an_answer_that_makes_no_sense_is_not_shown_to_the_library() -> None:
    header = MESSAGE[:2] + b"\x81\x80\0\1\0\x09\0\0\0\0"
    assert not readable(Told(header + MESSAGE[12:-11], "UDP", 0.0), MESSAGE)
    assert not readable(Told(b"\0" * 12, "UDP", 0.0), MESSAGE)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"why": [7]}', {"why": [7]}),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n", "does not explain: no"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7", "does not explain: 7"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "does not explain: Expecting value"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not explain: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "does not explain: "),
    ],
)
def test_an_explanation_is_fields_or_a_sentence(said: bytes, told: object) -> None:
    with served(None, said) as place:
        heard = explanation(place, "backend.mesh", "A")
    if isinstance(told, str):
        assert isinstance(heard, str)
        assert told in heard
    else:
        assert heard == told


def test_without_a_server_the_explanation_is_a_sentence() -> None:
    heard = explanation(Server("127.0.0.1", 1), "backend.mesh", "A")
    assert heard == "127.0.0.1:1 does not explain: Connection refused"


def test_patience_is_longer_than_the_servers() -> None:
    from kuma_dns.resolve.resolver import PATIENCE

    assert asking.PATIENCE > PATIENCE
