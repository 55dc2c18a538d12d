"""The validator: what it proves, and what it says where something is not as it should be."""

from __future__ import annotations

import json
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from kuma_net.actions.validate import NO_INBOUND, NO_OUTBOUND, NO_PORT, validate
from kuma_net.host.loopback import remove_passthrough_address
from kuma_net.tproxy.config import Config
from kuma_net.values import BOTH_FAMILIES, Family
from lab.host import SIDECAR, Host, call_as, fork_here
from lab.installing import config_of, install_here
from lab.programs import PROGRAMS, link_kumactl

if TYPE_CHECKING:
    from kuma_net.actions.validate import ValidationReport
    from lab.host import Ended

DEFAULTS = Config()
IPV4_ONLY = config_of({"ipFamilyMode": "ipv4"})
SHORTLY = 0.1
"""Seconds to try where nothing can come of it: one try."""


def asked(host: Host, config: Config = DEFAULTS, patience: float = SHORTLY) -> ValidationReport:
    """Validate there as the sidecar's user."""
    return host.call(call_as, SIDECAR, validate, config, patience)


def told(report: ValidationReport, family: Family, path: str) -> str:
    """Return verdict and reason of one finding."""
    [found] = [one for one in report.findings if (one.family, one.path) == (family, path)]
    return f"{found.verdict}: {found.told}"


def verdicts(report: ValidationReport) -> dict[str, str]:
    return {f"{one.family} {one.path}": one.verdict for one in report.findings}


def test_both_paths_of_both_families_are_proven_where_rules_are_installed(host: Host) -> None:
    host.call(install_here, DEFAULTS)
    report = asked(host)
    assert verdicts(report) == {
        "IPv4 inbound": "proven",
        "IPv4 passthrough": "proven",
        "IPv6 inbound": "proven",
        "IPv6 passthrough": "proven",
    }
    assert (report.exit_code, report.advice) == (0, ())
    assert " to [::6]:2" in told(report, Family.IPV6, "inbound")
    assert told(report, Family.IPV4, "inbound").endswith(" arrived at 127.0.0.1:15006")


def test_nothing_is_proven_where_no_rules_are(host: Host) -> None:
    report = asked(host)
    assert report.exit_code == 1
    assert "was not captured: it arrived there" in told(report, Family.IPV4, "inbound")
    assert "::6 is not an address" in told(report, Family.IPV6, "inbound")
    assert "missing here" in report.advice[0]
    assert "kuma-cni logs" in report.advice[1]


def test_one_family_without_rules_is_enough_to_fail(host: Host) -> None:
    host.call(install_here, IPV4_ONLY)
    report = asked(host)
    assert verdicts(report)["IPv4 inbound"] == "proven"
    assert verdicts(report)["IPv6 inbound"] == "not proven"
    assert report.exit_code == 1


def test_ipv6_is_left_out_with_the_reason_where_the_mode_is_ipv4(host: Host) -> None:
    host.call(install_here, IPV4_ONLY)
    report = asked(host, IPV4_ONLY)
    assert told(report, Family.IPV6, "inbound") == "left out: ipFamilyMode is ipv4"
    assert report.exit_code == 0


def test_ipv6_is_left_out_with_the_reason_where_the_machine_has_none() -> None:
    lonely = Host("without links")
    try:
        lonely.run(["ip", "link", "set", "lo", "up"])
        lonely.call(install_here, DEFAULTS)
        report = asked(lonely)
    finally:
        lonely.stop()
    assert report.exit_code == 0
    expected = "left out: no interface has an IPv6 address besides ::1"
    assert told(report, Family.IPV6, "inbound") == expected


def test_ipv6_is_left_out_where_install_leaves_it_out(host: Host) -> None:
    host.sysctl("net.ipv6.conf.lo.disable_ipv6", "1")
    host.call(install_here, DEFAULTS)
    report = asked(host)
    assert "switched off on the loopback" in told(report, Family.IPV6, "inbound")
    assert report.exit_code == 0


def test_a_pod_whose_ipv6_addresses_are_still_to_come_is_tried_all_the_same() -> None:
    early = Host("without addresses")
    config = config_of({"cniMode": True})
    try:
        early.run(["ip", "link", "set", "lo", "up"])
        early.call(install_here, config)
        assert asked(early, config).exit_code == 0
        assert verdicts(asked(early, config))["IPv6 inbound"] == "proven"
    finally:
        early.stop()


def test_a_missing_passthrough_address_is_named(host: Host) -> None:
    host.call(install_here, DEFAULTS)
    host.call(remove_passthrough_address)
    report = asked(host)
    assert verdicts(report)["IPv4 inbound"] == "proven"
    assert "::6 is not an address of the loopback" in told(report, Family.IPV6, "inbound")
    assert report.exit_code == 1


