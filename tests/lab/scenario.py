"""Scenarios: what a resolver is asked, what it asks others, what it answers, in one readable text.

In the manner of unbound's replay tests, but for people first.  A scenario is a list of steps.
A step is a line that begins with a word; the indented lines behind it belong to it; ``#`` begins
a comment.  The comment at the top says what the scenario shows, and where that is written.

=========================================  =====================================================
before or between                          what it does
=========================================  =====================================================
``zones NAME...``                          our zones instead of mesh and mesh.local; once, first
``option NAME=VALUE...``                   ``cache_size``, ``serve_stale``; once, first
``names [ttl=SECONDS]``                    Kuma's document: lines ``NAME ADDRESS...``
``hosts``                                  a hosts file
``resolv.conf [listening=ADDRESS:PORT]``   a resolv.conf; our own address is left out of it
``wait SECONDS``                           time passes
=========================================  =====================================================

=========================================  =====================================================
steps                                      what they say
=========================================  =====================================================
``ask NAME TYPE [WORD...]``                a client asks
``crowd NUMBER NAME TYPE``                 clients ask as many names below NAME, upstream is asked
``packet HEX...``                          a client sends just these bytes (lines of hex)
``sent SERVER NAME TYPE [WORD...]``        we have asked a server, and this way
``reply SERVER RCODE [WORD...]``           that server replies to the newest query it has of us;
                                           lines are records; ``authority``, ``additional``
                                           between them begin these sections
``bytes SERVER HEX...``                    it replies just these bytes
``unreachable SERVER``                     the network says that the server is not there
``answer RCODE [WORD...]``                 the client gets this answer; lines as for ``reply``
``silence``                                nothing was said to anybody
``counted NAME NUMBER``                    a counter stands at this
=========================================  =====================================================

Whatever is said to a client or a server and not expected by the next step is an error, so
``silence`` is for the reader.  The words are those of ``lab.spoken``.  Records are written as in a
zone file (RFC 1035 section 5) without a class: ``NAME TTL TYPE DATA``, names without a closing dot;
``SERIAL`` stands for the serial number of the names in use, a closing ``...`` for further records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.record import Record

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ("zones", "option", "names", "hosts", "resolv.conf", "wait")
SAYINGS = (
    "ask",
    "crowd",
    "packet",
    "sent",
    "reply",
    "bytes",
    "unreachable",
    "answer",
    "silence",
    "counted",
)
WORDS = frozenset((*SETTINGS, *SAYINGS))


class Step(Record):
    """A step: number of its line, its word, the rest of the line, the lines that belong to it."""

    line: int
    word: str
    rest: tuple[str, ...]
    body: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is written."""
        return "\n".join(
            [" ".join((self.word, *self.rest)), *[f"    {each}" for each in self.body]]
        )


class Scenario(Record):
    """A scenario: its name, what it shows, its steps."""

    name: str
    shows: str
    steps: tuple[Step, ...]


def read_scenario(path: Path) -> Scenario:
    """Read a file; raises ``ValueError`` with the place of what is no step."""
    text = path.read_text(encoding="utf-8")
    try:
        steps = _steps(text)
    except ValueError as wrong:
        raise ValueError(f"{path}:{wrong}") from None
    return Scenario(name=path.stem, shows=_opening(text), steps=tuple(steps))


def _opening(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return "\n".join(lines)


def _steps(text: str) -> list[Step]:
    steps: list[Step] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition(" #")[0].rstrip() if not raw.startswith("#") else ""
        if not line.strip():
            continue
        if line[0].isspace():
            if not steps:
                raise ValueError(f"{number}: a line that belongs to nothing: {line.strip()}")
            steps[-1] = steps[-1].replace(body=(*steps[-1].body, line.strip()))
            continue
        word, *rest = line.split()
        if word not in WORDS:
            raise ValueError(f"{number}: not a step: {word}; one of {', '.join(sorted(WORDS))}")
        steps.append(Step(line=number, word=word, rest=tuple(rest)))
    return steps
