"""Answers and explanations in words: for a person, and as fields for JSON.

Messages come here only after ``wire.response`` has looked at them; dnslib then says what is in
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.wire.message import rcode_text, type_text

if TYPE_CHECKING:
    from kuma_dns.cli.asking import Told
    from kuma_dns.resolve.servers import Server

_EDE: Final = 15
_FLAGS: Final = (("aa", "authoritative"), ("tc", "cut"), ("ad", "authentic data"))
_EXTENDED: Final = {
    0: "other error",
    3: "stale answer",
    14: "not ready",
    22: "no reachable authority",
    23: "network error",
}
"""Those of RFC 8914 that we use ourselves."""


def message_fields(message: bytes) -> dict[str, object]:
    """Return what is in a message: question, code, flags, records, extended errors."""
    from dnslib import DNSRecord

    record = DNSRecord.parse(message)
    remarks = [
        _remark(bytes(option.data))
        for one in record.ar
        if one.rtype == 41 and isinstance(one.rdata, list)  # noqa: PLR2004 - OPT
        for option in one.rdata
        if option.code == _EDE
    ]
    return {
        "name": str(record.q.qname).removesuffix(".") or ".",
        "type": type_text(record.q.qtype),
        "rcode": rcode_text(record.header.rcode),
        "flags": [word for flag, word in _FLAGS if getattr(record.header, flag)],
        "answer": [_line(one) for one in record.rr],
        "authority": [_line(one) for one in record.auth],
        "remarks": remarks,
    }


def _line(record: object) -> str:
    """Return a record as zone files have it, blanks instead of columns."""
    return " ".join(str(record).split())


def _remark(option: bytes) -> str:
    code = int.from_bytes(option[:2], "big")
    text = option[2:].decode("utf-8", "replace")
    kind = _EXTENDED.get(code, f"extended error {code}")
    return f"{kind}: {text}" if text else kind


def answer_fields(told: Told, server: Server) -> dict[str, object]:
    """Return a message's fields, and who said it how."""
    return {
        "server": str(server),
        "protocol": told.protocol,
        "milliseconds": round(told.seconds * 1000, 1),
        **message_fields(told.message),
    }


def answer_text(fields: dict[str, object]) -> str:
    """Return an answer and its explanation for a person."""
    lines = message_lines(fields)
    lines[0] += f", by {fields['protocol']} from {fields['server']} in {fields['milliseconds']} ms"
    lines += ["", *explanation_lines(fields["explanation"])]
    return "\n".join(lines) + "\n"


def message_lines(fields: dict[str, object]) -> list[str]:
    """Return the lines of a message: what it says, then records, then remarks."""
    flags = "".join([f", {word}" for word in _texts(fields["flags"])])
    lines = [f"{fields['name']} {fields['type']}: {fields['rcode']}{flags}"]
    lines += [f"  {line}" for line in _texts(fields["answer"])]
    if not fields["answer"]:
        lines += [f"  (no answer; {line})" for line in _texts(fields["authority"])]
    lines += [f"  ({line})" for line in _texts(fields["remarks"])]
    return lines


def explanation_lines(told: object) -> list[str]:
    """Return an explanation, as /explain gives it, a sentence a line."""
    if not isinstance(told, dict):
        return [f"  {told}"]
    return [f"  {sentence}" for sentence in _texts(told.get("why"))]


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []
