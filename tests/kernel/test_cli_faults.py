"""What goes wrong on machines, as a person meets it: one sentence, the right code, no traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.host import Host, run_here
from lab.processes import eventually
from lab.programs import PROGRAMS, run
from lab.system import CLONE_NEWNET

if TYPE_CHECKING:
    from lab.host import Ended

EVERY = ["kuma-init", "kuma-net install"]
WITHOUT_CAPABILITY = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]


def sentence(ended: Ended) -> str:
    """Return the one line that a failing program said."""
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def words(line: str) -> list[str]:
    name, *rest = line.split()
    return [PROGRAMS[name], *rest]


@pytest.mark.parametrize("line", [*EVERY, "kuma-net status", "kuma-net plan", "kuma-net uninstall"])
def test_without_the_capability_one_sentence_names_it(host: Host, line: str) -> None:
    ended = host.run([*WITHOUT_CAPABILITY, *words(line)], check=False)
    assert ended.status == 1
    assert "CAP_NET_ADMIN" in sentence(ended)


def test_a_dry_run_needs_neither_privileges_nor_an_account(host: Host) -> None:
    host.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups"]
    ended = host.run([*nobody, *words("kuma-init --kuma-dp-user 4321 --dry-run")], check=False)
    assert ended.status == 0
    assert "meta skuid 4321" in ended.stdout
    assert "CAP_NET_ADMIN is missing" in ended.stderr


@pytest.mark.parametrize("line", EVERY)
def test_a_read_only_file_system_is_no_obstacle(host: Host, line: str) -> None:
    script = "mount -o remount,bind,ro / && mount -o remount,ro /run && exec "
    for backend in ("nftables", "iptables-nft", "iptables-legacy"):
        asked = " ".join(words(f"{line} --redirect-all-dns-traffic --backend {backend}"))
        ended = host.run(["unshare", "-m", "sh", "-c", script + asked], check=False)
        assert ended.status == 0, ended.stderr
        assert f"backend {backend}" in ended.stdout


@pytest.mark.parametrize("line", EVERY)
def test_a_user_that_is_not_there_is_a_mistake_of_the_caller(host: Host, line: str) -> None:
    ended = run(host, f"{line} --kuma-dp-user no-such-user")
    assert ended.status == 2
    assert "'no-such-user' (from flag --kuma-dp-user)" in sentence(ended)


@pytest.mark.parametrize("line", EVERY)
def test_a_missing_resolv_conf_matters_only_where_it_is_needed(host: Host, line: str) -> None:
    host.run(["rm", "/etc/resolv.conf"])
    ended = run(host, f"{line} --redirect-dns")
    assert ended.status == 2
    assert "redirect.dns.resolvConfigPath" in sentence(ended)
    assert host.run(["nft", "list", "ruleset"]).stdout == ""
    assert run(host, f"{line} --redirect-all-dns-traffic").status == 0


@pytest.mark.parametrize("line", EVERY)
def test_without_ipv6_only_ipv4_is_captured_and_that_is_said_once(host: Host, line: str) -> None:
    for setting in ("net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.lo.disable_ipv6"):
        host.sysctl("net.ipv6.conf.all.disable_ipv6", "0")
        host.sysctl(setting, "1")
        ended = run(host, line)
        assert ended.status == 0
        assert "(IPv4, backend nftables)" in ended.stdout
        assert sum("IPv6" in told for told in ended.stderr.splitlines()) == 1
        assert run(host, "kuma-net plan").status == 0
        assert run(host, "kuma-net status --backend auto").status == 0
        run(host, "kuma-net uninstall")


def test_a_user_id_that_the_namespace_does_not_map_is_refused_in_words(host: Host) -> None:
    ended = host.call(in_user_namespace_here, tuple(words("kuma-init")))
    assert ended.status == 2
    assert "does not exist in the user namespace" in sentence(ended)
    ended = host.call(in_user_namespace_here, tuple(words("kuma-init --kuma-dp-user 0")))
    assert ended.status == 0, ended.stderr


def in_user_namespace_here(argv: tuple[str, ...]) -> Ended:
    """Run a program as root of a user and a network namespace that maps no other id."""
    assert CLONE_NEWNET
    return run_here(("unshare", "--user", "--map-root-user", "--net", *argv), "", {})


def test_a_lock_that_somebody_holds_is_waited_for_and_then_told(host: Host) -> None:
    host.call(hold_lock_here)
    asked = "--backend iptables-legacy --wait 1 --max-retries 0"
    ended = run(host, f"kuma-init {asked}")
    assert ended.status == 1
    assert "xtables lock" in ended.stderr
    assert "Traceback" not in ended.stderr
    host.call(release_lock_here)
    assert eventually(lambda: run(host, f"kuma-init {asked}").status == 0)


def hold_lock_here() -> None:
    """Hold the lock of iptables-legacy from a process of its own."""
    import fcntl
    import signal

    ready, held = os.pipe()
    pid = os.fork()
    if pid == 0:
        with Path("/run/xtables.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(held, b"!")
            signal.pause()
    os.read(ready, 1)
    Path("/run/holder").write_text(str(pid), encoding="ascii")


def release_lock_here() -> None:
    """End the process that holds it."""
    import signal

    pid = int(Path("/run/holder").read_text(encoding="ascii"))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("kuma-net install --netns /etc/passwd", "netns: '/etc/passwd'"),
        ("kuma-net install --netns no-such-name", "netns: '/run/netns/no-such-name'"),
        ("kuma-net status --pid 999999999", "pid: '999999999'"),
        ("kuma-init --config /no/such/file", "--config: '/no/such/file'"),
        ("kuma-init --config /etc", "--config: '/etc' (from flag --config): cannot be read"),
        ("kuma-init --backend ebpf", "backend: 'ebpf'"),
        ("kuma-init --ebpf-enabled", "--ebpf-enabled"),
    ],
)
def test_a_callers_mistake_is_one_sentence_and_nothing_is_touched(
    host: Host, line: str, told: str
) -> None:
    ended = run(host, line)
    assert ended.status == 2
    assert told in sentence(ended)
    assert host.run(["nft", "list", "ruleset"]).stdout == ""


def test_output_that_cannot_be_written_is_a_failure(host: Host) -> None:
    for line in ("kuma-init --dry-run", "kuma-net explain", "kuma-net config schema"):
        asked = " ".join(words(line))
        ended = host.run(["sh", "-c", f"{asked} >/dev/full"], check=False)
        assert ended.status == 1, line
        assert "Traceback" not in ended.stderr
