"""Which pod a request is about."""

from __future__ import annotations

from kuma_cni.pod.identity import PodIdentity, pod_identity


def test_a_pod_is_known_by_the_keys_of_kubernetes() -> None:
    args = {
        "K8S_POD_UID": "u-1",
        "IgnoreUnknown": "1",
        "K8S_POD_NAME": "web-0",
        "K8S_POD_INFRA_CONTAINER_ID": "abc",
        "K8S_POD_NAMESPACE": "demo",
    }
    assert pod_identity(args) == PodIdentity("demo", "web-0", "u-1")
    assert str(pod_identity(args)) == "demo/web-0"


def test_other_runtimes_name_no_pod() -> None:
    assert pod_identity({"IgnoreUnknown": "1"}) == PodIdentity()
