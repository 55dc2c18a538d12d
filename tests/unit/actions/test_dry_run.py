"""The text of a dry run: the chosen backend's own, or restore text as kumactl prints it."""

from __future__ import annotations

from kuma_net.actions.install import install
from kuma_net.actions.wish import Request
from kuma_net.tproxy.config import Config
from lab.paper import PaperWorld

DRY = Config(dry_run=True)


def test_the_nftables_backend_prints_a_script_for_nft_with_its_stamp() -> None:
    text = install(DRY, PaperWorld()).text
    assert "KUMA_MESH_OUTBOUND" in text
    assert 'comment "kuma-net ' in text


def test_an_iptables_backend_prints_restore_text_with_its_stamp() -> None:
    text = install(DRY.replace(backend="iptables-nft"), PaperWorld()).text
    assert text.startswith("### IPv4 ###\n\n* nat\n")
    assert "\n\n### IPv6 ###\n\n" in text
    assert text.endswith("COMMIT\n")
    assert "KUMA_MESH_STAMP" in text


def test_kumactls_form_is_restore_text_whatever_the_backend() -> None:
    report = install(DRY, PaperWorld(), Request(dry_run_form="restore"))
    assert report.backend == "nftables"
    assert report.text.startswith("### IPv4 ###\n\n")
    assert "KUMA_MESH_STAMP" not in report.text
    assert "-A PREROUTING" in report.text  # behind other owners' rules, as there may be some


def test_one_family_has_one_heading() -> None:
    config = DRY.replace(ip_family_mode="ipv4")
    assert "IPv6" not in install(config, PaperWorld(), Request(dry_run_form="restore")).text


def test_what_firewalld_would_keep_is_told() -> None:
    world = PaperWorld()
    report = install(DRY.replace(store_firewalld=True), world)
    assert any("firewalld would keep" in note for note in report.notes)
    assert world.firewalld == {}


def test_verbose_text_has_long_option_names() -> None:
    config = DRY.replace(verbose=True)
    text = install(config, PaperWorld(), Request(dry_run_form="restore")).text
    assert "--append PREROUTING" in text
