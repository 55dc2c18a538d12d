"""``kuma-dns query``: ask for a name, and say why the answer is what it is."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from kuma_dns.cli.asking import ask, explanation, query_message, readable
from kuma_dns.cli.commands import JSON, SERVER, TCP, TYPE
from kuma_dns.cli.words import answer_fields, answer_text
from kuma_dns.names.addresses import packed
from kuma_dns.resolve.servers import DNS_PORT
from kuma_dns.settings.grammar import read_server
from kuma_dns.settings.load import load
from kuma_dns.settings.options import BY_FLAG
from kuma_dns.wire.message import PTR, A, type_number, type_text
from kuma_dns.wire.name import key_of, reverse_of, text_of
from kuma_net.errors import HostError, Violation
from kuma_net.record import Record
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from kuma_dns.cli.reader import Words
    from kuma_dns.resolve.servers import Server
    from kuma_dns.settings.load import Settings

_RIGHT_TYPE = "write a type such as A, AAAA, PTR, TXT or TYPE65"


class _Question(Record):
    """What is asked, and of whom."""

    name: str
    kind: int
    server: Server
    settings: Settings


def query_command(words: Words) -> int:
    """Ask and tell; exit code 0 when there is an answer, whatever it says."""
    question = _question(words)
    if words.has("--names", "--hosts", "--record"):
        from kuma_dns.cli.offline import foretell

        told = foretell(question.settings, question.name, question.kind)
        _write(words, told.fields(), told.text())
        return 0
    message = query_message(question.name, question.kind)
    answer = ask(question.server, message, tcp=words.switched(TCP.flag))
    if not readable(answer, message):
        raise HostError(f"{question.server}: the answer makes no sense")
    fields = answer_fields(answer, question.server)
    told_why: dict[str, object] | str = "nobody explains: --http is off"
    http = question.settings.http
    if http is not None:
        told_why = explanation(http, question.name, type_text(question.kind))
    fields["explanation"] = told_why
    _write(words, fields, answer_text(fields))
    return 0


def _write(words: Words, fields: dict[str, object], text: str) -> None:
    if words.switched(JSON.flag):
        text = json.dumps(fields, indent=2) + "\n"
    sys.stdout.write(text)


def _question(words: Words) -> _Question:
    """Read what was asked; ``ConfigError`` with all that is wrong."""
    violations = [*words.violations]
    name, kind = _name(words.beside[0] if words.beside else "", violations)
    asked = words.last(TYPE.flag)
    if words.has(TYPE.flag):
        number = type_number(asked)
        if number is None:
            violations.append(Violation(TYPE.flag, asked, "", "there is no such type", _RIGHT_TYPE))
        else:
            kind = number
    server = None
    if words.has(SERVER.flag):
        try:
            server = read_server(words.last(SERVER.flag), DNS_PORT)
        except Malformed as wrong:
            violations.append(Violation(SERVER.flag, wrong.piece, "", wrong.wrong, wrong.right))
    flags = [(flag, text) for flag, text in words.flags if flag in BY_FLAG]
    settings = load(flags, os.environ, violations)
    return _Question(name, kind, server or settings.listen[0], settings)


def _name(text: str, violations: list[Violation]) -> tuple[str, int]:
    """Return a name and the type to ask for; of an address the name that PTR questions have."""
    if not text:
        return "", A
    try:
        return text_of(reverse_of(packed(text))), PTR
    except Malformed:
        pass
    try:
        return text_of(key_of(text)), A
    except Malformed as wrong:
        violations.append(Violation("NAME", wrong.piece, "", wrong.wrong, wrong.right))
        return "", A
