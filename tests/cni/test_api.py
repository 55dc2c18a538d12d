"""Asking an API server for pods: a real one by HTTPS, and what may be in its place."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.kubernetes.api import (
    FORBIDDEN,
    NOT_FOUND,
    PAGE,
    TOO_MANY,
    UNAUTHORIZED,
    Api,
    ApiError,
)
from kuma_cni.kubernetes.fetch import fetch_pod, pod_facts
from kuma_cni.kubernetes.kubeconfig import Access, Credentials, Server, Trust
from kuma_cni.pod.decide import FetchedPod, LookUp
from kuma_cni.spec.netconf import Netconf
from kuma_cni.spec.problem import INVALID_CONFIG, TRY_AGAIN_LATER, CniError
from lab import api_server
from lab.api_server import ApiServer, answer, raw, refuse
from lab.certificates import Authority
from lab.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "t.o-k_e.n"  # noqa: S105 - nobody's
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "demo",
        "uid": "6a1f",
        "annotations": {"kuma.io/sidecar-injected": "true"},
    },
    "spec": {
        "initContainers": [{"name": "kuma-validation"}, {"name": "kuma-sidecar"}],
        "containers": [{"name": "app"}],
    },
}
ASKED = "/api/v1/namespaces/demo/pods/web"


class Lab:
    """An authority, and a server's and a client's certificate by it."""

    def __init__(self, folder: Path) -> None:
        """Make them."""
        self.authority = Authority(folder)
        self.server = self.authority.issue("api", "IP:127.0.0.1", "DNS:localhost")
        self.client = self.authority.issue("somebody")

    def serve(self, *script: api_server.Act, **options: Any) -> ApiServer:
        """Return a server with that certificate."""
        return ApiServer(*script, certificate=self.server, **options)

    def access(self, server: ApiServer, **credentials: str) -> Access:
        """Return the way to a server."""
        place = Server(server.url, "127.0.0.1", server.port)
        return Access(place, Trust(file=str(self.authority.file)), Credentials(**credentials))

    def api(self, server: ApiServer, **bounds: float) -> Api:
        """Return a client that knows the authority and has a token."""
        return Api(self.access(server, token=TOKEN), **bounds)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("certificates"))


def refused(api: Api, *, within: float = 1.0) -> ApiError:
    """Return how a question fails, and see that it is soon enough."""
    began = time.monotonic()
    with pytest.raises(ApiError) as caught:
        api.pod("demo", "web")
    assert time.monotonic() - began < within
    return caught.value


# --- what is asked and answered -----------------------------------------------------------------


def test_a_pod_is_asked_for_once_with_our_token(lab: Lab) -> None:
    with lab.serve(answer(POD)) as server:
        assert lab.api(server).pod("demo", "web") == POD
        (asked,) = server.asked
    assert (asked.path, asked.authorization) == (ASKED, f"Bearer {TOKEN}")


def test_what_the_decision_needs_of_a_pod() -> None:
    assert pod_facts(POD) == FetchedPod(
        {"kuma.io/sidecar-injected": "true"}, ("app",), ("kuma-validation", "kuma-sidecar")
    )


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"metadata": [], "spec": "x"},
        {"metadata": {"annotations": {"a": 1}}, "spec": {"containers": {"name": "app"}}},
        {"metadata": {"annotations": ["a"]}, "spec": {"containers": ["app", {"name": None}]}},
    ],
)
def test_a_pod_of_an_odd_shape_says_nothing(odd: Any) -> None:
    assert pod_facts(odd) == FetchedPod()


def test_odd_names_stay_within_their_place_of_the_path(lab: Lab) -> None:
    with lab.serve(refuse(400)) as server:
        with pytest.raises(ApiError):
            lab.api(server).pod("../x", "a/b?c=d#e f\r\ng")
        assert server.asked[0].path == "/api/v1/namespaces/..%2Fx/pods/a%2Fb%3Fc%3Dd%23e%20f%0D%0Ag"


def test_a_token_is_read_from_its_file_each_time(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "token"
    with lab.serve(answer(POD)) as server:
        api = Api(lab.access(server, token_file=str(file)))
        for token in ("first", "second\n"):
            file.write_text(token, encoding="ascii")
            api.pod("demo", "web")
        assert [asked.authorization for asked in server.asked] == ["Bearer first", "Bearer second"]
        file.write_text("two words", encoding="ascii")
        assert "is no token" in refused(api).reason
        file.unlink()
        assert "our token cannot be read" in refused(api).reason
        assert len(server.asked) == 2


@pytest.mark.parametrize("inline", [False, True])
def test_a_client_certificate_is_shown(lab: Lab, *, inline: bool) -> None:
    shown = lab.client
    credentials = (
        {"certificate_data": shown.file.read_text(), "key_data": shown.key.read_text()}
        if inline
        else {"certificate_file": str(shown.file), "key_file": str(shown.key)}
    )
    with lab.serve(answer(POD), clients=lab.authority) as server:
        access = lab.access(server, **credentials)
        if inline:
            access = access.replace(trust=Trust(data=lab.authority.file.read_text()))
        Api(access).pod("demo", "web")
        assert "somebody" in server.asked[0].client


def test_a_server_by_name_and_under_a_path_is_found(lab: Lab) -> None:
    with lab.serve(answer(POD)) as server:
        access = lab.access(server)
        place = access.server.replace(host="localhost", prefix="/clusters/c1")
        assert Api(access.replace(server=place)).pod("demo", "web") == POD
        assert server.asked[0].path == f"/clusters/c1{ASKED}"


def test_plain_http_is_spoken_where_it_is_written() -> None:
    with ApiServer(answer(POD), certificate=None) as server:
        place = Server(server.url, "127.0.0.1", server.port, secure=False)
        assert Api(Access(place)).pod("demo", "web") == POD


def test_the_pods_of_a_node_come_page_by_page(lab: Lab) -> None:
    first = {"kind": "PodList", "metadata": {"continue": "a/b="}, "items": [POD, POD]}
    last = {"kind": "PodList", "metadata": {}, "items": [POD]}
    with lab.serve(answer(first), answer(last)) as server:
        assert lab.api(server).pods_of("node 1") == [POD] * 3
        path = f"/api/v1/pods?limit={PAGE}&fieldSelector=spec.nodeName%3Dnode%201"
        assert [asked.path for asked in server.asked] == [path, f"{path}&continue=a%2Fb%3D"]


def test_a_list_without_end_or_that_is_none_is_given_up(lab: Lab) -> None:
    with lab.serve(answer({"metadata": {"continue": "again"}, "items": []})) as server:
        with pytest.raises(ApiError, match="more than 50 pages"):
            lab.api(server).pods_of("node")
        assert len(server.asked) == 50
    with lab.serve(answer({"items": {}})) as server, pytest.raises(ApiError, match="list of pods"):
        lab.api(server).pods_of("node")


# --- what is told at once -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "status", "said"),
    [
        (refuse(401, "Unauthorized"), UNAUTHORIZED, "does not accept our credentials"),
        (refuse(403, "pods is forbidden"), FORBIDDEN, "forbids us this (HTTP status 403): pods is"),
        (refuse(400, "bad"), 400, "it answered (HTTP status 400): bad"),
        (raw(b"<html>", 418), 418, "it answered (HTTP status 418)"),
        (raw(b"\xff", 410), 410, "it answered (HTTP status 410)"),
        (raw(b"", 302, Location="https://evil/x"), 302, "a redirect to https://evil/x, not foll"),
        (raw(b"", 204), 204, "it answered (HTTP status 204)"),
        (raw(b"<html>welcome"), 200, "no JSON"),
        (raw(b"\xff\xfe"), 200, "no JSON"),
        (raw(b"[" * 100_000), 200, "no JSON"),
        (answer([POD]), 200, "no object"),
        (answer({"kind": "Pod"}), 200, "something else than the pod"),
        (answer(POD | {"metadata": {"name": "web", "namespace": "other"}}), 200, "something else"),
        (answer(POD | {"metadata": {"name": "other", "namespace": "demo"}}), 200, "something else"),
        (answer(POD | {"metadata": "web"}), 200, "something else"),
        (api_server.endless, 0, "longer than"),
        (raw(b" " * (5 << 20)), 0, "longer than"),
    ],
)  # fmt: skip
def test_what_will_not_change_is_told_at_once_with_the_server(
    lab: Lab, act: api_server.Act, status: int, said: str
) -> None:
    with lab.serve(act) as server:
        problem = refused(lab.api(server))
        assert len(server.asked) == 1
    assert problem.status == status
    assert said in problem.reason
    assert server.url in str(problem)


def test_a_server_nobody_vouches_for_is_not_told_our_token(lab: Lab, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    with lab.serve(answer(POD)) as server:
        access = lab.access(server, token=TOKEN)
        for trust in (Trust(file=str(stranger.file)), Trust()):
            assert "not trusted" in refused(Api(access.replace(trust=trust))).reason
        named = access.replace(server=access.server.replace(name="other"))
        assert "not trusted" in refused(Api(named)).reason
        assert server.asked == []
        Api(access.replace(trust=Trust(insecure=True))).pod("demo", "web")


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
    lab: Lab, tmp_path: Path
) -> None:
    key = lab.client.encrypted(tmp_path / "encrypted.key")
    shown = Credentials(certificate_file=str(lab.client.file), key_file=str(key))
    with pytest.raises(ApiError, match="key is encrypted"):
        Api(Access(Server("https://127.0.0.1", "127.0.0.1", 1), Trust(), shown))


def test_a_name_server_that_says_nothing_gets_no_more_than_the_whole_time() -> None:
    host = Host("host")
    host.run(("ip", "link", "set", "lo", "up"))
    host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
    try:
        took, said = host.call(ask_by_name_here, "api.example")
        assert "was not found in time" in said or "no answer in time" in said
        assert took < 1.5
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


# --- what is asked again ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accident",
    [
        refuse(500, "etcd"),
        refuse(503),
        refuse(429, Retry_After="0"),
        refuse(404, 'pods "web" not found'),
        api_server.hang_up,
        api_server.break_off,
        api_server.no_http,
    ],
)
def test_an_accident_that_passes_is_not_noticed(lab: Lab, accident: api_server.Act) -> None:
    with lab.serve(accident, accident, answer(POD)) as server:
        assert lab.api(server).pod("demo", "web") == POD
        assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("accident", "status"),
    [
        (refuse(500, "etcd"), 500),
        (refuse(429, Retry_After="3600"), TOO_MANY),
        (api_server.hang_up, 0),
        (api_server.hang, 0),
        (api_server.drip, 0),
        (api_server.drip_headers, 0),
    ],
)
def test_an_accident_that_stays_takes_no_more_than_the_whole_time(
    lab: Lab, accident: api_server.Act, status: int
) -> None:
    with lab.serve(accident) as server:
        problem = refused(lab.api(server, patience=0.8, read=0.3), within=1.2)
    assert problem.status == status
    assert "(asked " in problem.reason


def test_a_server_that_asks_for_a_pause_gets_it(lab: Lab) -> None:
    with lab.serve(refuse(503, Retry_After="1"), answer(POD)) as server:
        began = time.monotonic()
        lab.api(server).pod("demo", "web")
    assert time.monotonic() - began >= 1.0


def test_a_pod_that_stays_unknown_is_asked_for_no_longer_than_a_second(lab: Lab) -> None:
    with lab.serve(refuse(404, 'pods "web" not found')) as server:
        problem = refused(lab.api(server), within=2.5)
        assert len(server.asked) > 2
    assert problem.status == NOT_FOUND
    assert 'pods "web" not found' in problem.reason


def test_a_port_where_nobody_listens_is_asked_again_until_the_time_is_up(lab: Lab) -> None:
    with lab.serve(answer(POD)) as server:
        access = lab.access(server)
    problem = refused(Api(access, patience=0.5))
    assert "Connection refused" in problem.reason


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
            assert refused(Api(access, patience=0.5, read=0.2), within=1.0).status == 0


def test_a_server_that_speaks_no_tls_is_told_with_the_reason() -> None:
    with silent(lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as access:
        assert "no answer" in refused(Api(access, patience=0.5)).reason


# --- for the plugin -----------------------------------------------------------------------------


def kubeconfig(lab: Lab, server: ApiServer, folder: Path) -> str:
    """Write a kubeconfig and return its path."""
    document = {
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": server.url,
                    "certificate-authority": str(lab.authority.file),
                },
            }
        ],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_a_lookup_gives_what_the_decision_needs(lab: Lab, tmp_path: Path) -> None:
    with lab.serve(answer(POD)) as server:
        netconf = Netconf(kubeconfig=kubeconfig(lab, server, tmp_path))
        assert fetch_pod(LookUp("demo", "web"), netconf) == pod_facts(POD)


def test_a_lookup_that_fails_is_to_be_tried_again(lab: Lab, tmp_path: Path) -> None:
    with lab.serve(refuse(403, "no")) as server:
        netconf = Netconf(kubeconfig=kubeconfig(lab, server, tmp_path))
        with pytest.raises(CniError) as caught:
            fetch_pod(LookUp("demo", "web"), netconf)
    assert caught.value.code == TRY_AGAIN_LATER
    assert "demo/web" in caught.value.msg
    assert server.url in caught.value.details


@pytest.mark.parametrize(
    ("text", "code", "details"),
    [(None, TRY_AGAIN_LATER, "No such file"), ("{}", INVALID_CONFIG, "current-context")],
)
def test_a_kubeconfig_that_cannot_be_used_is_told(
    tmp_path: Path, text: str | None, code: int, details: str
) -> None:
    file = tmp_path / "kubeconfig"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(CniError) as caught:
        fetch_pod(LookUp("demo", "web"), Netconf(kubeconfig=str(file)))
    assert caught.value.code == code
    assert details in caught.value.details


def test_no_kubeconfig_at_all_is_told() -> None:
    with pytest.raises(CniError, match="no kubeconfig is named"):
        fetch_pod(LookUp("demo", "web"), Netconf())
