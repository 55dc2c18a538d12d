"""Slots for datagrams: what the kernel writes into them and what goes back."""

from __future__ import annotations

import socket
from contextlib import closing
from socket import AF_INET, AF_INET6, SOCK_DGRAM

import pytest

from kuma_dns.server.datagrams import Datagrams


@pytest.mark.parametrize(("bind", "index"), [("0.0.0.0", 16), ("::", 32)])  # noqa: S104 - tested
def test_the_routing_table_decides_about_the_way_out_not_the_way_in(bind: str, index: int) -> None:
    with closing(socket.socket(AF_INET6 if ":" in bind else AF_INET, SOCK_DGRAM)) as sock:
        sock.bind((bind, 0))
        slots = Datagrams(sock)
        with closing(socket.socket(sock.family, SOCK_DGRAM)) as client:
            client.connect(("::1" if ":" in bind else "127.0.0.1", sock.getsockname()[1]))
            client.send(b"one")
            client.send(b"two")
            assert slots.receive() == 2
        for slot in range(2):
            control = slots.peer(slot).control
            assert len(control) > index
            assert control[index : index + 4] == bytes(4)


def test_answers_that_cannot_be_sent_are_counted_and_the_others_go_on() -> None:
    with closing(socket.socket(AF_INET, SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        slots = Datagrams(sock, slots=3, room=100)
        with closing(socket.socket(AF_INET, SOCK_DGRAM)) as client:
            client.connect(sock.getsockname())
            for text in (b"one", b"two", b"three"):
                client.send(text)
            assert slots.receive() == 3
            peer = slots.peer(0)
            slots.put(1, b"two", peer._replace(name=b"\xff\xff" + peer.name[2:]))
            for slot, text in ((0, b"one"), (2, b"three")):
                slots.put(slot, text, peer)
            assert slots.send(3) == 1
            assert [client.recv(9) for _ in range(2)] == [b"one", b"three"]
