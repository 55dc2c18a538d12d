"""gRPC calls over a unix socket: answers of all sizes, and servers of all kinds."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from kuma_cni.cri.grpc import (
    DEADLINE_EXCEEDED,
    INTERNAL,
    LARGEST,
    LONGEST_MESSAGE,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    UNKNOWN,
    Channel,
    GrpcError,
)
from lab import unix_server
from lab.unix_server import Speaking, serving

if TYPE_CHECKING:
    from pathlib import Path

METHOD = "/a.Service/Method"


def echo(method: str, body: bytes) -> bytes:
    """Return what was asked, so often as the first byte says."""
    assert method == METHOD
    return body[1:] * body[0]


def refused(path: str, *, timeout: float = 5.0) -> GrpcError:
    """Return how a call fails, and see that it ends in time."""
    channel = Channel(path, timeout)
    began = time.monotonic()
    with pytest.raises(GrpcError) as caught:
        channel.call(METHOD, b"")
    channel.close()
    assert time.monotonic() - began < timeout + 1
    return caught.value


def test_calls_follow_one_another_on_one_connection(tmp_path: Path) -> None:
    server = Speaking(echo)
    with serving(tmp_path / "s", server) as path:
        channel = Channel(path)
        assert channel.call(METHOD, b"\x01one") == b"one"
        assert channel.call(METHOD, b"\x02two") == b"twotwo"
        assert channel.call(METHOD, b"\x00") == b""
        channel.close()
    assert server.connections == 1


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 1_000_000])
def test_questions_and_answers_may_be_longer_than_any_window(tmp_path: Path, size: int) -> None:
    with serving(tmp_path / "s", Speaking(echo)) as path:
        channel = Channel(path)
        for _ in range(2):  # windows are given back for the next call, too
            assert channel.call(METHOD, b"\x01" + b"x" * size) == b"x" * size
        channel.close()


def test_a_refusal_has_its_code_and_words_and_leaves_the_connection(tmp_path: Path) -> None:
    server = Speaking(unix_server.refuse)
    with serving(tmp_path / "s", server) as path:
        channel = Channel(path)
        for _ in range(2):
            with pytest.raises(GrpcError, match="unknown method") as caught:
                channel.call(METHOD, b"12")
            assert caught.value.code == UNIMPLEMENTED
            assert str(caught.value) == f"{path}: unknown method {METHOD} ä 2 (UNIMPLEMENTED)"
        channel.close()
    assert server.connections == 1


def test_a_server_that_went_is_called_again_by_another_connection(tmp_path: Path) -> None:
    channel = Channel(str(tmp_path / "s"))
    for _ in range(2):
        with serving(tmp_path / "s", Speaking(echo)):
            assert channel.call(METHOD, b"\x01x") == b"x"
        (tmp_path / "s").unlink()
        with pytest.raises(GrpcError) as caught:
            channel.call(METHOD, b"\x01x")
        assert caught.value.code == UNAVAILABLE
    channel.close()


def test_a_socket_that_is_not_there_or_nobodys_is_named(tmp_path: Path) -> None:
    missing = refused(str(tmp_path / "missing"))
    assert missing.code == UNAVAILABLE
    assert (
        str(missing)
        == f"{tmp_path}/missing: no connection: No such file or directory (UNAVAILABLE)"
    )
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    assert "Connection refused" in refused(str(tmp_path / "dead")).message


@pytest.mark.parametrize(
    ("server", "code", "said"),
    [
        (unix_server.close, UNAVAILABLE, "closed the connection"),
        (unix_server.go_away, UNAVAILABLE, "ended the connection"),
        (unix_server.reset, UNAVAILABLE, "dropped the call (code 7)"),
        (unix_server.talk_http1, INTERNAL, "speaks HTTP/1"),
        (unix_server.many_headers, INTERNAL, "breaks HTTP/2"),
        (unix_server.plain_page, UNKNOWN, "none of gRPC (HTTP status 404)"),
        (unix_server.no_trailers, UNKNOWN, "none of gRPC (HTTP status 200)"),
        (unix_server.wrong_length, INTERNAL, "length"),
        (unix_server.compressed, INTERNAL, "compressed"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_server_that_does_not_keep_to_the_rules_is_named_at_once(
    tmp_path: Path, server: unix_server.Handler, code: int, said: str
) -> None:
    with serving(tmp_path / "s", server) as path:
        problem = refused(path)
    assert problem.code == code
    assert said in problem.message
    assert path in str(problem)


@pytest.mark.parametrize("server", [unix_server.hang, unix_server.drip, unix_server.ping])
def test_a_server_that_never_answers_gets_no_more_than_its_time(
    tmp_path: Path, server: unix_server.Handler
) -> None:
    with serving(tmp_path / "s", server) as path:
        problem = refused(path, timeout=0.4)
    assert problem.code in {DEADLINE_EXCEEDED, INTERNAL}
    if server is not unix_server.drip:  # what drips may be wrong before it is late
        assert problem.code == DEADLINE_EXCEEDED


def test_a_server_that_does_not_take_connections_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        waiting.connect(str(tmp_path / "s"))
        assert refused(str(tmp_path / "s"), timeout=0.3).code == UNAVAILABLE


def test_an_answer_without_end_is_given_up(tmp_path: Path) -> None:
    with serving(tmp_path / "s", unix_server.flood) as path:
        problem = refused(path, timeout=20.0)
    assert problem.code == RESOURCE_EXHAUSTED
    assert str(LARGEST) in problem.message


def test_long_words_of_a_server_are_cut(tmp_path: Path) -> None:
    def answer(_method: str, _body: bytes) -> bytes:
        raise GrpcError(NOT_FOUND, "x" * 5000)

    with serving(tmp_path / "s", Speaking(answer)) as path:
        assert len(refused(path).message) == LONGEST_MESSAGE
