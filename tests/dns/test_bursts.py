"""Many datagrams at once over connected sockets."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from kuma_dns.server.bursts import SLOTS, Bursts
from lab.asking_upstream import name_server


def test_what_is_sent_together_arrives_whole_and_in_order() -> None:
    packets = [bytes((number % 256,)) * (1 + 300 * number) for number in range(SLOTS + 10)]
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with closing(near), closing(far):
        bursts, heard = Bursts(), []
        for some in (packets[:5], packets[5:9], [], *[[one] for one in packets[9:]]):
            bursts.send(near.fileno(), some)
            heard += bursts.receive(far.fileno())
        assert heard == packets
        assert bursts.receive(far.fileno()) == []


def test_more_than_there_are_slots_for_goes_in_several_bursts() -> None:
    far = name_server()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    with closing(far), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.connect(far.getsockname())
        packets = [bytes((number,)) for number in range(SLOTS + 10)]
        Bursts().send(near.fileno(), packets)
        assert [far.recv(9) for _ in packets] == packets


def test_a_datagram_of_the_largest_size_is_received_whole() -> None:
    far = name_server()
    with closing(far), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.connect(far.getsockname())
        near.send(b"?")
        largest = bytes(range(256)) * 255 + b"the last ones"
        _, back = far.recvfrom(9)
        far.sendto(largest, back)
        assert Bursts().receive(near.fileno()) == [largest]


def test_what_finds_no_room_is_lost() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with closing(near), closing(far):
        bursts, heard = Bursts(), 0
        bursts.send(near.fileno(), [b"x"] * 10_000)
        while some := bursts.receive(far.fileno()):
            heard += len(some)
        assert 0 < heard < 10_000


def test_errors_are_told() -> None:
    with closing(name_server()) as gone:
        nobody = gone.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.connect(nobody)
        bursts = Bursts()
        bursts.send(near.fileno(), [b"x"])
        with pytest.raises(ConnectionRefusedError):
            bursts.receive(near.fileno())
        bursts.send(near.fileno(), [b"x"])
        with pytest.raises(ConnectionRefusedError):
            bursts.send(near.fileno(), [b"x"])