def test_capture_that_is_switched_off_is_nothing_to_prove(host: Host) -> None:
    config = config_of({"redirect.inbound.enabled": False})
    report = asked(host, config)
    assert told(report, Family.IPV4, "inbound") == f"left out: {NO_INBOUND}"
    assert report.exit_code == 0


def test_what_cannot_be_tried_from_inside_is_not_proven(host: Host) -> None:
    without_outbound = config_of({"redirect.outbound.enabled": False})
    host.call(install_here, without_outbound)
    report = asked(host, without_outbound)
    assert told(report, Family.IPV4, "inbound") == f"not proven: {NO_OUTBOUND}"
    assert report.exit_code == 1
    all_excluded = config_of({"redirect.outbound.excludePorts": "20000-29999"})
    host.call(install_here, all_excluded)
    report = asked(host, all_excluded)
    assert told(report, Family.IPV4, "inbound") == f"not proven: {NO_PORT}"
    assert report.exit_code == 1


def test_excluded_ports_are_not_tried(host: Host) -> None:
    config = config_of({"redirect.outbound.excludePorts": "20000-29998"})
    host.call(install_here, config)
    report = asked(host, config)
    assert report.exit_code == 0
    assert "127.0.0.6:29999" in told(report, Family.IPV4, "inbound")


def test_rules_for_another_port_are_told_from_no_rules(host: Host) -> None:
    host.call(install_here, config_of({"redirect.inbound.port": 15016}))
    report = asked(host)
    for family in BOTH_FAMILIES:
        assert "redirected to a port where nobody listens" in told(report, family, "inbound")
    assert report.exit_code == 1


def test_an_inbound_port_of_ipv6s_own_counts(host: Host) -> None:
    config = config_of({"redirect.inbound.portIPv6": 15010})
    host.call(install_here, config)
    report = asked(host, config)
    assert report.exit_code == 0
    assert told(report, Family.IPV6, "inbound").endswith("[::1]:15010")


@pytest.mark.parametrize(
    ("hook", "rule", "path", "words"),
    [
        (
            "nat",
            "ip saddr 127.0.0.6 tcp dport 20000-29999 redirect to :15006",
            "passthrough",
            "again",
        ),
        ("filter", "ip saddr 127.0.0.1 ct state new drop", "inbound", "no answer"),
        ("filter", "ip saddr 127.0.0.6 ct state new drop", "passthrough", "no answer"),
    ],
)
def test_rules_of_others_that_break_a_path_are_found(
    host: Host, hook: str, rule: str, path: str, words: str
) -> None:
    host.call(install_here, IPV4_ONLY)
    chain = f"chain out {{\ntype {hook} hook output priority -150\n{rule}\n}}"
    host.run(["nft", "-f", "-"], stdin=f"table ip others {{\n{chain}\n}}\n")
    found = told(asked(host, IPV4_ONLY), Family.IPV4, path)
    assert found.startswith("not proven")
    assert words in found


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - as sidecars do
def test_a_port_in_use_is_told(host: Host, address: str) -> None:
    host.call(install_here, IPV4_ONLY)
    host.call(occupy_here, 15006, address)
    report = asked(host, IPV4_ONLY)
    assert "127.0.0.1:15006 is in use" in told(report, Family.IPV4, "inbound")
    assert report.exit_code == 1


def test_another_user_is_told_to_be_the_sidecar(host: Host) -> None:
    host.call(install_here, IPV4_ONLY)
    report = host.call(validate, IPV4_ONLY, SHORTLY)
    assert report.exit_code == 1
    [advice] = report.advice
    assert "this is user 0, and the rules know the sidecar as user 5678" in advice


def test_rules_that_come_late_are_waited_for(host: Host) -> None:
    report = host.call(validate_before_install_here)
    assert report.exit_code == 0


def test_time_is_bounded(host: Host) -> None:
    start = time.monotonic()
    assert asked(host, DEFAULTS, 0.6).exit_code == 1
    assert 0.3 < time.monotonic() - start < 5


def test_connections_of_others_prove_nothing_and_hinder_nothing(host: Host) -> None:
    host.call(fork_here, partial(knock_for_ever, 15006))
    assert asked(host, IPV4_ONLY).exit_code == 1
    host.call(install_here, IPV4_ONLY)
    assert asked(host, IPV4_ONLY).exit_code == 0


def test_a_program_that_forwards_connections_is_no_rule(host: Host) -> None:
    host.call(install_here, config_of({"ipFamilyMode": "ipv4", "redirect.inbound.port": 15016}))
    host.call(forward_here, 15016, 15006)
    report = asked(host, IPV4_ONLY, 0.5)
    assert "was sent on by another way" in told(report, Family.IPV4, "inbound")
    assert report.exit_code == 1


