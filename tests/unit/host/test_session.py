"""When a port of SSH is left out, and when not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kuma_net.host import session
from kuma_net.host.netns import identity
from kuma_net.values import PortSet

if TYPE_CHECKING:
    from pathlib import Path

SSH = {"SSH_CONNECTION": "192.0.2.1 50022 192.0.2.2 2222"}


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        (SSH, 2222),
        ({"SSH_CONNECTION": "fe80::1%eth0 50022 fe80::2%eth0 22"}, 22),
        ({"SSH_CLIENT": "192.0.2.1 50022 22"}, 22),
        ({"SSH_CONNECTION": "nonsense", "SSH_CLIENT": "192.0.2.1 50022 22"}, 22),
    ],
)
def test_the_session_is_known_by_its_environment(
    tmp_path: Path, environ: dict[str, str], port: int
) -> None:
    assert session.ports(environ, str(tmp_path)) == PortSet.of(port)


@pytest.mark.parametrize("value", ["", "UNKNOWN", "a b c 0", "a b c 65536", "a b c -22"])
def test_what_is_no_port_is_no_session(tmp_path: Path, value: str) -> None:
    assert not session.ports({"SSH_CONNECTION": value}, str(tmp_path))


@pytest.mark.parametrize("file", [".dockerenv", "run/.containerenv"])
def test_a_container_has_no_session(tmp_path: Path, file: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / file).touch()
    assert not session.ports(SSH, str(tmp_path))


def test_the_first_pid_namespace_is_no_container_whatever_lies_about(tmp_path: Path) -> None:
    """A virtual machine whose disk was made from an image has Docker's file too."""
    (tmp_path / ".dockerenv").touch()
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("/proc/self/ns/pid")
    first = identity("/proc/self/ns/pid").inode == session.FIRST_PID_NAMESPACE
    assert session.on_host({}, str(tmp_path)) is first
    assert not session.on_host({"container": "podman"}, str(tmp_path))


def test_a_pod_has_no_session(tmp_path: Path) -> None:
    assert not session.ports(SSH | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, str(tmp_path))


def test_the_first_process_tells_a_container_too(tmp_path: Path) -> None:
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/environ").write_bytes(b"PATH=/bin\0container=oci\0")
    assert not session.ports(SSH, str(tmp_path))
    (tmp_path / "proc/1/environ").write_bytes(b"PATH=/bin\0KUBERNETES_SERVICE_HOST=10.0.0.1\0")
    assert not session.ports(SSH, str(tmp_path))
    (tmp_path / "proc/1/environ").write_bytes(b"PATH=/bin\0")
    assert session.ports(SSH, str(tmp_path))


def test_a_system_container_is_a_host_to_who_logs_in(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert session.on_host({"container": "lxc"}, str(tmp_path))
    assert not session.on_host({"container": "oci"}, str(tmp_path / "proc"))


def test_ancestors_are_asked_when_sudo_took_the_variable_away(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    _process(proc / "self", parent=30, environ={})
    (proc / "thread-self").symlink_to("self")
    _process(proc / "30", parent=20, environ={"SUDO_UID": "1000"})
    _process(proc / "20", parent=1, environ=SSH)
    assert session.ports({}, str(tmp_path)) == PortSet.of(2222)


def test_an_ancestor_in_another_network_namespace_does_not_count(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    _process(proc / "self", parent=20, environ={})
    (proc / "thread-self").symlink_to("self")
    _process(proc / "20", parent=1, environ=SSH, namespace="other")
    assert not session.ports({}, str(tmp_path))


def test_a_vanished_ancestor_ends_the_search(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    _process(proc / "self", parent=20, environ={})
    assert not session.ports({}, str(tmp_path))
    (proc / "thread-self").symlink_to("self")
    assert not session.ports({}, str(tmp_path))
    _process(proc / "20", parent=1, environ=SSH)
    (proc / "20/ns/net").unlink()
    assert not session.ports({}, str(tmp_path))


def test_a_loop_of_parents_is_left(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    _process(proc / "self", parent=20, environ={})
    (proc / "thread-self").symlink_to("self")
    _process(proc / "20", parent=20, environ={})
    assert not session.ports({}, str(tmp_path))


def test_a_real_ancestor_is_found_through_real_proc() -> None:
    """Our child runs a grandchild with an empty environment, as sudo would."""
    inner = (
        "from kuma_net.host import session; import sys;"
        "sys.stdout.write(','.join(map(str, session._ancestors_ports(''))))"
    )
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], env={{}})"
    said = subprocess.run(
        [sys.executable, "-c", outer],
        env=SSH | {"PYTHONPATH": os.getcwd()},  # noqa: PTH109 - as Python reads it
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.startswith("2222")


def _process(
    folder: Path, *, parent: int, environ: dict[str, str], namespace: str = "here"
) -> None:
    (folder / "ns").mkdir(parents=True)
    (folder / "stat").write_text(f"7 (a) b) S {parent} 1 1 0\n")
    (folder / "environ").write_text("".join(f"{k}={v}\0" for k, v in environ.items()))
    known = folder.parent / namespace
    known.touch()
    (folder / "ns/net").symlink_to(known)
