"""The installer on a node that changes under its hands: real processes, real files."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from kuma_cni.plugin.records import Records
from lab.agent import Agent
from lab.installer import LIST, Installer, Node
from lab.processes import eventually
from lab.system import (
    CLONE_NEWNS,
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    mount,
    unshare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CALICO = "10-calico.conflist"
OWN = "00-kuma-cni.conflist"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def calico(node: Node) -> Node:
    node.put({CALICO: LIST})
    return node


def replace(path: Path, text: bytes) -> None:
    """Write a file as careful agents do."""
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_bytes(text)
    fresh.rename(path)


# --- waiting ------------------------------------------------------------------------------------


def test_the_primary_network_is_waited_for(node: Node) -> None:
    with Installer(node) as installer:
        why = installer.until("not-ready")["reasons"]
        assert why == ["no other plugin's configuration is there yet"]
        assert installer.get("/ready") == (503, f"{why[0]}\n")
        assert node.files() == {}
        node.put({CALICO: LIST})
        assert eventually(node.has_ours)
        installer.until("ready")
        assert installer.get("/ready") == (200, "ready\n")


def test_a_folder_that_is_not_there_yet_is_waited_for(node: Node) -> None:
    node.net.rmdir()
    with Installer(node) as installer:
        assert "No such file or directory" in installer.until("failed")["error"]
        node.net.mkdir()
        node.put({CALICO: LIST})
        assert eventually(node.has_ours)


def test_half_a_file_is_not_passed_over_for_the_next(node: Node) -> None:
    node.put({"20-other.conflist": LIST})
    node.put({CALICO: LIST[:20]}, age=0)
    with Installer(node) as installer:
        assert "still be in the writing" in installer.until("not-ready")["reasons"][0]
        assert node.files() == {"20-other.conflist": LIST, CALICO: LIST[:20]}
        replace(node.net / CALICO, LIST)
        installer.until("ready")
        assert node.has_ours()
        assert node.files()["20-other.conflist"] == LIST


def test_a_primary_that_sorts_before_the_one_we_are_in_is_followed(calico: Node) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        replace(calico.net / "05-cilium.conflist", LIST)
        assert eventually(lambda: calico.has_ours("05-cilium.conflist"))
        assert eventually(lambda: calico.files()[CALICO] == LIST)


# --- coming back --------------------------------------------------------------------------------


def test_who_rewrites_her_file_once_finds_us_back_at_once(calico: Node) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        replace(calico.net / CALICO, LIST)
        undone = installer.until("undone")
        assert (undone["culprit"], undone["back_in_seconds"]) == ("calico", 0)
        assert eventually(calico.has_ours)
        installer.until("configuration-written", count=2)
        assert installer.metric('kuma_cni_undone_total{culprit="calico"}') == 1
        assert installer.metric('kuma_cni_installs_total{result="done"}') == 2


def test_who_rewrites_her_file_in_a_loop_is_not_fought_but_named(calico: Node) -> None:
    over = threading.Event()

    def insist() -> None:
        while not over.wait(0.02):
            if calico.has_ours():
                replace(calico.net / CALICO, LIST)

    agent = threading.Thread(target=insist)
    with Installer(calico) as installer:
        installer.until("ready")
        agent.start()
        try:
            undone = installer.until("undone", count=3)
        finally:
            over.set()
            agent.join()
        assert undone["back_in_seconds"] == 2
        assert "KUMA_CNI_OWN_CONF_NAME" in undone["advice"]
        written = [line["time"] for line in installer.events("configuration-written")]
        assert len(written) == 3
        assert installer.get("/ready")[0] == 503
        assert not installer.has_ended()


def test_cilium_is_told_by_how_she_renames_the_files_of_others(node: Node) -> None:
    node.environ["KUMA_CNI_OWN_CONF_NAME"] = OWN
    node.put({"05-cilium.conflist": LIST.replace(b"calico", b"cilium-cni")})
    with Installer(node) as installer:
        installer.until("ready")
        (node.net / OWN).rename(node.net / f"{OWN}.cilium_bak")
        undone = installer.until("undone")
        assert undone["did"] == f"renamed {OWN} to {OWN}.cilium_bak"
        assert "cni.exclusive=false" in undone["advice"]
        assert eventually(lambda: node.has_ours(OWN))


def test_a_list_of_our_own_follows_the_primary(node: Node) -> None:
    node.environ["KUMA_CNI_OWN_CONF_NAME"] = OWN
    node.put({CALICO: LIST})
    with Installer(node) as installer:
        installer.until("ready")
        assert node.types(OWN) == ["calico", "kuma-cni"]
        assert node.files()[CALICO] == LIST
        replace(node.net / CALICO, LIST.replace(b"}]", b'}, {"type": "portmap"}]'))
        assert eventually(lambda: node.types(OWN) == ["calico", "portmap", "kuma-cni"])
        assert installer.events("undone") == []


# --- the executable -----------------------------------------------------------------------------


def test_the_executable_is_put_back(calico: Node) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        (calico.bin / "kuma-cni").unlink()
        assert eventually((calico.bin / "kuma-cni").exists)
        (calico.bin / "kuma-cni").chmod(0o600)
        installer.until("executable-installed", count=3)
        assert (calico.bin / "kuma-cni").stat().st_mode & 0o777 == 0o755


def test_the_folder_beside_the_launcher_is_put_back_at_once(calico: Node) -> None:
    calico.environ["REFRESH_SA_TOKEN_INTERVAL"] = "3600"  # noqa: S105 - seconds
    name = "kuma-cni-0123456789abcdef"
    calico.put_program(b"\x7fELF\0" + name.encode())
    (calico.image / name).mkdir()
    (calico.image / name / "start").write_bytes(b"code")
    with Installer(calico) as installer:
        installer.until("ready")
        assert eventually(installer.is_quiet)
        shutil.rmtree(calico.bin / name)
        assert eventually((calico.bin / name / "start").exists)


def test_the_second_folder_is_taken_where_the_first_cannot_be_written_to(calico: Node) -> None:
    second = calico.root / "secondary"
    second.mkdir()
    calico.environ["KUMA_CNI_MOUNTED_BIN_DIRS"] = f"/proc/self,/nonexistent,{second}"
    with Installer(calico) as installer:
        assert installer.until("ready")["executable"] == f"{second}/kuma-cni"


def test_without_an_executable_there_is_no_configuration(calico: Node) -> None:
    (calico.image / "kuma-cni").unlink()
    with Installer(calico) as installer:
        installer.until("not-ready")
        assert "No such file or directory" in installer.get("/ready")[1]
        assert calico.files() == {CALICO: LIST}
        calico.put_program(b"#!/bin/sh\n")
        installer.until("ready")
        assert calico.has_ours()


# --- the token ----------------------------------------------------------------------------------


def test_a_rotated_token_is_in_the_kubeconfig_at_once(calico: Node) -> None:
    calico.rotate("first")
    with Installer(calico) as installer:
        installer.until("ready")
        assert calico.token() == "first"
        path = calico.net / "ZZZ-kuma-cni-kubeconfig"
        assert path.stat().st_mode & 0o777 == 0o600
        server = json.loads(path.read_text())["clusters"][0]["cluster"]["server"]
        assert server == "https://[fd00::1]:443"
        assert eventually(installer.is_quiet)
        calico.rotate("second")
        assert eventually(lambda: calico.token() == "second")
        path.unlink()
        assert eventually(lambda: calico.token() == "second")
        (entry,) = [
            one
            for one in json.loads((calico.net / CALICO).read_text())["plugins"]
            if one["type"] == "kuma-cni"
        ]
        assert entry["kubernetes"]["kubeconfig"] == "/etc/cni/net.d/ZZZ-kuma-cni-kubeconfig"


def test_a_list_with_the_token_in_it_is_for_root_alone(calico: Node) -> None:
    calico.rotate("first")
    (calico.net / CALICO).chmod(0o644)
    entry = {"type": "kuma-cni", "token": "__SERVICEACCOUNT_TOKEN__"}
    with Installer(calico, CNI_NETWORK_CONFIG=json.dumps(entry)) as installer:
        installer.until("ready")
        assert '"token": "first"' in (calico.net / CALICO).read_text()
        assert (calico.net / CALICO).stat().st_mode & 0o777 == 0o600


def test_without_a_token_the_plugin_is_installed_all_the_same(calico: Node) -> None:
    calico.rotate("")
    with Installer(calico) as installer:
        installer.until("ready")
        assert "is none" in installer.until("kubeconfig-failed")["error"]
        assert calico.has_ours()
        calico.rotate("there")
        assert eventually(lambda: calico.token() == "there")


# --- ending -------------------------------------------------------------------------------------


def test_once_is_once_and_everything_stays(calico: Node) -> None:
    once = Installer(calico, SLEEP="false")
    assert once.run() == 0
    assert calico.has_ours()
    assert (calico.bin / "kuma-cni").exists()
    assert list((calico.root / "run").iterdir()) == []


def test_once_waits_for_the_primary_network_too(node: Node) -> None:
    with Installer(node, SLEEP="false") as once:
        once.until("not-ready")
        node.put({CALICO: LIST})
        assert once.end() == 0
        assert node.has_ours()
    with Installer(Node(node.root / "other"), SLEEP="false") as once:
        once.until("not-ready")
        assert once.terminate() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_told_to_end_it_leaves_everything_in_place(calico: Node, number: int) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        before = calico.files()
        installer.tell(number)
        assert installer.end() == 0
        assert calico.files() == before
        assert (calico.bin / "kuma-cni").exists()
        assert not (calico.root / "run/cni.sock").exists()


def test_asked_to_it_takes_everything_away_when_told_to_end(calico: Node) -> None:
    calico.rotate("token")
    for state in ("state", "state/k8s-pod-network"):
        Records(f"{calico.root}/{state}").put("container", "eth0", {})
    with Installer(calico, KUMA_CNI_REMOVE_ON_EXIT="true") as installer:
        installer.until("ready")
        assert installer.terminate() == 0
        assert calico.files() == {CALICO: LIST}
        assert calico.everything() == [f"net/{CALICO}"]
        told = [event["what"].rpartition("/")[2] for event in installer.events("removed")]
        assert told.index("10-calico.conflist: as it was before us") < told.index(
            "kuma-cni: removed"
        )


def test_uninstall_keeps_what_others_changed_meanwhile(calico: Node) -> None:
    assert Installer(calico, SLEEP="false").run() == 0
    content = json.loads((calico.net / CALICO).read_text())
    content["plugins"].append({"type": "tuning"})
    replace(calico.net / CALICO, json.dumps(content).encode())
    removal = Installer(calico, "uninstall")
    assert removal.run() == 0
    assert "10-calico.conflist: without our plugin" in removal.text()
    assert calico.types() == ["calico", "tuning"]
    assert calico.everything() == [f"net/{CALICO}"]
    assert Installer(calico, "uninstall").run() == 0


def test_uninstall_is_refused_while_an_installer_runs(calico: Node) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        removal = Installer(calico, "uninstall")
        assert removal.run() == 1
        assert "an installer runs on this node" in removal.text()
        assert calico.has_ours()
    # What it left when it was killed is no installer that runs.
    assert (calico.root / "run/cni.sock").exists()
    assert Installer(calico, "uninstall").run() == 0
    assert calico.everything() == [f"net/{CALICO}"]


def test_sighup_looks_again(calico: Node) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        calico.put_program(b"#!/bin/sh\nexit 1\n")
        installer.tell(signal.SIGHUP)
        assert installer.get("/healthz") == (200, "ok\n")
        assert not installer.has_ended()


# --- trouble ------------------------------------------------------------------------------------


def test_killed_anywhere_and_started_again_it_comes_to_the_same_end(tmp_path: Path) -> None:
    """A kill after every so many microseconds; the folder is whole at each, and at the end."""
    node = Node(tmp_path)
    single = {"10-x.conf": b'{"cniVersion": "0.4.0", "name": "net", "type": "bridge"}'}
    wanted: dict[str, bytes] = {}
    for wait in range(24):
        for name in node.files():
            (node.net / name).unlink()
        node.put(single)
        with Installer(node) as installer:
            eventually(lambda: len(node.files()) > 1, 0.002 * (wait % 8))
            time.sleep(0.0006 * wait)  # how far it gets is the point, not that it gets anywhere
            installer.kill()
        assert "10-x.conf" in node.files() or node.has_ours("10-x.conflist")
        assert Installer(node, SLEEP="false").run() == 0
        wanted = wanted or node.files()
        assert node.files() == wanted
        assert Installer(node, "uninstall").run() == 0
        assert node.files() == single


def test_two_installers_at_once_do_not_disturb_each_other(calico: Node) -> None:
    with Installer(calico) as one, Installer(calico) as other:
        one.until("ready")
        other.until("ready")
        replace(calico.net / CALICO, LIST)
        assert eventually(calico.has_ours)
        assert calico.types() == ["calico", "kuma-cni"]
        assert eventually(lambda: one.get("/ready")[0] == other.get("/ready")[0] == 200)
        written = len(one.events("configuration-written")) + len(
            other.events("configuration-written")
        )
        assert written <= 4
    assert Installer(calico, "uninstall").run() == 0
    assert calico.files() == {CALICO: LIST}


def test_a_folder_that_another_holds_is_waited_for(calico: Node) -> None:
    descriptor = os.open(calico.net, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with Installer(calico) as installer:
        installer.until("executable-installed")
        assert not calico.has_ours()
        os.close(descriptor)
        installer.until("ready")


@pytest.fixture
def mounts() -> Iterator[Agent]:
    """Lend a process with mounts of its own."""
    agent = Agent("mounts", own_mounts)
    yield agent
    agent.stop()


def own_mounts() -> None:
    unshare(CLONE_NEWNS)
    mount("none", "/", "none", MS_REC | MS_PRIVATE)


def with_full_disk(root: Path) -> str:
    """Run an installer on a node whose folder has no room left."""
    node = Node(root)
    mount("full", str(node.net), "tmpfs", options="size=16k")
    node.put({CALICO: LIST})
    (node.net / "ballast").write_bytes(b"x" * 12288)
    with Installer(node) as installer:
        why = installer.until("not-ready")["reasons"][0]
        assert sorted(node.files()) == [CALICO, f"{CALICO}.before-kuma-cni", "ballast"]
        assert node.files()[CALICO] == LIST
        (node.net / "ballast").unlink()
        installer.until("ready")
        assert node.has_ours()
    return str(why)


def with_full_folder_of_plugins(root: Path) -> str:
    """Run an installer on a node where the bundle's folder finds no room, at first."""
    node, folder = Node(root), "kuma-cni-0123456789abcdef"
    node.put({CALICO: LIST})
    node.put_program(b"\x7fELF\0" + folder.encode())
    (node.image / folder).mkdir()
    for name in ("code", "more"):
        (node.image / folder / name).write_bytes(b"x" * 65536)
    mount("full", str(node.bin), "tmpfs", options="size=16k")
    with Installer(node) as installer:
        why = installer.until("not-ready")["reasons"][-1]
        assert list(node.bin.iterdir()) == []
        mount("none", str(node.bin), "none", MS_REMOUNT, options="size=1m")
        installer.until("ready")
    assert why.count("No space left on device") == 1
    return str(why)


