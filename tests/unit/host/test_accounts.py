"""Whose traffic is left alone: names and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host import accounts
from kuma_net.host.commands import CommandResult
from kuma_net.tproxy.facts import Account

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "root:x:0:0:root:/root:/bin/bash\n"
SIDECAR = "kuma-dp:x:5678:5678::/home/kuma-dp:/usr/sbin/nologin\n"
MOVED = "kuma-dp:x:7777:7777::/home/kuma-dp:/usr/sbin/nologin\n"
OTHER = "envoy:x:5678:5678::/:/bin/false\n"
NOBODY_HAS = 3_999_999_999
"""An id that this machine's NSS does not know either."""


@pytest.mark.parametrize(
    ("user", "passwd", "account"),
    [
        ("", ROOT + SIDECAR, Account(5678, "UID 5678 (kuma-dp)")),
        ("", ROOT + OTHER, Account(5678, "UID 5678 (envoy)")),
        ("", MOVED + OTHER, Account(5678, "UID 5678 (envoy)")),
        ("", ROOT + MOVED, Account(7777, "user kuma-dp")),
        ("kuma-dp", ROOT + SIDECAR, Account(5678, "user kuma-dp")),
        ("envoy", OTHER, Account(5678, "user envoy")),
        ("7777", MOVED, Account(7777, "UID 7777 (kuma-dp)")),
        ("", ROOT, None),
        ("no-such-user-here", ROOT, None),
        ("bad\0name", ROOT, None),
        (str(NOBODY_HAS), ROOT, None),
        ("99999999999999999999", ROOT, None),
    ],
)
def test_an_account_is_found_by_name_by_number_or_by_default(
    tmp_path: Path, user: str, passwd: str, account: Account | None
) -> None:
    (tmp_path / "passwd").write_text(passwd)
    found = accounts.find(user, passwd=str(tmp_path / "passwd"))
    assert found == account


def test_a_lenient_search_takes_numbers_as_they_are(tmp_path: Path) -> None:
    passwd = str(tmp_path / "passwd")
    assert accounts.find(str(NOBODY_HAS), lenient=True, passwd=passwd) == Account(
        NOBODY_HAS, "number given"
    )
    assert accounts.find("", lenient=True, passwd=passwd) == Account(5678, "default number")
    assert accounts.find("no-such-user-here", lenient=True, passwd=passwd) is None


def test_a_cni_plugin_takes_the_number_and_not_the_nodes_accounts(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(MOVED)
    passwd = str(tmp_path / "passwd")
    assert accounts.verbatim("", passwd) == Account(5678, "default number")
    assert accounts.verbatim(str(NOBODY_HAS), passwd) == Account(NOBODY_HAS, "number given")
    assert accounts.verbatim("kuma-dp", passwd) == Account(7777, "user kuma-dp")


def test_what_is_not_in_the_file_is_asked_of_nss(tmp_path: Path) -> None:
    assert accounts.find("root", passwd=str(tmp_path / "none")) == Account(0, "user root")
    assert accounts.find("0", passwd=str(tmp_path / "none")) == Account(0, "UID 0 (root)")


def test_the_account_is_made_by_one_useradd_and_only_once(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text(ROOT)
    asked: list[list[str]] = []

    def useradd(argv: list[str]) -> CommandResult:
        asked.append(argv)
        passwd.write_text(ROOT + SIDECAR)
        return CommandResult(tuple(argv), 0, "", "")

    for _ in range(2):
        assert accounts.create(useradd, str(passwd)) == Account(5678, "UID 5678 (kuma-dp)")
    assert [argv[0] for argv in asked] == ["useradd"]
    assert asked[0][-1] == "kuma-dp"
    assert asked[0][asked[0].index("--uid") + 1] == "5678"
