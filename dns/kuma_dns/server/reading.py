"""Reads all sources and makes the table of them; done in the builder's child."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from kuma_dns.names.document import read_document
from kuma_dns.names.hosts import read_hosts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.server.builder import Report
from kuma_net.errors import ConfigError
from kuma_net.record import Record

if TYPE_CHECKING:
    from kuma_dns.names.source import Names
    from kuma_dns.names.zones import Zones

LONGEST_SOURCE: Final = 256 << 20
"""Bytes of one file or response: two million names."""
_READ_BYTES: Final = 1 << 24


class Origin(Record):
    """Where one source's text is: a file, or an open descriptor that has it from its beginning.

    ``hosts``: it is a hosts file, not a document.
    """

    source: str
    path: str = ""
    descriptor: int = -1
    hosts: bool = False


class Material(Record):
    """Everything a table is made of; ``records`` are texts ``NAME=IP``, ``ttl`` the default."""

    origins: tuple[Origin, ...]
    records: tuple[str, ...]
    zones: Zones
    ttl: int


def make(material: Material) -> tuple[bytes | bytearray, Report]:
    """Return a table's block and what there was to say; no block if a source fails."""
    names: list[Names] = []
    errors: list[str] = []
    if material.records:
        names.append(read_records(material.records))
    for origin in material.origins:
        try:
            names.append(_read(origin))
        except OSError as problem:
            errors.append(f"{origin.source}: {problem.strerror or problem}")
        except ConfigError as refused:
            errors += [str(violation) for violation in refused.violations]
    if errors:
        return b"", Report(tuple(errors))
    joined = Joined(names, material.zones, material.ttl)
    for one in names:
        one.records.clear()  # what follows takes most memory: 150 bytes less for each name
    return joined.block(), _report(names, joined)


def _report(names: list[Names], joined: Joined) -> Report:
    complaints = [one.complaints for one in names] + [joined.violations]
    counts = {
        "names": len(joined.known),
        "violations": sum([one.count for one in complaints]),
        "warnings": joined.warnings.count,
    }
    violations = [str(violation) for one in complaints for violation in one.violations]
    warnings = [str(warning) for warning in joined.warnings.violations]
    return Report((), tuple(violations), tuple(warnings), counts)


def _read(origin: Origin) -> Names:
    """Return what one source says; ``OSError``, ``ConfigError``."""
    raw = _bytes_of(origin)
    if origin.hosts:
        return read_hosts(raw.decode("utf-8", "replace"), origin.source)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        message = f"not UTF-8 (byte {problem.start})"
        raise OSError(0, message) from problem
    del raw
    return read_document(text, origin.source)


def _bytes_of(origin: Origin) -> bytes:
    """Return a source's whole content; ``OSError`` also for what is no file, or too long."""
    descriptor = origin.descriptor
    if descriptor < 0:  # O_NONBLOCK: a FIFO in its place must not stop us
        descriptor = os.open(origin.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "not a regular file")
    if status.st_size > LONGEST_SOURCE:
        raise OSError(0, f"longer than {LONGEST_SOURCE} bytes")
    at, pieces = 0, []
    while piece := os.pread(descriptor, _READ_BYTES, at):
        pieces.append(piece)
        at += len(piece)
        if at > LONGEST_SOURCE:
            raise OSError(0, f"longer than {LONGEST_SOURCE} bytes")
    if origin.descriptor < 0:
        os.close(descriptor)
    return b"".join(pieces)