def with_read_only_folder(root: Path) -> str:
    """Run an installer on a node whose folder cannot be written to, at first."""
    node = Node(root)
    node.put({CALICO: LIST})
    mount(str(node.net), str(node.net), "none", MS_BIND)
    mount("none", str(node.net), "none", MS_REMOUNT | MS_BIND | MS_RDONLY)
    with Installer(node) as installer:
        why = installer.until("not-ready")["reasons"][0]
        mount("none", str(node.net), "none", MS_REMOUNT | MS_BIND)
        installer.until("ready")
    return str(why)


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (with_full_disk, "No space left on device"),
        (with_full_folder_of_plugins, "the executable cannot be put anywhere: "),
        (with_read_only_folder, "Read-only file system"),
    ],
)
def test_what_the_disk_refuses_is_told_and_tried_again(
    mounts: Agent, tmp_path: Path, work: Callable[[Path], str], told: str
) -> None:
    assert told in mounts.call(work, tmp_path)


def test_wrong_settings_are_all_told_and_nothing_is_touched(calico: Node) -> None:
    wrong = Installer(calico, CFGCHECK_INTERVAL="0", SLEEP="maybe", CNI_NETWORK_CONFIG="{")
    assert wrong.run() == 2
    assert "CFGCHECK_INTERVAL: '0' (from environment): not a usable number" in wrong.text()
    assert "SLEEP: 'maybe' (from environment): neither true nor false" in wrong.text()
    assert calico.everything() == [f"net/{CALICO}"]


