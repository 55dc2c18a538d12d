"""The way from a configuration to a ruleset, which all actions walk."""

from __future__ import annotations

from kuma_net.actions.wish import Request, wish, without_ipv6
from kuma_net.tproxy.config import Config
from kuma_net.values import Family, PortSet
from lab.paper import PaperWorld

CONFIG = Config()
HERE = Request()


def session_world() -> PaperWorld:
    world = PaperWorld()
    world.host_facts = world.host_facts.replace(session_ports=PortSet.of(22))
    return world


def test_the_same_wish_has_the_same_stamp() -> None:
    assert wish(CONFIG, PaperWorld(), HERE) == wish(CONFIG, PaperWorld(), HERE)


def test_the_ssh_port_is_left_out_and_told() -> None:
    wished = wish(CONFIG, session_world(), HERE)
    assert wished.plan.session_ports == PortSet.of(22)
    assert [note for note in wished.notes if "SSH" in note and "22" in note]


def test_the_ssh_port_is_captured_on_request_and_from_elsewhere() -> None:
    for request in (Request(capture_ssh=True), Request(elsewhere=True)):
        wished = wish(CONFIG, session_world(), request)
        assert not wished.plan.session_ports
        assert wished.notes == ()


def test_the_ssh_port_is_not_mentioned_where_it_would_not_be_captured_anyway() -> None:
    inbound = CONFIG.redirect.inbound
    for chosen in (
        inbound.replace(enabled=False),
        inbound.replace(exclude_ports=PortSet.of(22)),
        inbound.replace(include_ports=PortSet.of(80)),
    ):
        config = CONFIG.replace(redirect=CONFIG.redirect.replace(inbound=chosen))
        assert wish(config, session_world(), HERE).notes == ()
    included = inbound.replace(include_ports=PortSet.of(22, 80))
    config = CONFIG.replace(redirect=CONFIG.redirect.replace(inbound=included))
    assert wish(config, session_world(), HERE).notes


def test_without_ipv6_it_is_the_same_wish_for_ipv4_and_says_why() -> None:
    wished = without_ipv6(wish(CONFIG, PaperWorld(), HERE), "lo refuses it")
    assert wished.ruleset.families == (Family.IPV4,)
    assert "IPv6 is left out: lo refuses it" in wished.notes


def test_restore_text_is_made_for_chains_that_others_share() -> None:
    shared = wish(CONFIG, PaperWorld(), Request(dry_run_form="restore"))
    assert not shared.plan.own_table
    assert wish(CONFIG, PaperWorld(), HERE).plan.own_table


def test_details_say_who_the_sidecar_is_and_what_the_stamp_says() -> None:
    dns = CONFIG.redirect.dns.replace(enabled=True, capture_all=True)
    config = CONFIG.replace(redirect=CONFIG.redirect.replace(dns=dns))
    wished = wish(config, PaperWorld(), HERE)
    told = "\n".join(wished.details)
    assert "user id 5678" in told
    assert str(wished.stamp) in told
    assert "every server" in told
