"""The programs install and uninstall for real: results, talk, exit codes, other namespaces."""

from __future__ import annotations

import json

import pytest

from lab.host import Host
from lab.processes import eventually
from lab.programs import link_kumactl, run

PROGRAMS = ["kuma-init", "kuma-net install"]
NOTHING = "nothing to do: nothing is installed\n"


def ruleset(host: Host) -> str:
    return host.run(["nft", "list", "ruleset"]).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_result_is_on_stdout_and_the_reason_for_the_backend_on_stderr(
    host: Host, program: str
) -> None:
    ended = run(host, f"{program} --redirect-all-dns-traffic")
    assert ended.status == 0
    assert ended.stdout == "installed (IPv4 and IPv6, backend nftables)\n"
    name = program.partition(" ")[0]
    assert ended.stderr == f"{name}: backend nftables: the kernel has nf_tables\n"
    assert "redirect to :15053" in ruleset(host)


@pytest.mark.parametrize("program", PROGRAMS)
def test_installing_twice_says_that_there_was_nothing_to_do(host: Host, program: str) -> None:
    run(host, program)
    before = ruleset(host)
    ended = run(host, program)
    assert ended.stdout.startswith("nothing to do: installed already")
    assert ruleset(host) == before


def test_uninstalling_takes_away_what_was_installed(host: Host) -> None:
    run(host, "kuma-init")
    ended = run(host, "kuma-net uninstall")
    assert ended.stdout.splitlines() == [
        "removed the rules put there by nftables",
        "removed ::6/128 on the loopback interface",
    ]
    assert ruleset(host) == ""
    assert "::6" not in host.run(["ip", "-6", "address", "show", "lo"]).stdout
    assert run(host, "kuma-net uninstall").stdout == NOTHING


def test_the_address_stays_where_others_put_it(host: Host) -> None:
    host.run(["ip", "-6", "address", "add", "::6/128", "dev", "lo"])
    run(host, "kuma-init")
    run(host, "kuma-net uninstall")
    assert "::6" in host.run(["ip", "-6", "address", "show", "lo"]).stdout


def test_a_dry_run_of_uninstall_tells_the_same_and_does_nothing(host: Host) -> None:
    run(host, "kuma-init")
    host.write("/etc/resolv.conf.kuma-backup", "nameserver 192.0.2.1\n")
    before = ruleset(host)
    told = run(host, "kuma-net uninstall --dry-run").stdout
    assert ruleset(host) == before
    done = run(host, "kuma-net uninstall").stdout
    said = told.replace("would remove", "removed").replace("would restore", "restored")
    assert said == done


def test_kumactls_backup_of_resolv_conf_is_put_back(host: Host) -> None:
    host.write("/etc/resolv.conf.kuma-backup", "nameserver 192.0.2.1\n")
    ended = run(host, "kuma-net uninstall")
    assert ended.stdout == "restored /etc/resolv.conf from /etc/resolv.conf.kuma-backup\n"
    assert host.read("/etc/resolv.conf") == "nameserver 192.0.2.1\n"
    assert run(host, "kuma-net uninstall").stdout == NOTHING


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_dry_run_prints_what_nft_loads(host: Host, program: str) -> None:
    text = run(host, f"{program} --dry-run --exclude-inbound-ports 22,80-90").stdout
    assert ruleset(host) == ""
    host.run(["nft", "-f", "-"], stdin=text)
    loaded = ruleset(host)
    run(host, "kuma-net uninstall")
    run(host, f"{program} --exclude-inbound-ports 22,80-90")
    assert ruleset(host) == loaded


def test_kumactl_by_name_installs_and_prints_restore_text_whatever_the_backend(host: Host) -> None:
    link_kumactl(host)
    flags = "--kuma-dp-user=5678 --redirect-all-dns-traffic --verbose"
    dry = run(host, f"kumactl install transparent-proxy {flags} --dry-run")
    assert dry.stdout.startswith("### IPv4 ###\n\n* raw\n")
    for heading, program in (("IPv4", "iptables"), ("IPv6", "ip6tables")):
        text = dry.stdout.partition(f"### {heading} ###\n\n")[2].partition("\n###")[0]
        host.run([f"{program}-nft-restore", "--noflush", "--test"], stdin=text)
    assert run(host, f"kumactl install transparent-proxy {flags}").status == 0
    assert "KUMA_MESH_OUTBOUND" in ruleset(host)
    ended = run(host, "kumactl uninstall transparent-proxy --verbose")
    assert (ended.status, ruleset(host)) == (0, "")
    assert ended.stdout.startswith("removed ")
    other = run(host, "kumactl get meshes")
    assert (other.status, other.stdout, len(other.stderr.splitlines())) == (2, "", 1)


def test_configuration_comes_from_everywhere_at_once(host: Host) -> None:
    host.write("/run/one.yaml", "redirect: {outbound: {excludePorts: [1111]}}")
    host.write("/run/annotations", 'traffic.kuma.io/exclude-inbound-ports="3333"\n')
    ended = run(
        host,
        "kuma-init --config=/run/one.yaml,- --annotations /run/annotations --wait 1",
        '{"redirect": {"outbound": {"excludePorts": "2222"}}}',
        KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_PORT="4444",
    )
    assert ended.status == 0, ended.stderr
    rules = ruleset(host)
    assert "dport 1111" not in rules
    for port in ("dport 2222", "dport 3333", "redirect to :4444"):
        assert port in rules


