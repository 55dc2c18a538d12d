"""The pages of a running server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kuma_dns.names.join import Joined
from kuma_dns.names.source import Names
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.server.pages import names_in_pieces
from kuma_dns.wire.name import key_of
from lab.dns_asking import says
from lab.dns_server import DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 5000
RECORDS = [
    {"name": "backend.mesh", "ips": ["240.0.0.1", "::ffff:f000:1"]},
    {"name": "a_b_svc_80.mesh", "ips": ["240.0.0.2"]},
    {"name": "a b", "ips": []},
]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"records": RECORDS, "ttl": 7, "extraLabels": {"mesh": "east"}}))
    return path


@pytest.fixture
def server(tmp_path: Path, names: Path) -> Iterator[DnsServer]:
    with DnsServer(tmp_path, "--names", str(names), "--upstream", "127.0.0.1:9") as started:
        started.await_ready()
        yield started


def test_names_tell_everything_that_is_served_a_line_each(server: DnsServer, names: Path) -> None:
    status, text = server.get("/names")
    told = json.loads(text)
    assert status == 200
    assert (told["ready"], told["names"], told["ttl"]) == (True, 2, 7)
    assert told["extraLabels"] == {"mesh": "east"}
    assert len(told["violations"]) == 1
    source = f"file {names}"
    assert told["sources"] == [source]
    assert all(record.pop("source") == source for record in told["records"])
    assert sorted(told["records"], key=lambda record: str(record["name"])) == [
        {"name": "a.b.svc.80.mesh", "ips": ["240.0.0.2"], "derived": True},
        {"name": "a_b_svc_80.mesh", "ips": ["240.0.0.2"]},
        {"name": "backend.mesh", "ips": ["240.0.0.1", "::ffff:f000:1"]},
    ]
    assert sum('"name": ' in line for line in text.splitlines()) == 3


def test_many_names_come_in_pieces_and_are_all_there(tmp_path: Path) -> None:
    records = [{"name": f"s{n}.mesh", "ips": ["240.0.0.1"]} for n in range(MANY)]
    records.append({"name": "s0.mesh", "ips": ["240.0.0.2"]})
    (tmp_path / "one.json").write_text(json.dumps({"records": records}))
    with DnsServer(tmp_path, "--names", str(tmp_path / "one.json")) as server:
        server.await_ready()
        told = json.loads(server.get("/names")[1])
    assert len(told["records"]) == MANY
    assert [record["name"] for record in told["records"] if record.get("collides")] == ["s0.mesh"]


def test_no_piece_takes_long_though_most_of_a_table_is_not_told() -> None:
    records = [(key_of("one.mesh"), bytes(4 * 200), b"")]
    records += [(key_of(f"n{n}.mesh"), n.to_bytes(4, "big"), b"") for n in range(2000)]
    table = Table(Joined([Names("x", records)], Zones()).block())
    entries = sum(1 for _ in table)
    assert entries > 4000, "there are no reverse names"
    assert len(list(names_in_pieces(table, ()))) > entries / 300


def test_before_the_first_names_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with DnsServer(tmp_path, "--names", str(tmp_path / "late.json")) as server:
        told = json.loads(server.get("/names")[1])
        assert (told["ready"], told["records"]) == (False, [])
        assert server.get("/ready") == (503, "waiting for the first names\n")
        assert server.metric("kuma_dns_ready") == 0
        assert server.metric("kuma_dp_dns_entries_total") == 0


def test_it_counts_what_it_does(server: DnsServer) -> None:
    for _ in range(3):
        says(server.port, "backend.mesh")
    says(server.port, "nobody.mesh", tcp=True)
    assert server.metric('kuma_dp_dns_queries_total{mesh="east",qtype="A",source="local"}') == 4
    assert server.metric('kuma_dp_dns_response_codes_total{mesh="east",rcode="nxdomain"}') == 1
    assert server.metric("kuma_dp_dns_entries_total") == 2
    assert server.metric("kuma_dp_dns_config_ready_wait_seconds_count") == 1
    _, text = server.get("/metrics")
    assert len(list(text_string_to_metric_families(text))) > 20


def test_it_explains_itself(server: DnsServer) -> None:
    told_why = json.loads(server.get("/explain?name=backend.mesh&type=AAAA")[1])
    assert told_why["verdict"] == "known"
    assert told_why["answer"] == ["::ffff:f000:1"]
    assert json.loads(server.get("/explain?name=x.example")[1])["servers"] == ["127.0.0.1:9"]
    for wrong in ("name=a%20b", "", "name=a.mesh&type=QQ"):
        assert server.get(f"/explain?{wrong}")[0] == 400
    assert "/metrics" in server.get("/")[1]
    assert server.get("/none")[0] == 404
