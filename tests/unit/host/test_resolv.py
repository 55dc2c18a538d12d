"""Which name servers a resolv.conf names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host import resolv
from kuma_net.values import Network

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", []),
        ("nameserver 10.0.0.10\n", ["10.0.0.10"]),
        ("nameserver\t10.0.0.10 # cluster\nnameserver fd00::a\n", ["10.0.0.10", "fd00::a"]),
        ("nameserver 10.0.0.10\nnameserver 10.0.0.10", ["10.0.0.10"]),
        ("nameserver fe80::1%eth0\n", ["fe80::1"]),
        ("nameserver 127.0.0.53\noptions edns0\nsearch a.b\n", ["127.0.0.53"]),
        ("# nameserver 1.1.1.1\n; nameserver 1.1.1.1\n", []),
        (" nameserver 1.1.1.1\n", []),
        ("nameservers 1.1.1.1\nnameserver1.1.1.1\n", []),
        ("nameserver\nnameserver \n", []),
        ("nameserver 1.1.1.256\nnameserver dns.example\nnameserver 10.0.0.0/8\n", []),
        ("nameserver 1.1.1.1\r\nnameserver 1.0.0.1\r\n", ["1.1.1.1", "1.0.0.1"]),
        (
            "".join(f"nameserver 10.0.0.{n}\n" for n in range(1, 6)),
            [f"10.0.0.{n}" for n in range(1, 6)],
        ),
    ],
)
def test_name_servers_are_read_as_glibc_reads_them(text: str, servers: list[str]) -> None:
    assert resolv.name_servers(text) == tuple(Network.parse(server) for server in servers)


def test_a_file_that_cannot_be_read_is_told_not_raised(tmp_path: Path) -> None:
    missing = str(tmp_path / "resolv.conf")
    found = resolv.read(missing)
    assert (found.path, found.servers) == (missing, ())
    assert found.error == "No such file or directory"
    assert resolv.read(str(tmp_path)).error == "Is a directory"


def test_a_readable_file_gives_its_servers(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_bytes(b"# caf\xe9\nnameserver 10.0.0.10\n")
    found = resolv.read(str(tmp_path / "resolv.conf"))
    assert not found.error
    assert found.servers == (Network.parse("10.0.0.10"),)


def test_the_backup_goes_back_into_the_same_file_and_away(tmp_path: Path) -> None:
    backup, conf = tmp_path / "resolv.conf.kuma-backup", tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    backup.write_text("nameserver 10.0.0.10\n")
    before = conf.stat()
    assert resolv.restore_backup(str(backup), str(conf))
    assert conf.read_text() == "nameserver 10.0.0.10\n"
    assert (conf.stat().st_ino, conf.stat().st_mode) == (before.st_ino, before.st_mode)
    assert not resolv.restore_backup(str(backup), str(conf))
