"""Whom the plugin waits for, and for how long: its input, and an API server that means no good.

All calls are made at once, each for a pod of its own, since some of them take all the time they are
given: 15 seconds for an API server, 5 for the standard input.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyroute2 import IPRoute

from kuma_net.netfilter.nf_tables import TABLE as OURS
from kuma_net.record import Record
from lab import api_server
from lab.api_server import ApiServer, answer, raw, refuse
from lab.certificates import Authority
from lab.cni import Caller, bundled, environ_of
from lab.cni_given import MESH
from lab.injected import ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.api_server import Act
    from lab.cni import Answered

PATIENCE = 15.0
SLACK = 6.0
"""Seconds more than promised: forty processes begin at once on two processors."""
TOKEN = "s3cr3t-t0ken"  # noqa: S105 - nobody's
STORY: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"namespace": "shop", "name": "web", "annotations": MESH},
    "spec": {"containers": [{"name": "app"}, {"name": "kuma-sidecar"}]},
}


def story(**changes: Any) -> Act:
    """Answer with the pod, changed."""
    return answer(STORY | changes)


def named(**metadata: Any) -> Act:
    """Answer with the pod under other metadata."""
    return story(metadata=STORY["metadata"] | metadata)


ACTS: dict[str, Act] = {
    "tells the truth": story(),
    "tells of a pod of nobody": story(spec={"containers": [{"name": "app"}]}),
    "tells of a pod without annotations": named(annotations=None),
    "tells of annotations that are no texts": named(annotations=MESH | {"x": 1, "y": None}),
    "tells of another pod": named(name="db"),
    "tells of another namespace": named(namespace="bank"),
    "tells of no pod": answer({"kind": "PodList", "items": [STORY]}),
    "says 401": refuse(401, "Unauthorized"),
    "says 403": refuse(403, "pods is forbidden"),
    "says 404": refuse(404, "not found"),
    "says 500": refuse(500, "etcd"),
    "says come back in an hour": refuse(429, Retry_After="3600"),
    "sends us elsewhere": refuse(302, Location="http://192.0.2.66/"),
    "sends a page": raw(b"<html>login</html>", Content_Type="text/html"),
    "sends a list": raw(b"[1, 2, 3]"),
    "sends what is nested deeply": raw(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "sends other bytes": raw(b"\xff\xfe" * 1000),
    "sends 5 MB": raw(b'{"kind": "' + b"x" * (5 << 20) + b'"}'),
    "sends without end": api_server.endless,
    "hangs": api_server.hang,
    "hangs up": api_server.hang_up,
    "drips": api_server.drip,
    "drips headers": api_server.drip_headers,
    "breaks off": api_server.break_off,
    "speaks another language": api_server.no_http,
}


class Call(Record):
    """A call of the plugin: what the server does, or another word for the kubeconfig; the verb."""

    server: str
    verb: str = "ADD"
    config: str = ""
    code: int = 11
    within: float = PATIENCE
    captured: bool = False
    asked: bool = True

    def __str__(self) -> str:
        """Return what pytest calls it."""
        return f"{self.verb}: it {self.server} {self.config}".strip()


AT_ONCE = 0.5
CONFIGS: dict[str, dict[str, Any]] = {
    "": {},
    "but the namespace is excluded": {"kubernetes": {"exclude_namespaces": ["shop"]}},
    "but the namespace is our own": {"kubernetes": {"namespace": "shop"}},
    "but annotations are at hand": {"runtimeConfig": {ANNOTATIONS: MESH}},
    "but there are no annotations": {"runtimeConfig": {ANNOTATIONS: None}},
}
EXCLUDED, OWN, AT_HAND, NONE_AT_HAND = list(CONFIGS)[1:]
CALLS = (
    Call("tells the truth", code=0, captured=True),
    Call("tells of a pod of nobody", code=0),
    Call("tells of a pod without annotations", code=0),
    Call("tells of annotations that are no texts", code=0, captured=True),
    Call("tells of another pod"),
    Call("tells of another namespace"),
    Call("tells of no pod"),
    Call("says 401", within=AT_ONCE),
    Call("says 403", within=AT_ONCE),
    Call("says 404", within=1.5),
    Call("says 500"),
    Call("says come back in an hour"),
    Call("sends us elsewhere", within=AT_ONCE),
    Call("sends a page", within=AT_ONCE),
    Call("sends a list", within=AT_ONCE),
    Call("sends what is nested deeply"),
    Call("sends other bytes"),
    Call("sends 5 MB"),
    Call("sends without end"),
    Call("hangs"),
    Call("hangs up"),
    Call("drips"),
    Call("drips headers"),
    Call("breaks off"),
    Call("speaks another language"),
    Call("has a certificate of nobody", asked=False),
    Call("has a certificate of somebody else", asked=False),
    Call("is not there", asked=False),
    Call("is nowhere", asked=False),
    Call("no kubeconfig", asked=False, within=AT_ONCE),
    Call("a kubeconfig of nonsense", code=7, asked=False, within=AT_ONCE),
    Call("a kubeconfig in parts", code=7, asked=False, within=AT_ONCE),
    Call("hangs", config=EXCLUDED, code=0, asked=False, within=AT_ONCE),
    Call("hangs", config=OWN, code=0, asked=False, within=AT_ONCE),
    Call("hangs", config=AT_HAND, code=0, asked=False, within=AT_ONCE, captured=True),
    Call("hangs", config=NONE_AT_HAND, code=0, asked=False, within=AT_ONCE),
    Call("hangs", "DEL", code=0, asked=False, within=AT_ONCE),
    Call("hangs", "CHECK", code=0, asked=False, within=AT_ONCE),
    Call("hangs", "STATUS", code=0, asked=False, within=AT_ONCE),
    Call("hangs", "GC", code=0, asked=False, within=AT_ONCE),
)
SERVERS: list[ApiServer] = []
"""Those of the agent, one for each call: so each knows who asked it."""


class Outcome(Record):
    """What came of a call: the answer, the tables in the pod, how often the server was asked."""

    answered: Answered
    tables: list[str]
    asked: int
    log: str


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Call | None, Outcome]]:
    """Make all calls at once; under None is one whose standard input never ends."""
    folder = tmp_path_factory.mktemp("waiting")
    caller = Caller()
    try:
        ports = caller.call(_serve_here, str(folder))
        pods = [caller.new_pod() for _ in CALLS]
        asked: list[tuple[str, dict[str, str], bytes | None]] = [
            (
                bundled(),
                environ_of(call.verb, pod),
                _input(call, number, ports[number], str(folder)),
            )
            for number, (call, pod) in enumerate(zip(CALLS, pods, strict=True))
        ]
        asked.append((bundled(), environ_of("ADD", pods[0]), None))
        answers = caller.ask_at_once(asked)
        counts = caller.call(_count_here)
        told = [_log_of(caller, number) for number in range(len(CALLS))]
        found = zip(answers, map(caller.tables, pods), counts, told, strict=False)
        yield {
            **{call: Outcome(*parts) for call, parts in zip(CALLS, found, strict=True)},
            None: Outcome(answers[-1], [], 0, ""),
        }
    finally:
        caller.stop()


def _input(call: Call, number: int, port: int, folder: str) -> bytes:
    """Write a kubeconfig, and return a configuration that names it."""
    path = Path(folder, f"kubeconfig-{number}")
    url = f"https://{'192.0.2.1' if call.server == 'is nowhere' else '127.0.0.1'}:{port}"
    authority = (
        f"{folder}/{'other/' if call.server.endswith('certificate of nobody') else ''}ca.pem"
    )
    cluster = {"server": url, "certificate-authority": authority}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "kuma-cni", "user": {"token": TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "local", "user": "kuma-cni"}}],
        "current-context": "c",
    }
    texts = {
        "no kubeconfig": None,
        "a kubeconfig of nonsense": "\0{",
        "a kubeconfig in parts": "{}",
    }
    text = texts.get(call.server, json.dumps(document))
    if text is not None:
        path.write_text(text, encoding="utf-8")
    config: dict[str, Any] = {
        "cniVersion": "1.1.0", "name": "net", "log_level": "debug",
        "log_file": f"/var/log/{number}.log", "cni.dev/valid-attachments": [],
    } | CONFIGS[call.config]  # fmt: skip
    config["kubernetes"] = {"kubeconfig": str(path)} | config.get("kubernetes", {})
    return json.dumps(config).encode()


def _serve_here(folder: str) -> list[int]:
    """Start a server for each call in this process's namespaces; return the ports."""
    with IPRoute() as routes:
        routes.link("set", index=1, state="up")
    ours, other = Authority(Path(folder)), Path(folder, "other")
    other.mkdir()
    Authority(other)
    sound, strange = ours.issue("api", "IP:127.0.0.1"), ours.issue("strange", "DNS:example.org")
    for call in CALLS:
        of_other = call.server.endswith("somebody else")
        act = ACTS.get(call.server, ACTS["tells the truth"])
        SERVERS.append(ApiServer(act, certificate=strange if of_other else sound))
        if call.server == "is not there":
            SERVERS[-1]._server.server_close()
        else:
            SERVERS[-1].__enter__()
    return [server.port for server in SERVERS]


