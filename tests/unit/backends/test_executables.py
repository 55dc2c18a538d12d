"""Which programs are found, by name, by version and by a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.backends.executables import Tools, find_program, find_tools
from kuma_net.errors import CommandError, MissingExecutable
from kuma_net.host.commands import CommandResult, run
from kuma_net.values import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ASKED = (
    ("iptables", "/a/iptables"),
    ("iptables-restore", "/a/restore"),
    ("iptables-save", "/a/save"),
    ("ip6tables", "/a/ip6tables"),
)


class Programs:
    """A folder of programs that say a version."""

    def __init__(self, folder: Path, names: Sequence[str], said: str) -> None:
        """Make the files; each says ``said`` when asked for its version."""
        self.folder = str(folder)
        self.said = said
        self.asked: list[str] = []
        for name in names:
            (folder / name).touch(0o755)

    def run(
        self,
        argv: Sequence[str],
        text: str = "",
        *,
        timeout: float = 1.0,  # noqa: ARG002 - nothing here takes long
        environ: Mapping[str, str] | None = None,  # noqa: ARG002 - nor reads it
        check: bool = True,
    ) -> CommandResult:
        """Answer ``--version``."""
        assert (text, check) == ("", False)
        self.asked.append(" ".join(argv))
        if not self.said:
            raise CommandError(argv, 1, "broken")
        return CommandResult(tuple(argv), 0, self.said, "")


def test_a_name_that_says_the_flavour_is_believed(tmp_path: Path) -> None:
    names = ["ip6tables-legacy-save", "ip6tables-legacy-restore"]
    programs = Programs(tmp_path, names, "")
    tools = find_tools("iptables-legacy", Family.IPV6, (), programs.folder, programs.run)
    assert tools == Tools(f"{tmp_path}/{names[0]}", f"{tmp_path}/{names[1]}")
    assert programs.asked == []


def test_a_person_who_names_all_three_is_obeyed(tmp_path: Path) -> None:
    programs = Programs(tmp_path, [], "iptables-restore v1.8.9 (nf_tables)")
    tools = find_tools("iptables-nft", Family.IPV4, ASKED, programs.folder, programs.run)
    assert tools == Tools("/a/save", "/a/restore")


def test_a_person_who_names_programs_of_the_other_flavour_is_told(tmp_path: Path) -> None:
    names = ["iptables-legacy-save", "iptables-legacy-restore"]
    programs = Programs(tmp_path, names, "iptables-restore v1.8.9 (nf_tables)")
    tools = find_tools("iptables-legacy", Family.IPV4, ASKED, programs.folder, programs.run)
    assert tools.restore == f"{tmp_path}/iptables-legacy-restore"
    assert tools.note == (
        "--iptables-executables for IPv4 is passed over, as /a/restore is not of the legacy flavour"
    )


def test_a_person_who_names_programs_that_are_not_there_is_told() -> None:
    missing = tuple((name, f"/none/{name}") for name, _ in ASKED[:3])
    with pytest.raises(MissingExecutable, match="/none/iptables-restore is not installed"):
        find_tools("iptables-nft", Family.IPV4, missing, "", run)


def test_a_person_who_names_only_some_is_told(tmp_path: Path) -> None:
    names = ["ip6tables-nft-save", "ip6tables-nft-restore"]
    programs = Programs(tmp_path, names, "")
    tools = find_tools("iptables-nft", Family.IPV6, ASKED, programs.folder, programs.run)
    assert tools.restore == f"{tmp_path}/ip6tables-nft-restore"
    assert tools.note == (
        "--iptables-executables for IPv6 is passed over, "
        "as it lacks ip6tables-save, ip6tables-restore"
    )


@pytest.mark.parametrize(
    ("flavour", "said"),
    [
        ("nft", "iptables v1.8.9 (nf_tables)"),
        ("legacy", "iptables v1.8.9 (legacy)"),
        ("legacy", "iptables v1.6.1"),
    ],
)
def test_a_plain_name_is_asked_for_its_version(tmp_path: Path, flavour: str, said: str) -> None:
    """A name that no system has with a flavour in it."""
    programs = Programs(tmp_path, ["xtables-save"], said)
    found = find_program("xtables", "-save", flavour, programs.folder, programs.run)
    assert found == f"{tmp_path}/xtables-save"
    assert programs.asked == [f"{tmp_path}/xtables-save --version"]


@pytest.mark.parametrize(
    ("flavour", "said"),
    [("nft", "iptables v1.8.9 (legacy)"), ("legacy", "iptables v1.8.9 (nf_tables)"), ("nft", "")],
)
def test_a_program_of_the_other_flavour_does_not_serve(
    tmp_path: Path, flavour: str, said: str
) -> None:
    programs = Programs(tmp_path, ["xtables-save"], said)
    with pytest.raises(MissingExecutable, match=f"xtables-{flavour}-save") as missing:
        find_program("xtables", "-save", flavour, programs.folder, programs.run)
    assert missing.value.searched == (str(tmp_path), "/usr/sbin", "/sbin", "/usr/bin", "/bin")