def test_an_address_that_is_taken_is_waited_for(calico: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Installer(calico, KUMA_CNI_HTTP=f"127.0.0.1:{port}") as installer:
            installer.until("http-failed")
            installer.until("ready")
            taken.close()
            assert installer.get("/ready")[0] == 200


# --- what plugins say ---------------------------------------------------------------------------


def test_lines_of_plugins_are_printed_and_counted(calico: Node) -> None:
    with Installer(calico) as installer:
        installer.until("ready")
        path = calico.root / "run/cni.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        line = {"event": "added", "verb": "ADD", "pod": "a\nb", "took_ms": 12.5}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plugin:
            plugin.connect(str(path))
            for said in (json.dumps(line), json.dumps({**line, "error": "no"}), "no JSON", "[]"):
                plugin.send(said.encode())
        installer.until("added", count=2)
        assert eventually(
            lambda: installer.metric('kuma_cni_plugin_log_lines_total{result="dropped"}') == 2
        )
        assert installer.metric('kuma_cni_plugin_requests_total{verb="ADD",result="done"}') == 1
        assert installer.metric('kuma_cni_plugin_requests_total{verb="ADD",result="failed"}') == 1
        assert installer.metric('kuma_cni_plugin_request_seconds_sum{verb="ADD"}') == 0.025


def test_a_successor_takes_the_socket_over(calico: Node) -> None:
    with Installer(calico) as former:
        former.until("ready")
        with Installer(calico) as successor:
            successor.until("ready")
            assert former.terminate() == 0
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plugin:
                plugin.sendto(b'{"event": "heard"}', str(calico.root / "run/cni.sock"))
            successor.until("heard")


# --- words --------------------------------------------------------------------------------------


def test_help_has_every_variable_with_its_default(node: Node) -> None:
    asked = Installer(node, "--help")
    assert asked.run() == 0
    assert "CFGCHECK_INTERVAL [1]" in asked.text()
    assert "KUBECFG_FILE_NAME [ZZZ-kuma-cni-kubeconfig]" in asked.text()


def test_the_version_and_unknown_words(node: Node) -> None:
    asked = Installer(node, "--version")
    assert asked.run() == 0
    assert asked.text().startswith("kuma-cni-install ")
    unknown = Installer(node, "remove")
    assert unknown.run() == 2
    assert "write check, uninstall, or nothing" in unknown.text()


def test_names_that_no_terminal_should_see_are_told_all_the_same(calico: Node) -> None:
    odd = b'{"cniVersion": "0.4.0", "name": "odd", "type": "\\ud800\\u001b[2J"}'
    calico.put({"05-\x1b[31m.conf": odd, "06-\udcff.conflist": b"{"})
    check = Installer(calico, "check")
    assert check.run() == 3
    assert "configuration: 05-\\x1b[31m.conf \\ud800\\x1b[2J" in check.text()
    assert "note: 06-\\udcff.conflist is not JSON" not in check.text()  # it comes after the first
    assert "configuration: 06-\\udcff.conflist is not JSON" in check.text()


def test_check_says_what_differs(calico: Node) -> None:
    calico.rotate("token")
    check = Installer(calico, "check")
    assert check.run() == 3
    assert "differs: 10-calico.conflist is not as it would be written" in check.text()
    assert "differs: the executable is not in place yet" in check.text()
    assert calico.files() == {CALICO: LIST}
    assert Installer(calico, SLEEP="false").run() == 0
    again = Installer(calico, "check")
    assert again.run() == 0
    assert "configuration: 10-calico.conflist calico kuma-cni" in again.text()
    calico.put_program(b"#!/bin/sh\nexit 7\n")
    other = Installer(calico, "check")
    assert other.run() == 3
    assert "another program" in other.text()