def test_somebody_else_who_answers_is_not_us(host: Host) -> None:
    host.call(install_here, config_of({"ipFamilyMode": "ipv4", "redirect.inbound.port": 15016}))
    host.call(occupy_here, 15016)
    assert "somebody else answered" in told(asked(host, IPV4_ONLY), Family.IPV4, "inbound")


# --- the program ----------------------------------------------------------------------------------

POWERLESS = (
    "setpriv --reuid 5678 --regid 5678 --clear-groups --bounding-set -all --inh-caps -all"
    " --no-new-privs"
)
VALIDATOR = "install transparent-proxy-validator --config-file=/tmp/.kumactl"


def kumactl(host: Host, line: str) -> Ended:
    """Run kumactl as the sidecar's user without any capability."""
    words = [*POWERLESS.split(), PROGRAMS["kumactl"], *line.split()]
    return host.run(words, check=False)


def test_the_injectors_command_lines_run_word_for_word(host: Host) -> None:
    link_kumactl(host)
    document = {"ipFamilyMode": "dualstack", "redirect": {"inbound": {"port": 15006}}}
    host.write("/run/config.yaml", json.dumps(document))
    host.call(install_here, DEFAULTS)
    whole = kumactl(host, f"{VALIDATOR} --transparent-proxy-config=/run/config.yaml")
    assert (whole.status, whole.stderr) == (0, "")
    assert [line.split(":")[0] for line in whole.stdout.splitlines()] == [
        "IPv4 inbound     proven",
        "IPv4 passthrough proven",
        "IPv6 inbound     proven",
        "IPv6 passthrough proven",
    ]
    single = kumactl(host, f"{VALIDATOR} --ip-family-mode=ipv4 --validation-server-port=15006")
    assert (single.status, single.stderr) == (0, "")
    assert "IPv6 inbound     left out: ipFamilyMode is ipv4\n" in single.stdout
    report = json.loads(kumactl(host, f"{VALIDATOR} --json").stdout)
    assert [one["verdict"] for one in report["findings"]] == ["proven"] * 4


def test_the_port_of_the_command_line_has_the_last_word(host: Host) -> None:
    link_kumactl(host)
    host.call(install_here, config_of({"redirect.inbound.port": 15016}))
    host.write("/run/config.yaml", '{"redirect": {"inbound": {"port": 15006, "portIPv6": 15010}}}')
    words = "--transparent-proxy-config=/run/config.yaml --validation-server-port=15016"
    assert kumactl(host, f"{VALIDATOR} {words}").status == 0


def test_a_key_of_the_future_in_a_pods_document_is_passed_over(host: Host) -> None:
    link_kumactl(host)
    host.call(install_here, DEFAULTS)
    host.write("/run/config.yaml", '{"cniMode": true, "redirect": {"novelty": {"enabled": true}}}')
    ended = kumactl(host, f"{VALIDATOR} --transparent-proxy-config=/run/config.yaml")
    assert ended.status == 0
    assert "redirect.novelty" in ended.stderr


def test_capture_that_is_off_ends_with_0_and_says_so(host: Host) -> None:
    link_kumactl(host)
    ended = kumactl(host, f"{VALIDATOR} --redirect-inbound=false")
    assert ended.status == 0
    assert ended.stdout.endswith("nothing to prove: nothing of this is asked for\n")


# --- what runs in the host ------------------------------------------------------------------------


def occupy_here(port: int, address: str = "127.0.0.1") -> None:
    """Listen in a child, accepting and saying nothing."""
    listener = socket.create_server((address, port))
    fork_here(partial(time.sleep, 600))
    listener.close()


def knock_for_ever(port: int) -> None:
    """Connect again and again, say something else, and keep the line open for a moment."""
    kept: list[socket.socket] = []
    while True:
        try:
            line = socket.create_connection(("127.0.0.1", port), timeout=0.2)
        except OSError:
            time.sleep(0.001)
            continue
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        kept = [*kept[-20:], line]


def forward_here(port: int, onward: int) -> None:
    """Accept in a child and pass on to another port what comes, and back what is answered."""
    listener = socket.create_server(("127.0.0.1", port))
    fork_here(partial(forward_for_ever, listener, onward))
    listener.close()


def forward_for_ever(listener: socket.socket, onward: int) -> None:
    while True:
        caller, _ = listener.accept()
        with caller, socket.create_connection(("127.0.0.1", onward)) as line:
            line.sendall(caller.recv(64))
            caller.sendall(line.recv(64))


def validate_before_install_here() -> ValidationReport:
    """Begin to validate, install a little later."""
    fork_here(install_later)
    return call_as(SIDECAR, validate, DEFAULTS, 10.0)


def install_later() -> None:
    time.sleep(0.4)
    install_here(DEFAULTS)
