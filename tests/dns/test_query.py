"""``kuma-dns query`` against a running server: the answer, and why it is what it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.dns_server import DnsServer
from lab.host import run_here
from lab.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.host import Ended

RECORDS = [{"name": "backend.mesh", "ips": ["240.0.0.1", "240.0.0.2"]}]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DnsServer]:
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"records": RECORDS, "ttl": 30}))
    with DnsServer(tmp_path, "--names", str(path), "--upstream", "127.0.0.1:9") as started:
        started.await_ready()
        yield started


def query(server: DnsServer, *words: str) -> Ended:
    """Ask the server."""
    place = ("--server", f"127.0.0.1:{server.port}", "--http", f"127.0.0.1:{server.http}")
    return run_here((PROGRAMS["kuma-dns"], "query", *words, *place), "", {})


def test_a_name_of_the_mesh_is_answered_and_explained(server: DnsServer) -> None:
    ended = query(server, "backend.mesh")
    assert (ended.status, ended.stderr) == (0, "")
    head, *records = ended.stdout.splitlines()
    assert head.startswith("backend.mesh A: NOERROR, authoritative, by UDP from 127.0.0.1:")
    assert sorted(records[:2]) == [
        "  backend.mesh. 30 IN A 240.0.0.1",
        "  backend.mesh. 30 IN A 240.0.0.2",
    ]
    assert records[3] == "  The name is in our zone mesh: nobody else is ever asked for it."


def test_tcp_and_other_types_can_be_asked_for(server: DnsServer) -> None:
    ended = query(server, "--tcp", "backend.mesh", "--type", "txt")
    assert ended.stdout.startswith("backend.mesh TXT: NOERROR, authoritative, by TCP from")
    assert "It has 240.0.0.1, 240.0.0.2, nothing of type TXT." in ended.stdout
    assert "PTR backend.mesh." in query(server, "240.0.0.2").stdout


def test_a_failure_is_told_with_its_reason(server: DnsServer) -> None:
    ended = query(server, "www.example.org")
    assert ended.status == 0
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("www.example.org A: SERVFAIL, by UDP")
    assert lines[1] == "  (network error: no upstream server could be reached)"
    assert lines[-1] == "  It is not in the cache; asked is 127.0.0.1:9."


def test_everything_can_be_had_as_json(server: DnsServer) -> None:
    told = json.loads(query(server, "nobody.mesh", "--json").stdout)
    assert told["rcode"] == "NXDOMAIN"
    assert told["explanation"]["verdict"] == "unknown"
    assert told["protocol"] == "UDP"


def test_without_http_the_answer_stands_alone(server: DnsServer) -> None:
    place = ("--server", f"127.0.0.1:{server.port}")
    words = (PROGRAMS["kuma-dns"], "query", "backend.mesh", *place, "--http", "off")
    assert run_here(words, "", {}).stdout.endswith("  nobody explains: --http is off\n")


def test_the_variables_of_the_server_are_those_of_the_query(server: DnsServer) -> None:
    environ = {
        "KUMA_DNS_LISTEN": f"127.0.0.1:{server.port}",
        "KUMA_DNS_HTTP": f"127.0.0.1:{server.http}",
    }
    ended = run_here((PROGRAMS["kuma-dns"], "query", "backend.mesh"), "", environ)
    assert "It is known from file" in ended.stdout


def test_where_no_server_runs_one_sentence_says_so() -> None:
    words = (PROGRAMS["kuma-dns"], "query", "backend.mesh", "--server", "127.0.0.1:9")
    ended = run_here(words, "", {})
    assert ended.status == 1
    told = "127.0.0.1:9: nobody listens there; is kuma-dns serve running?"
    assert ended.stderr == f"kuma-dns: {told}\n"