def test_another_namespace_by_path_and_by_process(host: Host) -> None:
    other = Host("other")
    try:
        ended = run(host, f"kuma-init --pid {other.pid} --ip-family-mode ipv4")
        assert ended.stdout == "installed (IPv4, backend nftables)\n"
        assert ruleset(host) == ""
        assert "kuma_net" in ruleset(other)
        place = f"--netns {other.netns}"
        assert run(host, f"kuma-net status {place}").status == 0
        assert run(host, f"kuma-net plan {place} --ip-family-mode ipv4").status == 0
        assert run(host, f"kuma-net uninstall {place}").stdout.startswith("removed ")
        assert ruleset(other) == ""
    finally:
        other.stop()


def test_a_pods_own_resolv_conf_counts_when_it_is_entered_by_process(host: Host) -> None:
    other = Host("other")
    try:
        other.write("/etc/resolv.conf", "nameserver 192.0.2.77\n")
        run(host, f"kuma-init --pid {other.pid} --redirect-dns --ip-family-mode ipv4")
        assert "192.0.2.77" in ruleset(other)
    finally:
        other.stop()


def test_the_backups_of_this_machine_are_not_those_of_another_namespace(host: Host) -> None:
    other = Host("other")
    try:
        host.write("/etc/resolv.conf.kuma-backup", "nameserver 192.0.2.1\n")
        assert run(host, f"kuma-net uninstall --pid {other.pid}").stdout == NOTHING
        assert host.read("/etc/resolv.conf.kuma-backup")
    finally:
        other.stop()


def test_the_port_of_the_ssh_session_is_left_out_on_a_host(host: Host) -> None:
    host.run(["mkdir", "-p", "/run/systemd/system"])
    session = {"SSH_CONNECTION": "192.0.2.9 50000 10.77.0.2 2222"}
    ended = run(host, "kuma-init", **session)
    assert "port 2222 of your SSH session is left out" in ended.stderr
    assert "dport 2222" in ruleset(host)
    ended = run(host, "kuma-net install --capture-ssh", **session)
    assert "SSH" not in ended.stderr
    assert "dport 2222" not in ruleset(host)
    run(host, "kuma-init", KUBERNETES_SERVICE_HOST="192.0.2.2", **session)
    assert "dport 2222" not in ruleset(host)


def test_a_missing_account_is_told_with_the_line_that_makes_it(host: Host) -> None:
    host.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    ended = run(host, "kuma-init")
    assert ended.status == 2
    assert "useradd --uid 5678" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ruleset(host) == ""


def test_an_account_is_made_on_request(host: Host) -> None:
    for pattern in ("*passwd*", "*shadow*", "*group*", "sub?id*", ".pwd.lock"):
        host.run(["find", "/etc/", "-maxdepth", "1", "-type", "l", "-name", pattern, "-delete"])
    for name in ("passwd", "shadow", "group", "gshadow"):
        host.write(f"/etc/{name}", "root:x:0:0:root:/root:/bin/sh\n" if name == "passwd" else "")
    assert run(host, "kuma-init --create-user").status == 0
    assert "kuma-dp:x:5678:" in host.read("/etc/passwd")
    assert run(host, "kuma-init --create-user").stdout.startswith("nothing to do")


def test_firewalld_keeps_the_rules_on_request_until_they_are_uninstalled(host: Host) -> None:
    run(host, "kuma-init --store-firewalld")
    kept = host.read("/etc/firewalld/direct.xml")
    assert 'ipv="ipv4"' in kept
    assert 'ipv="ipv6"' in kept
    told = run(host, "kuma-net uninstall").stdout
    assert "firewalld" in told
    assert "KUMA_MESH" not in host.read("/etc/firewalld/direct.xml")


def test_a_change_that_nobody_confirms_is_rolled_back(host: Host) -> None:
    run(host, "kuma-init --exclude-outbound-ports 1111")
    before = ruleset(host)
    ended = run(host, "kuma-net install --exclude-outbound-ports 2222 --confirm 1s")
    assert "rolled back in 1 s unless you say: kuma-net confirm" in ended.stderr
    assert eventually(lambda: ruleset(host) == before)
    assert run(host, "kuma-net confirm").status == 1


def test_a_confirmed_change_stays(host: Host) -> None:
    ended = run(host, "kuma-init --confirm 5m --json")
    assert json.loads(ended.stdout)["confirm_within"] == 300
    again = run(host, "kuma-init --confirm 5m --verbose --exclude-inbound-ports 1")
    assert (again.status, again.stdout) == (1, "")
    assert "earlier change waits" in again.stderr
    assert "pending    not confirmed" in run(host, "kuma-net status").stdout
    assert run(host, "kuma-net confirm").stdout.startswith("confirmed, ")
    ended = run(host, "kuma-net confirm")
    assert (ended.status, ended.stdout) == (1, "")
    assert "pending" not in run(host, "kuma-net status").stdout
    assert "kuma_net" in ruleset(host)


def test_a_later_change_makes_an_unconfirmed_one_moot(host: Host) -> None:
    run(host, "kuma-init --confirm 5m")
    run(host, "kuma-init --exclude-inbound-ports 1")
    assert run(host, "kuma-net confirm").status == 1
    run(host, "kuma-init --confirm 5m")
    run(host, "kuma-net uninstall")
    assert json.loads(run(host, "kuma-net status --json").stdout)["pending"] is None


def test_rolling_back_goes_back_to_the_former_backend(host: Host) -> None:
    run(host, "kuma-init --backend iptables-nft")
    run(host, "kuma-init --backend nftables --confirm 1s")
    assert "kuma_net" in ruleset(host)
    assert eventually(lambda: "kuma_net" not in ruleset(host))
    assert eventually(
        lambda: (
            "untouched" in run(host, "kuma-net status").stdout
            and "iptables-nft" in run(host, "kuma-net status").stdout
        )
    )
