"""What may happen to an installer: killed at any moment, many at once, writers in between.

Bounded forms of what ``bench`` does thousands of times.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net.netfilter.digest import digest
from lab.host import run_here
from lab.installing import read_here

if TYPE_CHECKING:
    from lab.host import Host

BIN = Path(sys.executable).parent
INSTALL = (str(BIN / "kuma-init"),)
UNINSTALL = (str(BIN / "kuma-net"), "uninstall")
OLD = (*INSTALL, "--exclude-outbound-ports=9000")
NEW = (*INSTALL, "--redirect-all-dns-traffic", "--exclude-inbound-ports=22,80,9000-9999")
KILLS = 40
CROWD = 12


def state_here() -> tuple[str, str]:
    """Return what is installed: the rules' digest and the stamp, or empty texts for nothing."""
    installed = read_here("nftables")
    if installed is None:
        return "", ""
    assert installed.strange == ()
    return digest(installed.ruleset), str(installed.stamp)


def state_after_here(words: tuple[str, ...]) -> tuple[str, str]:
    """Run an installer to its end and return the state that it leaves."""
    ended = run_here(words, "", {})
    assert ended.status == 0, ended.stderr
    return state_here()


def killed_here(words: tuple[str, ...], seconds: float) -> tuple[str, str]:
    """Start an installer, kill it after a while and return the state that it leaves."""
    installer = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    installer.kill()
    installer.wait()
    return state_here()


@pytest.mark.parametrize("first", [None, OLD], ids=["onto-nothing", "onto-other-rules"])
def test_a_killed_installer_leaves_all_or_what_was_there(
    host: Host, first: tuple[str, ...] | None
) -> None:
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    whole = host.call(state_after_here, NEW)
    start = time.monotonic()
    host.call(state_after_here, NEW)
    needed = time.monotonic() - start
    found = set()
    for _ in range(KILLS):
        host.run(("nft", "delete", "table", "inet", "kuma_net"), check=False)
        before = host.call(state_after_here, first) if first else ("", "")
        after = host.call(killed_here, NEW, chance.uniform(0, 1.2 * needed))
        assert after in {before, whole}
        found.add(after == whole)
    assert found == {True, False}, "some were killed before, some after the transaction"


def crowd_here(commands: list[tuple[str, ...]]) -> list[tuple[int, str]]:
    """Run all at once; return how each ended and what it said."""
    running = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for words in commands
    ]
    said = [process.communicate(timeout=50)[0] for process in running]
    return [(process.returncode, text) for process, text in zip(running, said, strict=True)]


def test_a_crowd_of_writers_loses_no_acknowledged_rule_and_mixes_no_requests(host: Host) -> None:
    requests = [(*INSTALL, f"--exclude-outbound-ports={9000 + number}") for number in range(CROWD)]
    wanted = {host.call(state_after_here, words) for words in requests} | {("", "")}
    strangers = [
        (f"{family}-{flavour}", *f"-w -t nat -A OUTPUT -p tcp --dport {port} -j RETURN".split())
        for port in range(6000, 6004)
        for family in ("iptables", "ip6tables")
        for flavour in ("nft", "legacy")
    ]
    crowd = [*requests, *[UNINSTALL] * 4, *strangers]
    random.Random(11).shuffle(crowd)  # noqa: S311 - an order, no secret
    ends = host.call(crowd_here, crowd)

    failed = [(words, end) for words, end in zip(crowd, ends, strict=True) if end[0]]
    assert [fail for fail in failed if fail[0] not in strangers] == []
    assert host.call(state_here) in wanted
    for words, (status, _) in zip(crowd, ends, strict=True):
        if words in strangers and status == 0:
            asking = tuple("-C" if word == "-A" else word for word in words)
            assert host.run(asking, check=False).status == 0, f"lost: {words}"
