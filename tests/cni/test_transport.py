"""One request by HTTPS: certificates both ways, names, and everything that takes its time."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from kuma_cni.kubernetes.api import Api, ApiError
from kuma_cni.kubernetes.kubeconfig import Access, Credentials, Server, Trust
from lab.api_access import ASKED, POD, Trusted, refused
from lab.api_server import answer
from lab.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("inline", [False, True])
def test_a_client_certificate_is_shown(trusted: Trusted, *, inline: bool) -> None:
    shown = trusted.client
    credentials = (
        {"certificate_data": shown.file.read_text(), "key_data": shown.key.read_text()}
        if inline
        else {"certificate_file": str(shown.file), "key_file": str(shown.key)}
    )
    with trusted.serve(answer(POD), clients=trusted.authority) as server:
        access = trusted.access(server, **credentials)
        if inline:
            access = access.replace(trust=Trust(data=trusted.authority.file.read_text()))
        Api(access).pod("demo", "web")
        assert "somebody" in server.asked[0].client


def test_a_server_by_name_and_under_a_path_is_found(trusted: Trusted) -> None:
    with trusted.serve(answer(POD)) as server:
        access = trusted.access(server)
        place = access.server.replace(host="localhost", prefix="/clusters/c1")
        assert Api(access.replace(server=place)).pod("demo", "web") == POD
        assert server.asked[0].path == f"/clusters/c1{ASKED}"


def test_a_name_server_that_says_nothing_gets_no_more_than_the_whole_time() -> None:
    host = Host("host")
    host.run(("ip", "link", "set", "lo", "up"))
    host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
    try:
        took, said = host.call(ask_by_name_here, "api.example")
        assert "was not found in time" in said or "no answer in time" in said
        assert took < 5.0
        host.write("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        assert "api.example" in host.call(ask_by_name_here, "api.example")[1]
    finally:
        host.stop()


def ask_by_name_here(name: str) -> tuple[float, str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent_server:
        silent_server.bind(("127.0.0.1", 53))
        began = time.monotonic()
        try:
            Api(Access(Server(f"https://{name}", name, 443)), patience=0.5).pod("a", "b")
        except ApiError as problem:
            return time.monotonic() - began, str(problem)
    raise AssertionError("somebody answered")


@pytest.mark.parametrize(
    ("trust", "credentials"),
    [
        (Trust(file="/nonexistent"), Credentials()),
        (Trust(data="-----BEGIN CERTIFICATE-----\nx"), Credentials()),
        (Trust(), Credentials(certificate_file="/nonexistent", key_file="/nonexistent")),
    ],
)
def test_certificates_of_ours_that_are_none_are_told_before_anybody_is_asked(
    trust: Trust, credentials: Credentials
) -> None:
    with pytest.raises(ApiError, match="our certificates cannot be used"):
        Api(Access(Server("https://127.0.0.1", "127.0.0.1", 1), trust, credentials))


def test_an_encrypted_key_is_told_and_nobody_asked_for_its_password(
    trusted: Trusted, tmp_path: Path
) -> None:
    key = trusted.client.encrypted(tmp_path / "encrypted.key")
    shown = Credentials(certificate_file=str(trusted.client.file), key_file=str(key))
    with pytest.raises(ApiError, match="key is encrypted"):
        Api(Access(Server("https://127.0.0.1", "127.0.0.1", 1), Trust(), shown))


@contextmanager
def silent(act: Callable[[socket.socket], None]) -> Iterator[Access]:
    """Listen, and do something to each connection below TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=partial(_accept, listener, act), daemon=True).start()
        yield Access(Server(f"https://127.0.0.1:{port}", "127.0.0.1", port), Trust(insecure=True))
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, act: Callable[[socket.socket], None]) -> None:
    try:
        while True:
            line, _ = listener.accept()
            with line:
                act(line)
    except OSError:
        pass


def test_a_server_that_hangs_in_the_handshake_gets_no_more_than_the_whole_time() -> None:
    def drip(line: socket.socket) -> None:
        for letter in b"\x16\x03\x03\x40\x00" + bytes(100):
            line.sendall(bytes([letter]))
            time.sleep(0.02)

    for act in (drip, lambda _line: time.sleep(2)):
        with silent(act) as access:
            assert refused(Api(access, patience=0.5, read=0.2), within=3.0).status == 0


def test_a_server_that_speaks_no_tls_is_told_with_the_reason() -> None:
    with silent(lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as access:
        assert "no answer" in refused(Api(access, patience=0.5)).reason
