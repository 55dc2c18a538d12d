"""A pod for the plugin's decision, by a kubeconfig."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.kubernetes.fetch import fetch_pod, pod_facts
from kuma_cni.pod.decide import FetchedPod, LookUp
from kuma_cni.spec.netconf import Netconf
from kuma_cni.spec.problem import INVALID_CONFIG, TRY_AGAIN_LATER, CniError
from lab.api_access import POD, TOKEN, Trusted
from lab.api_server import answer, refuse
from lab.injected import INJECTED

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api_server import ApiServer


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("certificates"))


def test_what_the_decision_needs_of_a_pod() -> None:
    assert pod_facts(POD) == FetchedPod(INJECTED, ("app",), ("kuma-validation", "kuma-sidecar"))


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


def kubeconfig(trusted: Trusted, server: ApiServer, folder: Path) -> str:
    """Write a kubeconfig and return its path."""
    document = {
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": server.url,
                    "certificate-authority": str(trusted.authority.file),
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


def test_a_lookup_gives_what_the_decision_needs(trusted: Trusted, tmp_path: Path) -> None:
    with trusted.serve(answer(POD)) as server:
        netconf = Netconf(kubeconfig=kubeconfig(trusted, server, tmp_path))
        assert fetch_pod(LookUp("demo", "web"), netconf) == pod_facts(POD)


def test_a_lookup_that_fails_is_to_be_tried_again(trusted: Trusted, tmp_path: Path) -> None:
    with trusted.serve(refuse(403, "no")) as server:
        netconf = Netconf(kubeconfig=kubeconfig(trusted, server, tmp_path))
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
