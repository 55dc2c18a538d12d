"""What is said of a node, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_cni.installer.check import check
from kuma_cni.installer.place import Place
from kuma_cni.installer.settings import load

if TYPE_CHECKING:
    from pathlib import Path

LIST = b'{"name": "net", "plugins": [{"type": "calico"}]}'
API = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def node(tmp_path: Path) -> dict[str, str]:
    for name in ("net", "bin", "image"):
        (tmp_path / name).mkdir()
    (tmp_path / "image" / "kuma-cni").write_text("#!/bin/sh\n")
    (tmp_path / "net" / "10-calico.conflist").write_bytes(LIST)
    (tmp_path / "net" / "00-bad.conf").write_bytes(b"")
    return {
        "MOUNTED_CNI_NET_DIR": str(tmp_path / "net"),
        "KUMA_CNI_MOUNTED_BIN_DIRS": str(tmp_path / "bin"),
    }


def test_all_that_is_missing_is_told(tmp_path: Path) -> None:
    settings = load(node(tmp_path) | API)
    lines, differs = check(settings, str(tmp_path / "image"))
    assert differs
    assert lines == (
        "configuration: 00-bad.conf is empty",
        "configuration: 10-calico.conflist calico",
        "note: 00-bad.conf is empty: containerd stops there and has no network",
        "differs: the executable is not in place yet",
        "differs: 10-calico.conflist is not as it would be written",
        f"differs: {tmp_path}/net/ZZZ-kuma-cni-kubeconfig is missing",
    )


def test_what_is_as_it_should_be_is_told_too(tmp_path: Path) -> None:
    settings = load(node(tmp_path) | API)
    (tmp_path / "net" / "00-bad.conf").unlink()
    (tmp_path / "net" / "ZZZ-kuma-cni-kubeconfig").write_text("{}")
    place = Place(settings, str(tmp_path / "image"))
    place.executable.install()
    place.configure(exact=True, may=lambda _: True)
    lines, differs = check(settings, str(tmp_path / "image"))
    assert not differs
    assert lines == (
        f"executable: {tmp_path}/bin/kuma-cni",
        "configuration: 10-calico.conflist calico kuma-cni",
        f"kubeconfig: {tmp_path}/net/ZZZ-kuma-cni-kubeconfig",
    )


def test_what_waits_and_what_is_of_another_version_differs(tmp_path: Path) -> None:
    environ = node(tmp_path) | {"CNI_CONF_NAME": "20-other.conflist"}
    Place(load(environ), str(tmp_path / "image")).executable.install()
    launcher = b"kuma-cni-0123456789abcdef\0"
    (tmp_path / "bin" / "kuma-cni").write_bytes(launcher)
    (tmp_path / "bin" / "kuma-cni-0123456789abcdef").mkdir()
    lines, _ = check(load(environ), str(tmp_path / "image"))
    assert lines[-2:] == (
        f"differs: {tmp_path}/bin/kuma-cni is of another version than the installer",
        "differs: 20-other.conflist is not there yet (there is 00-bad.conf, 10-calico.conflist)",
    )


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    environ = node(tmp_path) | {"MOUNTED_CNI_NET_DIR": str(tmp_path / "gone")} | API
    lines, differs = check(load(environ), str(tmp_path / "image"))
    assert differs
    assert f"differs: {tmp_path}/gone: No such file or directory" in lines
