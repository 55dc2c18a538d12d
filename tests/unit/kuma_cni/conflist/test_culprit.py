"""Who undid it, and what to do about it."""

from __future__ import annotations

import pytest

from kuma_cni.conflist.culprit import find_culprit


def network(*types: str) -> bytes:
    plugins = ", ".join(f'{{"type": "{kind}"}}' for kind in types)
    return f'{{"name": "a", "plugins": [{plugins}]}}'.encode()


OURS = network("calico", "kuma-cni")


@pytest.mark.parametrize(
    ("before", "after", "target", "told", "advice"),
    [
        (
            {"00-kuma-cni.conflist": OURS},
            {"00-kuma-cni.conflist.cilium_bak": OURS, "05-cilium.conflist": b""},
            "00-kuma-cni.conflist",
            "cilium renamed 00-kuma-cni.conflist to 00-kuma-cni.conflist.cilium_bak",
            "cni.exclusive=false",
        ),
        (
            {"10-calico.conflist": OURS},
            {"10-calico.conflist": network("calico", "portmap")},
            "10-calico.conflist",
            "calico rewrote 10-calico.conflist",
            "KUMA_CNI_OWN_CONF_NAME",
        ),
        (
            {"10-kindnet.conflist": network("ptp", "kuma-cni")},
            {"10-kindnet.conflist": network("ptp")},
            "10-kindnet.conflist",
            "kindnet rewrote 10-kindnet.conflist",
            "KUMA_CNI_OWN_CONF_NAME",
        ),
        (
            {"10-x.conflist": network("x", "kuma-cni")},
            {"10-x.conflist": network("x"), "00-multus.conf": b'{"type": "multus", "name": "m"}'},
            "10-x.conflist",
            "multus wrote 00-multus.conf",
            "CNI_CONF_NAME",
        ),
        (
            {"10-x.conflist": network("x", "kuma-cni")},
            {},
            "10-x.conflist",
            "unknown removed 10-x.conflist",
            "KUMA_CNI_OWN_CONF_NAME",
        ),
    ],
)
def test_each_has_her_hand(
    before: dict[str, bytes], after: dict[str, bytes], target: str, told: str, advice: str
) -> None:
    culprit = find_culprit(before, after, target)
    assert f"{culprit.name} {culprit.did}" == told
    assert advice in culprit.advice
