"""Calls of the C library, without ctypes."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kuma_net.host.libc import CLONE_NEWNET, NS_GET_USERNS, SIOCGSKNS, ioctl, setns


def opened(path: str) -> int:
    """Return a descriptor."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def test_a_socket_tells_its_network_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        found = ioctl(one.fileno(), SIOCGSKNS)
    try:
        assert os.fstat(found).st_ino == Path("/proc/self/ns/net").stat().st_ino
        assert not os.get_inheritable(found)
    finally:
        os.close(found)


def test_a_network_namespace_tells_whose_users_count() -> None:
    own = opened("/proc/self/ns/net")
    found = ioctl(own, NS_GET_USERNS)
    assert os.fstat(found).st_ino == Path("/proc/self/ns/user").stat().st_ino
    os.close(found)
    os.close(own)


def test_a_refusal_carries_the_kernels_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = opened(str(tmp_path / "file"))
    with pytest.raises(OSError, match="Invalid argument") as caught:
        setns(file, CLONE_NEWNET)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError, match="Inappropriate ioctl") as caught:
        ioctl(file, NS_GET_USERNS)
    assert caught.value.errno == errno.ENOTTY
    os.close(file)
    with pytest.raises(OSError, match="Bad file descriptor"):
        setns(file, CLONE_NEWNET)


def test_a_thread_enters_its_own_namespace_again() -> None:
    own = opened("/proc/thread-self/ns/net")
    setns(own, CLONE_NEWNET)
    os.close(own)


def test_ctypes_is_not_loaded_for_it() -> None:
    work = "import kuma_net.host.libc as c; c._function('setns')"
    program = f"{work}; import sys; sys.exit('ctypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
