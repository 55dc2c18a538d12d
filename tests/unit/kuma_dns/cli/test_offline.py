"""What a server would answer that is not running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kuma_dns.cli.program import run


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """Return flags that name a document and a resolv.conf."""
    document = {"records": [{"name": "backend.mesh", "ips": ["240.0.0.1", "fd00::1"]}]}
    (tmp_path / "names.json").write_text(json.dumps(document))
    (tmp_path / "resolv.conf").write_text(
        "nameserver 127.0.0.1\nnameserver 10.0.0.53\nsearch svc.cluster.local\n"
    )
    return [
        f"--names={tmp_path}/names.json",
        f"--resolv-conf={tmp_path}/resolv.conf",
        "--listen=127.0.0.1:53",
    ]


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["query", *words]) == 0
    return capsys.readouterr().out


def test_a_known_name_is_answered_and_explained(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(["backend.mesh", "--type=AAAA", *names], capsys).splitlines()[:5] == [
        "backend.mesh AAAA: NOERROR, authoritative",
        "  backend.mesh. 30 IN AAAA fd00::1",
        "",
        "  The name is in our zone mesh: nobody else is ever asked for it.",
        f"  It is known from file {names[0].removeprefix('--names=')}.",
    ]


def test_the_name_of_an_address_can_be_asked_for(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(["240.0.0.1", *names], capsys)
    assert "1.0.0.240.in-addr.arpa. 30 IN PTR backend.mesh." in text
    assert "ip6.arpa. 30 IN PTR backend.mesh." in told(["fd00::1", *names], capsys)


def test_what_others_are_asked_is_told_without_ourselves(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(["www.example.org", *names], capsys)
    assert text.startswith("www.example.org A: other servers are asked\n")
    assert text.endswith("asked is 10.0.0.53:53.\n")
    chosen = told(["www.example.org", *names, "--upstream=10.0.0.1"], capsys)
    assert chosen.endswith("asked is 10.0.0.1:53.\n")


def test_the_search_list_counts(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "search domain" in told(["backend.mesh.svc.cluster.local", *names], capsys)


def test_a_missing_resolv_conf_names_no_server(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(["www.example.org", *names, "--resolv-conf=/no/such/file"], capsys)
    assert "No other server is known" in text


def test_everything_can_be_had_as_json(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fields = json.loads(told(["nobody.mesh", "--json", *names], capsys))
    assert fields["rcode"] == "NXDOMAIN"
    assert fields["explanation"]["verdict"] == "unknown"
    others = json.loads(told(["www.example.org", "--json", *names], capsys))
    assert list(others) == ["explanation"]


def test_names_that_cannot_be_read_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "a.mesh", "--names=/no/such/file"]) == 2
    assert capsys.readouterr().err == ("kuma-net: file /no/such/file: No such file or directory\n")


def test_a_socket_is_asked_by_a_running_server_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "a.mesh", "--names=unix:/run/x"]) == 2
    assert "only a running server asks a socket" in capsys.readouterr().err
