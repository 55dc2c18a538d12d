"""Our entry: what Kuma's chart hands over, completed, and what stands where it hands over none."""

from __future__ import annotations

import pytest

from kuma_cni.conflist.entry import Facts, default_entry, given_entry
from kuma_net.values import Malformed

HELM = """{
  "cniVersion": "0.3.1",
  "name": "kuma-cni",
  "type": "kuma-cni",
  "log_level": "info",
  "kubernetes": {
      "kubeconfig": "__KUBECONFIG_FILEPATH__",
      "cni_bin_dir": "/var/lib/cni/bin",
      "exclude_namespaces": [ "kube-system" ]
  }
}"""
CAPABILITIES = {"io.kubernetes.cri.pod-annotations": True, "dns": True}
FACTS = Facts(
    kubeconfig='/etc/cni/net.d/ZZZ"kubeconfig',
    token="abc",  # noqa: S106 - no secret
    namespace="kuma-system",
    exclude_namespaces=("kube-system",),
    bin_dir="/opt/cni/bin",
    log_socket="/run/kuma-net/cni.sock",
)


def test_what_kumas_chart_says_is_kept_and_completed() -> None:
    assert given_entry(HELM, FACTS) == {
        "cniVersion": "0.3.1",
        "name": "kuma-cni",
        "type": "kuma-cni",
        "log_level": "info",
        "capabilities": CAPABILITIES,
        "kubernetes": {
            "kubeconfig": '/etc/cni/net.d/ZZZ"kubeconfig',
            "cni_bin_dir": "/var/lib/cni/bin",
            "exclude_namespaces": ["kube-system"],
            "namespace": "kuma-system",
        },
        "log_file": "",
        "log_socket": "/run/kuma-net/cni.sock",
    }


def test_what_somebody_says_of_capabilities_counts() -> None:
    said = '{"type": "kuma-cni", "capabilities": {"dns": false, "cgroupPath": true}}'
    assert given_entry(said, Facts())["capabilities"] == {
        "io.kubernetes.cri.pod-annotations": True,
        "dns": False,
        "cgroupPath": True,
    }


def test_placeholders_are_filled_wherever_they_stand() -> None:
    said = (
        '{"type": "kuma-cni", "a": [{"token": "<__SERVICEACCOUNT_TOKEN__>"}, 5], "log_socket": ""}'
    )
    entry = given_entry(said, FACTS)
    assert entry["a"] == [{"token": "<abc>"}, 5]
    assert entry["log_socket"] == ""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an entry of our plugin"),
        ('{"type": "istio-cni"}', "not an entry of our plugin"),
        ('{"type": "kuma-cni", "kubernetes": []}', 'its "kubernetes" is no object'),
        ('{"type": "kuma-cni", "capabilities": 5}', 'its "capabilities" is no object'),
    ],
)
def test_what_is_no_entry_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(Malformed) as caught:
        given_entry(text, FACTS)
    assert caught.value.wrong.startswith(wrong)
    assert len(caught.value.piece) <= 43


def test_without_one_there_is_one_for_every_node() -> None:
    assert default_entry(FACTS) == {
        "name": "kuma-cni",
        "type": "kuma-cni",
        "log_level": "info",
        "capabilities": CAPABILITIES,
        "kubernetes": {
            "kubeconfig": '/etc/cni/net.d/ZZZ"kubeconfig',
            "exclude_namespaces": ["kube-system"],
            "cni_bin_dir": "/opt/cni/bin",
            "namespace": "kuma-system",
        },
        "log_file": "",
        "log_socket": "/run/kuma-net/cni.sock",
    }
    assert "kubeconfig" not in default_entry(Facts())["kubernetes"]
    assert default_entry(Facts(state_dir="/var/lib/x"))["state_dir"] == "/var/lib/x"
