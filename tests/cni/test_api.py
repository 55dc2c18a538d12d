"""Asking an API server for pods: a real one by HTTPS, and what may be in its place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

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
from kuma_cni.kubernetes.kubeconfig import Access, Server, Trust
from lab import api_server
from lab.api_access import ASKED, POD, TOKEN, Trusted, refused
from lab.api_server import ApiServer, answer, raw, refuse
from lab.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("certificates"))


# --- what is asked and answered -----------------------------------------------------------------


def test_a_pod_is_asked_for_once_with_our_token(trusted: Trusted) -> None:
    with trusted.serve(answer(POD)) as server:
        assert trusted.api(server).pod("demo", "web") == POD
        (asked,) = server.asked
    assert (asked.path, asked.authorization) == (ASKED, f"Bearer {TOKEN}")


def test_odd_names_stay_within_their_place_of_the_path(trusted: Trusted) -> None:
    with trusted.serve(refuse(400)) as server:
        with pytest.raises(ApiError):
            trusted.api(server).pod("../x", "a/b?c=d#e f\r\ng")
        assert server.asked[0].path == "/api/v1/namespaces/..%2Fx/pods/a%2Fb%3Fc%3Dd%23e%20f%0D%0Ag"


def test_a_token_is_read_from_its_file_each_time(trusted: Trusted, tmp_path: Path) -> None:
    file = tmp_path / "token"
    with trusted.serve(answer(POD)) as server:
        api = Api(trusted.access(server, token_file=str(file)))
        for token in ("first", "second\n"):
            file.write_text(token, encoding="ascii")
            api.pod("demo", "web")
        assert [asked.authorization for asked in server.asked] == ["Bearer first", "Bearer second"]
        file.write_text("two words", encoding="ascii")
        assert "is no token" in refused(api).reason
        file.unlink()
        assert "our token cannot be read" in refused(api).reason
        assert len(server.asked) == 2


def test_plain_http_is_spoken_where_it_is_written() -> None:
    with ApiServer(answer(POD), certificate=None) as server:
        place = Server(server.url, "127.0.0.1", server.port, secure=False)
        assert Api(Access(place)).pod("demo", "web") == POD


def test_the_pods_of_a_node_come_page_by_page(trusted: Trusted) -> None:
    first = {"kind": "PodList", "metadata": {"continue": "a/b="}, "items": [POD, POD]}
    last = {"kind": "PodList", "metadata": {}, "items": [POD]}
    with trusted.serve(answer(first), answer(last)) as server:
        assert trusted.api(server).pods_of("node 1") == [POD] * 3
        path = f"/api/v1/pods?limit={PAGE}&fieldSelector=spec.nodeName%3Dnode%201"
        assert [asked.path for asked in server.asked] == [path, f"{path}&continue=a%2Fb%3D"]


def test_a_list_without_end_or_that_is_none_is_given_up(trusted: Trusted) -> None:
    with trusted.serve(answer({"metadata": {"continue": "again"}, "items": []})) as server:
        with pytest.raises(ApiError, match="more than 50 pages"):
            trusted.api(server).pods_of("node")
        assert len(server.asked) == 50
    with (
        trusted.serve(answer({"items": {}})) as server,
        pytest.raises(ApiError, match="list of pods"),
    ):
        trusted.api(server).pods_of("node")


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
    trusted: Trusted, act: api_server.Act, status: int, said: str
) -> None:
    with trusted.serve(act) as server:
        problem = refused(trusted.api(server))
        assert len(server.asked) == 1
    assert problem.status == status
    assert said in problem.reason
    assert server.url in str(problem)


def test_a_server_nobody_vouches_for_is_not_told_our_token(
    trusted: Trusted, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    with trusted.serve(answer(POD)) as server:
        access = trusted.access(server, token=TOKEN)
        for trust in (Trust(file=str(stranger.file)), Trust()):
            assert "not trusted" in refused(Api(access.replace(trust=trust))).reason
        named = access.replace(server=access.server.replace(name="other"))
        assert "not trusted" in refused(Api(named)).reason
        assert server.asked == []
        Api(access.replace(trust=Trust(insecure=True))).pod("demo", "web")


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
def test_an_accident_that_passes_is_not_noticed(trusted: Trusted, accident: api_server.Act) -> None:
    with trusted.serve(accident, accident, answer(POD)) as server:
        assert trusted.api(server).pod("demo", "web") == POD
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
    trusted: Trusted, accident: api_server.Act, status: int
) -> None:
    with trusted.serve(accident) as server:
        problem = refused(trusted.api(server, patience=0.8, read=0.3), within=4.0)
    assert problem.status == status
    assert "(asked " in problem.reason


def test_what_a_server_said_before_it_fell_silent_is_told(trusted: Trusted) -> None:
    with trusted.serve(refuse(503, "starting"), api_server.hang) as server:
        problem = refused(trusted.api(server, patience=0.6))
    assert problem.status == 503
    assert "starting" in problem.reason
    assert "(asked 2 times)" in problem.reason


def test_a_server_that_asks_for_a_pause_gets_it(trusted: Trusted) -> None:
    with trusted.serve(refuse(503, Retry_After="1"), answer(POD)) as server:
        began = time.monotonic()
        trusted.api(server).pod("demo", "web")
    assert time.monotonic() - began >= 1.0


def test_a_pod_that_stays_unknown_is_asked_for_no_longer_than_a_second(trusted: Trusted) -> None:
    with trusted.serve(refuse(404, 'pods "web" not found')) as server:
        problem = refused(trusted.api(server), within=4.0)
        assert len(server.asked) > 2
    assert problem.status == NOT_FOUND
    assert 'pods "web" not found' in problem.reason


def test_a_port_where_nobody_listens_is_asked_again_until_the_time_is_up(trusted: Trusted) -> None:
    with trusted.serve(answer(POD)) as server:
        access = trusted.access(server)
    problem = refused(Api(access, patience=0.5))
    assert "Connection refused" in problem.reason
