"""Rules kept for firewalld: merging into direct.xml."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pytest

from kuma_net.errors import HostError
from kuma_net.host import firewalld
from kuma_net.values import Family

if TYPE_CHECKING:
    from pathlib import Path

V4 = """\
* nat
-N KUMA_MESH_INBOUND
:KUMA_MESH_OUTBOUND - [0:0]
:OUTPUT ACCEPT [0:0]
# a comment
-I OUTPUT 1 -p udp --dport 53 -j REDIRECT --to-ports 15053
-I OUTPUT -d 10.0.0.0/8 -j RETURN
-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
--append KUMA_MESH_INBOUND -p tcp -m comment --comment "a 'b' <c>" -j RETURN
COMMIT
"""
V6 = "*nat\n-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND\nCOMMIT\n"
FOREIGN = """<?xml version="1.0" encoding="utf-8"?>
<direct>
  <!-- keep me -->
  <rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-j ACCEPT</rule>
</direct>
"""


def rules(document: str) -> list[tuple[str, ...]]:
    return [
        (rule.get("ipv", ""), rule.get("chain", ""), rule.get("priority", ""), rule.text or "")
        for rule in fromstring(document).iter("rule")  # noqa: S314 - our own text
    ]


def test_both_families_and_inserted_rules_are_kept_in_order() -> None:
    document = firewalld.merge("", {Family.IPV4: V4, Family.IPV6: V6})
    assert rules(document) == [
        ("ipv4", "OUTPUT", "0", "-p udp --dport 53 -j REDIRECT --to-ports 15053"),
        ("ipv4", "OUTPUT", "0", "-d 10.0.0.0/8 -j RETURN"),
        ("ipv4", "OUTPUT", "3", "-p tcp -j KUMA_MESH_OUTBOUND"),
        ("ipv4", "KUMA_MESH_INBOUND", "3", "-p tcp -m comment --comment \"a 'b' <c>\" -j RETURN"),
        ("ipv6", "OUTPUT", "3", "-p tcp -j KUMA_MESH_OUTBOUND"),
    ]
    root = fromstring(document)  # noqa: S314 - our own text
    assert [chain.get("chain") for chain in root.iter("chain")] == [
        "KUMA_MESH_INBOUND",
        "KUMA_MESH_OUTBOUND",
    ]


def test_what_others_wrote_stays_comments_too() -> None:
    document = firewalld.merge(FOREIGN, {Family.IPV4: V4})
    assert "<!-- keep me -->" in document
    assert rules(document)[0] == ("ipv4", "INPUT", "0", "-j ACCEPT")


def test_merging_twice_is_merging_once() -> None:
    once = firewalld.merge(FOREIGN, {Family.IPV4: V4})
    assert firewalld.merge(once, {Family.IPV4: V4}) == once


def test_another_configuration_replaces_the_former() -> None:
    once = firewalld.merge(FOREIGN, {Family.IPV4: V4})
    other = firewalld.merge(once, {Family.IPV6: V6})
    assert [rule for rule in rules(other) if rule[3].endswith("KUMA_MESH_OUTBOUND")] == [
        ("ipv6", "OUTPUT", "3", "-p tcp -j KUMA_MESH_OUTBOUND")
    ]


def test_a_line_of_another_kind_is_refused() -> None:
    with pytest.raises(HostError, match="cannot keep the line '-D OUTPUT 1'"):
        firewalld.merge("", {Family.IPV4: "*nat\n-D OUTPUT 1\nCOMMIT\n"})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ('<!DOCTYPE d [<!ENTITY a "aaa">]><direct>&a;</direct>', "document type"),
        ("<direct>", "not XML"),
        ("<zone/>", "root <zone>"),
        ("<direct>&unknown;</direct>", "not XML"),
    ],
)
def test_hostile_documents_are_refused(document: str, told: str) -> None:
    with pytest.raises(HostError, match=told):
        firewalld.merge(document, {})


def test_the_file_is_replaced_in_one_step_for_root_alone(tmp_path: Path) -> None:
    path = tmp_path / "direct.xml"
    assert firewalld.store({Family.IPV4: V4}, str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert not firewalld.store({Family.IPV4: V4}, str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["direct.xml"]


def test_what_was_stored_can_be_taken_out_again(tmp_path: Path) -> None:
    path = tmp_path / "direct.xml"
    path.write_text(firewalld.merge(FOREIGN, {}))
    before = path.read_text()
    assert not firewalld.unstore(str(path))
    commented = V4.replace("-d 10", "-m comment --comment kuma/mesh/transparent/proxy/x -d 10")
    commented = commented.replace(
        "-p udp", "-m comment --comment kuma/mesh/transparent/proxy/y -p udp"
    )
    assert firewalld.store({Family.IPV4: commented}, str(path))
    assert firewalld.unstore(str(path))
    assert path.read_text() == before
    assert not firewalld.unstore(str(tmp_path / "none"))


def test_without_firewalld_the_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"none/direct\.xml cannot be written: No such file"):
        firewalld.store({Family.IPV4: V4}, str(tmp_path / "none" / "direct.xml"))
    with pytest.raises(HostError, match="cannot be read"):
        firewalld.store({}, str(tmp_path))
