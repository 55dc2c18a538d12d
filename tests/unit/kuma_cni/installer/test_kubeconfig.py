"""The kubeconfig: what the plugin's own reader makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_cni.installer.files import Folder
from kuma_cni.installer.kubeconfig import kubeconfig_text, read_token, refresh_kubeconfig
from kuma_cni.installer.settings import load
from kuma_cni.kubernetes.kubeconfig import read_kubeconfig
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

PEM = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
API = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}


def test_the_plugin_reads_what_the_installer_writes() -> None:
    text = kubeconfig_text(load(API), "a.token", PEM)
    access = read_kubeconfig(text.decode(), "/etc/cni/net.d")
    assert (access.server.host, access.server.port) == ("fd00::1", 6443)
    assert access.server.url == "https://[fd00::1]:6443"
    assert access.credentials.token == "a.token"  # noqa: S105 - no secret
    assert access.trust.data == PEM.decode()


@pytest.mark.parametrize("text", ["", "\n", "two words", "a\x1bb", "\u00e9"])
def test_what_is_no_token_is_not_written_into_a_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(HostError, match="is none"):
        read_token(load({"KUBE_SERVICE_ACCOUNT_TOKEN_PATH": str(tmp_path / "token")}))


def test_it_is_written_when_it_would_say_something_else(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    (tmp_path / "ca.crt").write_bytes(b"ca")
    files = {
        "KUBE_SERVICE_ACCOUNT_TOKEN_PATH": str(tmp_path / "token"),
        "KUBE_CA_FILE": str(tmp_path / "ca.crt"),
    }
    settings = load(API | files)
    with Folder(str(tmp_path)) as folder:
        assert refresh_kubeconfig(settings, folder)
        assert not refresh_kubeconfig(settings, folder)
        (tmp_path / "token").write_text("two")
        assert refresh_kubeconfig(settings, folder)
        assert not refresh_kubeconfig(load(files), folder)  # no API server: no kubeconfig
    assert b"two" in (tmp_path / "ZZZ-kuma-cni-kubeconfig").read_bytes()
