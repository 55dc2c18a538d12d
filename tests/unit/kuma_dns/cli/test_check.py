"""``kuma-dns check``: counts, mistakes and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kuma_dns.cli.program import run

ONE = {"records": [{"name": "backend.mesh", "ips": ["240.0.0.1", "::ffff:f000:1"]}]}
TWO = {"records": [{"name": "backend.mesh", "ips": ["240.0.0.2"]}, {"name": "a b", "ips": []}]}


@pytest.fixture
def one(tmp_path: Path) -> str:
    return written(tmp_path / "one.json", ONE)


@pytest.fixture
def two(tmp_path: Path) -> str:
    return written(tmp_path / "two.json", TWO)


def written(path: Path, document: object) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def test_a_file_without_mistakes_is_counted(one: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", one]) == 0
    told = capsys.readouterr().out
    assert told == "1 name with 1 IPv4 address and 1 IPv6 address, 0 other spellings\n"


def test_collisions_and_names_left_out_are_mistakes(
    one: str, two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", one, two]) == 2
    told = capsys.readouterr().out
    assert "2 mistakes:" in told
    assert f"records[1].name: 'a b' (from file {two})" in told
    assert f"backend.mesh: is 240.0.0.1, ::ffff:f000:1 (file {one}) and 240.0.0.2" in told


def test_the_report_can_be_had_as_json(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--json", two]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["names"] == 1
    assert told["counts"]["violations"] == len(told["violations"]) == 1
    assert told["warnings"] == []


def test_hosts_files_and_single_records_are_checked_too(
    tmp_path: Path, one: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("240.0.0.3 backend.mesh other.mesh\n")
    assert run(["check", "--hosts", str(hosts), "--record", "x.mesh=240.0.0.9", one]) == 2
    told = capsys.readouterr().out
    assert told.startswith("3 names with")
    assert "backend.mesh: is" in told


def test_warnings_are_no_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {
        "records": [
            {"name": "a_b_svc_80.mesh", "ips": ["240.0.0.1"]},
            {"name": "a.b.svc.80.mesh", "ips": ["240.0.0.2"]},
        ]
    }
    assert run(["check", written(tmp_path / "names.json", names)]) == 0
    told = capsys.readouterr().out
    assert "1 warning:" in told
    assert "a.b.svc.80.mesh" in told


def test_many_mistakes_are_cut_but_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"records": [{"name": f"a b{n}", "ips": []} for n in range(150)]}
    assert run(["check", written(tmp_path / "names.json", names)]) == 2
    told = capsys.readouterr().out
    assert "150 mistakes:" in told
    assert told.endswith("  ... and 50 more\n")


def test_what_cannot_be_read_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary, half = tmp_path / "binary", tmp_path / "half.json"
    binary.write_bytes(b"\xff")
    half.write_text('{"records": [')
    assert run(["check", str(binary), str(half), str(tmp_path / "none")]) == 2
    told = capsys.readouterr().out
    assert "a server would keep the names it has" in told
    assert "byte 0 is not UTF-8" in told
    assert "not JSON" in told
    assert "No such file or directory" in told


def test_the_standard_input_can_be_checked() -> None:
    words = [sys.executable, "-m", "kuma_dns.cli.main", "check", "-"]
    done = subprocess.run(words, input=json.dumps(ONE), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("1 name ")


def test_nothing_to_check_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 2
    assert "FILE: is missing" in capsys.readouterr().err


def test_the_names_of_a_running_server_are_not_checked_with_others(
    one: str, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUMA_DNS_NAMES", two)
    monkeypatch.setenv("KUMA_DNS_HOSTS", two)
    assert run(["check", one]) == 0
