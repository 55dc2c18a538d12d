"""Sources are read whole, or it is said why not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.server.reading import LONGEST_SOURCE, Material, Origin, make
from kuma_dns.wire.name import key_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCUMENT = '{"records": [{"name": "a.mesh", "ips": ["240.0.0.1", "x"]}], "ttl": 5}'


def material(*origins: Origin, records: tuple[str, ...] = ()) -> Material:
    return Material(origins, records, Zones(), 30)


def test_files_descriptors_hosts_and_records_make_one_table(tmp_path: Path) -> None:
    file, hosts = tmp_path / "names.json", tmp_path / "hosts"
    file.write_text(DOCUMENT)
    hosts.write_bytes(b"10.0.0.1 db \xff# a comment in another encoding\n10.0.0.2 web")
    memory = os.memfd_create("document")
    try:
        os.write(memory, b'{"records": [{"name": "p_q.mesh", "ips": ["240.0.0.2"]},')
        os.write(memory, b'{"name": "p.q.mesh", "ips": []}]}')
        block, report = make(
            material(
                Origin("file", str(file)),
                Origin("hosts", str(hosts), hosts=True),
                Origin("socket", descriptor=memory),
                records=("s.mesh=240.0.0.3",),
            )
        )
        assert os.fstat(memory).st_size > 0  # it is still open
    finally:
        os.close(memory)
    table = Table(block)
    assert table.sources == ("flag --record", "file", "hosts", "socket")
    found = {name: table.get(key_of(name)) for name in ("a.mesh", "web", "p_q.mesh", "s.mesh")}
    assert [entry.source for entry in found.values() if entry] == [1, 2, 3, 0]
    assert (table.ttl, report.errors) == (5, ())
    assert report.counts == {"names": 6, "violations": 2, "warnings": 1}
    assert [violation.partition(":")[0] for violation in report.violations] == [
        "records[0].ips[1]",
        "line 1",
    ]
    assert report.warnings[0].startswith("p.q.mesh: spelling of p_q.mesh")


def leave_out(path: Path) -> None:
    """Leave nothing at a path."""


def make_folder(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_latin(path: Path) -> None:
    path.write_bytes(b'{"records": [], "x": "\xe9"}')


def make_half(path: Path) -> None:
    path.write_text(DOCUMENT[:40])


def make_long(path: Path) -> None:
    path.touch()
    os.truncate(path, LONGEST_SOURCE + 1)


@pytest.mark.parametrize(
    ("deed", "wrong"),
    [
        (leave_out, "file x: No such file or directory"),
        (make_folder, "file x: not a regular file"),
        (make_fifo, "file x: not a regular file"),
        (make_latin, "file x: not UTF-8 (byte 22)"),
        (make_half, "document (from file x): not JSON: "),
        (make_long, f"file x: longer than {LONGEST_SOURCE} bytes"),
    ],
)
def test_one_source_that_cannot_be_read_is_an_error_beside_all_others(
    tmp_path: Path, deed: Callable[[Path], None], wrong: str
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(DOCUMENT)
    deed(bad)
    block, report = make(
        material(Origin("file good", str(good)), Origin("file x", str(bad)), Origin("y", "/none"))
    )
    assert block == b""
    first, second = report.errors
    assert first.startswith(wrong)
    assert second == "y: No such file or directory"
