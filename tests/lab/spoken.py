"""Messages in the words of scenarios, both ways, by dnspython (which is none of our code).

A question: ``NAME TYPE`` and any of these words, in this order when it is us who write it:

``tcp``; ``-rd`` (RD is set otherwise), ``ad``, ``cd``; ``edns`` or ``edns=SIZE`` (1232 otherwise),
``do``, ``version=NUMBER``, ``option=CODE:HEX``; ``class=CH``, ``opcode=NOTIFY``, ``id=NUMBER``;
``as=CLIENT`` gives the client a name.

A response: ``RCODE`` and any of ``aa``, ``tc``, ``ad``, ``cd``, ``-ra`` (RA is set otherwise),
``bare`` (there is no question in it), ``edns``, ``do``, ``ede=CODE``, ``to=CLIENT``.  What an
upstream server replies may also have ``-qr`` (it is no response at all), ``question=NAME/TYPE``
(another one than was asked) and ``tcp`` (which way).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OUR_SIZE = 1232
SECTIONS = ("answer", "authority", "additional")
_QUERY_FLAGS = {"ad": dns.flags.AD, "cd": dns.flags.CD}
_REPLY_FLAGS = {"aa": dns.flags.AA, "tc": dns.flags.TC, **_QUERY_FLAGS}


class Words(Record):
    """Words that stand alone (``tcp``), and those with a value (``edns=512``)."""

    alone: frozenset[str]
    values: dict[str, str]

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        """Sort them."""
        pairs = [word.partition("=") for word in words]
        return cls(
            alone=frozenset(name for name, sign, _ in pairs if not sign),
            values={name: value for name, sign, value in pairs if sign},
        )

    def has(self, name: str) -> bool:
        """Whether a word is there, with a value or without."""
        return name in self.alone or name in self.values


# --- questions ----------------------------------------------------------------------------------


def query_packet(rest: Sequence[str], ident: int) -> bytes:
    """Return the query that the words of ``ask`` describe."""
    name, kind, *others = rest
    words = Words.of(others)
    query = dns.message.make_query(
        dns.name.from_text(name), kind, words.values.get("class", "IN"), id=ident
    )
    query.flags = _flags(words, _QUERY_FLAGS) | (0 if "-rd" in words.alone else dns.flags.RD)
    query.set_opcode(dns.opcode.from_text(words.values.get("opcode", "QUERY")))
    _say_edns(query, words)
    return query.to_wire()


def _flags(words: Words, known: dict[str, dns.flags.Flag]) -> int:
    return sum(flag for word, flag in known.items() if word in words.alone)


def _say_edns(message: dns.message.Message, words: Words) -> None:
    """Put an OPT record into a message if the words want one."""
    if not any(words.has(word) for word in ("edns", "do", "version", "option", "ede")):
        return
    options: list[dns.edns.Option] = []
    if "option" in words.values:
        code, _, data = words.values["option"].partition(":")
        options.append(dns.edns.GenericOption(code, bytes.fromhex(data)))
    if "ede" in words.values:
        options.append(dns.edns.EDEOption(dns.edns.EDECode(int(words.values["ede"]))))
    message.use_edns(
        edns=int(words.values.get("version", 0)),
        ednsflags=dns.flags.DO if "do" in words.alone else 0,
        payload=int(words.values.get("edns", OUR_SIZE)),
        options=options,
    )


def query_words(packet: bytes, *, tcp: bool) -> str:
    """Return a query as ``ask`` would say it."""
    query = dns.message.from_wire(packet)
    (asked,) = query.question
    out = [name_text(asked.name), dns.rdatatype.to_text(asked.rdtype), *(["tcp"] if tcp else [])]
    out += [] if query.flags & dns.flags.RD else ["-rd"]
    out += [word for word, flag in _QUERY_FLAGS.items() if query.flags & flag]
    return " ".join(out + _edns_words(query))


def _edns_words(message: dns.message.Message) -> list[str]:
    if message.edns < 0:
        return []
    out = ["edns" if message.payload == OUR_SIZE else f"edns={message.payload}"]
    out += ["do"] if message.ednsflags & dns.flags.DO else []
    for each in message.options:
        if isinstance(each, dns.edns.EDEOption):
            out.append(f"ede={int(each.code)}")
        else:
            out.append(f"option={int(each.otype)}:{each.to_wire().hex()}")
    return out


def name_text(name: dns.name.Name) -> str:
    """Return a name without its closing dot; the root is a dot."""
    return name.to_text(omit_final_dot=True) if len(name) > 1 else "."


# --- responses ----------------------------------------------------------------------------------


def reply_packet(query: bytes, rest: Sequence[str], body: Sequence[str]) -> bytes:
    """Return what a server replies to a query, in the words of ``reply``."""
    rcode, *others = rest
    words = Words.of(others)
    asked = dns.message.from_wire(query)
    reply = dns.message.Message(id=asked.id)
    reply.question = [] if "bare" in words.alone else list(asked.question)
    if "question" in words.values:
        name, _, kind = words.values["question"].partition("/")
        reply.question = [
            dns.rrset.RRset(dns.name.from_text(name), asked.question[0].rdclass, _type(kind))
        ]
    reply.flags = _flags(words, _REPLY_FLAGS) | asked.flags & dns.flags.RD
    reply.flags |= 0 if "-ra" in words.alone else dns.flags.RA
    reply.flags |= 0 if "-qr" in words.alone else dns.flags.QR
    _say_edns(reply, words)
    reply.set_rcode(dns.rcode.from_text(rcode))
    for section, line in _by_section(body):
        reply.sections[1 + SECTIONS.index(section)].append(record_of(line))
    return reply.to_wire(max_size=65535)


def _type(text: str) -> dns.rdatatype.RdataType:
    return dns.rdatatype.from_text(text)


def _by_section(body: Sequence[str]) -> Iterable[tuple[str, str]]:
    section = SECTIONS[0]
    for line in body:
        if line in SECTIONS:
            section = line
        else:
            yield section, line


def record_of(line: str) -> dns.rrset.RRset:
    """Return the record that a line of a scenario writes."""
    name, ttl, kind, *data = line.split()
    owner = dns.name.from_text(name)
    texts = [" ".join(data)]
    return dns.rrset.from_text_list(
        owner, int(ttl), "IN", kind, texts, origin=dns.name.root, relativize=False
    )


def _record_text(rrset: dns.rrset.RRset) -> str:
    (data,) = rrset
    text = data.to_text(dns.name.root, relativize=True)
    return f"{name_text(rrset.name)} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {text}"


def reply_words(packet: bytes) -> str:
    """Return a response as ``answer`` would say it, its records in further lines."""
    reply = dns.message.from_wire(packet, one_rr_per_rrset=True)
    out = [dns.rcode.to_text(reply.rcode())]
    out += [word for word, flag in _REPLY_FLAGS.items() if reply.flags & flag]
    out += [] if reply.flags & dns.flags.RA else ["-ra"]
    out += [] if reply.question else ["bare"]
    return "\n".join([" ".join(out + _edns_words(reply)), *_section_lines(reply)])


def _section_lines(reply: dns.message.Message) -> Iterable[str]:
    for section, records in zip(SECTIONS, reply.sections[1:], strict=True):
        if section != SECTIONS[0] and records:
            yield "    " + section
        for record in records:
            yield "    " + _record_text(record)


def expected_words(rest: Sequence[str], body: Sequence[str]) -> str:
    """Return what an ``answer`` step expects as ``reply_words`` would say it."""
    query = dns.message.make_query(".", "A")
    words = Words.of(rest[1:])
    first, *lines = reply_words(reply_packet(query.to_wire(), rest, body)).split("\n")
    name = f" to={words.values['to']}" if "to" in words.values else ""
    return "\n".join([first + name, *lines])