def _count_here() -> list[int]:
    return [len(server.asked) for server in SERVERS]


def _log_of(caller: Caller, number: int) -> str:
    return caller.call(_read_if_there, f"/var/log/{number}.log")


def _read_if_there(path: str) -> str:
    return Path(path).read_text(encoding="ascii") if Path(path).exists() else ""


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_whatever_the_server_does_there_is_a_right_answer_in_time(
    outcomes: dict[Call | None, Outcome], call: Call
) -> None:
    outcome = outcomes[call]
    answered = outcome.answered
    assert answered.stderr == ""
    if call.code:
        assert answered.error["code"] == call.code, answered.error
        assert answered.error["cniVersion"] == "1.1.0"
    else:
        assert answered.code == 0, answered
        assert answered.printed == ({"cniVersion": "1.1.0"} if call.verb == "ADD" else None)
    assert answered.seconds < call.within + SLACK
    assert outcome.tables == ([OURS] if call.captured else [])
    assert bool(outcome.asked) == call.asked


@pytest.mark.parametrize("call", [call for call in CALLS if call.code == 11], ids=str)
def test_why_is_told_and_logged_without_the_token(
    outcomes: dict[Call | None, Outcome], call: Call
) -> None:
    outcome = outcomes[call]
    error = outcome.answered.error
    assert "shop/web" in error["msg"] or "kubeconfig" in error["msg"]
    assert error["details"]
    assert '"level": "error"' in outcome.log
    assert error["details"][:40] in json.loads(outcome.log.splitlines()[-1])["error"]
    assert TOKEN not in f"{error} {outcome.log}"


def test_input_that_never_ends_is_given_up_with_the_reason(
    outcomes: dict[Call | None, Outcome],
) -> None:
    answered = outcomes[None].answered
    assert answered.error["code"] == 5
    assert "did not end within 5 seconds" in answered.error["msg"]
    assert answered.seconds < 5 + SLACK
