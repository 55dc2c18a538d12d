"""Plays a scenario: a resolver, a forwarder, clients and servers that are values, a clock of ours.

Nothing here waits or sends: time is a number that ``wait`` moves on, from one due time to the
next, and a packet is handed over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kuma_dns.counts import Counts
from kuma_dns.names.document import read_document
from kuma_dns.names.hosts import read_hosts
from kuma_dns.names.join import Joined
from kuma_dns.names.table import Table
from kuma_dns.names.zones import DEFAULT_ZONES, Zones
from kuma_dns.resolve.forward import Forwarder
from kuma_dns.resolve.resolver import Resolver
from kuma_dns.resolve.servers import Server, parse_resolv_conf
from lab.spoken import Words, expected_words, query_packet, query_words, reply_packet, reply_words
from lab.upstreams import Sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuma_dns.names.source import Names
    from kuma_dns.resolve.flights import Flight
    from lab.scenario import Scenario, Step

START = 1000.0
"""Where the clock stands at the beginning, in seconds."""
MOST_TICKS = 10_000
AND_MORE = "..."


class Actor:
    """A client: what she asked, by which name she is called, what she was told."""

    def __init__(self, stage: Stage, packet: bytes, words: Words) -> None:
        """She asks, and listens."""
        self.packet = packet
        self.tcp = "tcp" in words.alone
        self.name = words.values.get("as", "")
        self._stage = stage

    def send(self, packet: bytes) -> None:
        """Hear an answer."""
        self._stage.said.append(self.told(packet))

    def told(self, packet: bytes) -> str:
        """Return an answer in words, behind what is wrong with it in any case."""
        first, *lines = reply_words(packet).split("\n")
        faults = [f"  !! {fault}" for fault in self._faults(packet)]
        name = f" to={self.name}" if self.name else ""
        return "\n".join([f"answer {first}{name}", *lines, *faults])

    def _faults(self, packet: bytes) -> list[str]:
        asked = self.packet
        end = asked.index(0, 12) + 5 if len(asked) > 12 and 0 in asked[12:] else 12
        limit = 65535 if self.tcp else max(512, _size_of(asked))
        checks = {
            "the id is not the one of the query": packet[:2] == asked[:2],
            "QR is not set": packet[2] & 0x80,
            "RD is not as it was asked": packet[2] & 1 == asked[2] & 1,
            "the question is not the one of the query, letter for letter": (
                packet[4:6] == b"\0\0" or packet[12:end] == asked[12:end]
            ),
            f"it has {len(packet)} bytes, {limit} were wanted at most": len(packet) <= limit,
        }
        return [fault for fault, fine in checks.items() if not fine]


def _size_of(packet: bytes) -> int:
    """Return the UDP size of a query's OPT record, which ends it in all scenarios; 0 without."""
    at = packet.find(b"\0\0\x29", 12)
    return int.from_bytes(packet[at + 3 : at + 5], "big") if at > 0 and packet[11] else 0


class Stage:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        """Set up what its first steps want."""
        self.scenario = scenario
        self.said: list[str] = []
        self.open: list[Sent] = []
        self.now = START
        self.counts = Counts()
        self._ident = 0
        self._sources: dict[str, Names] = {}
        first = {step.word: step.rest for step in scenario.steps}
        options = Words.of(first.get("option", ())).values
        self.forward = Forwarder(
            self,
            self.counts,
            cache_size=int(options.get("cache_size", 10000)),
            serve_stale=float(options.get("serve_stale", 0)),
        )
        zones = Zones(tuple(first.get("zones", DEFAULT_ZONES)))
        self.resolver = Resolver(zones, self.counts, self.forward)

    def play(self) -> None:
        """Go through all steps; raises AssertionError that shows the first that fails."""
        for step in self.scenario.steps:
            if step.word in {"answer", "sent"}:
                self._expect(step)
                continue
            self._must(step, [], self.said)
            if step.word not in {"zones", "option", "silence"}:
                getattr(self, "_on_" + step.word.replace(".", "_"))(step)
        self._must(self.scenario.steps[-1], [], self.said)

    def _expect(self, step: Step) -> None:
        got = self.said[:1]
        if step.word == "answer":
            body = self._body(step)
            said = "answer " + expected_words(
                step.rest, [line for line in body if line != AND_MORE]
            )
            if body[-1:] == [AND_MORE]:
                got = ["\n".join(text.split("\n")[: len(body)]) for text in got]
        else:
            server, *words = step.rest
            packet = query_packet(words, 0)
            said = f"sent {server} {query_words(packet, tcp='tcp' in words)}"
        self._must(step, [said], got)
        del self.said[:1]

    def _must(self, step: Step, expected: list[str], got: list[str]) -> None:
        if expected != got:
            raise AssertionError(
                f"{self.scenario.name}.scenario:{step.line}, at {self.now - START:g} s\n"
                f"{self.scenario.shows}\n\nthe step\n{step}\n\n"
                f"expected\n{_shown(expected)}\n\ngot\n{_shown(got)}"
            )

    def _body(self, step: Step) -> list[str]:
        authority = self.resolver.authority
        serial = str(authority.table.serial) if authority is not None else ""
        return [line.replace("SERIAL", serial) for line in step.body]

    # --- the port to upstream servers, which the forwarder calls ---------------------------------

    def ask(self, server: Server, packet: bytes, flight: Flight, *, tcp: bool) -> Sent:
        """Take a query to a server."""
        ticket = Sent(server, packet, flight, tcp=tcp)
        self.open.append(ticket)
        self.said.append(f"sent {_host(server)} {query_words(packet, tcp=tcp)}")
        return ticket

    def forget(self, ticket: object) -> None:
        """Take no reply to that query any longer."""
        self.open = [other for other in self.open if other is not ticket]

    # --- steps ----------------------------------------------------------------------------------

    def _on_names(self, step: Step) -> None:
        records = [{"name": name, "ips": ips} for name, *ips in map(str.split, step.body)]
        ttl = int(Words.of(step.rest).values.get("ttl", 30))
        document = json.dumps({"records": records, "ttl": ttl, "extraLabels": {}})
        self._use("names", read_document(document, "names"))

    def _on_hosts(self, step: Step) -> None:
        self._use("hosts", read_hosts("\n".join(step.body), "hosts"))

    def _use(self, source: str, names: Names) -> None:
        self._sources[source] = names
        joined = Joined(list(self._sources.values()), self.resolver.zones)
        self.resolver.use_table(Table(joined.block()), self.now)

    def _on_resolv_conf(self, step: Step) -> None:
        conf = parse_resolv_conf("\n".join(step.body))
        listening = Words.of(step.rest).values.get("listening")
        if listening:
            host, _, port = listening.rpartition(":")
            conf = conf.without([Server(host.strip("[]"), int(port))])
        self.forward.use_servers(conf)
        self.resolver.use_search(conf.search)

    def _on_wait(self, step: Step) -> None:
        end = self.now + float(step.rest[0])
        for _ in range(MOST_TICKS):
            dues = [due for due in (self.resolver.due(), self.forward.due()) if due is not None]
            if not dues or min(dues) > end:
                self.now = end
                return
            self.now = max(self.now, min(dues))
            self.resolver.tick(self.now)
            self.forward.tick(self.now)
        raise AssertionError(f"line {step.line}: there is always something due")

    def _on_ask(self, step: Step) -> None:
        words = Words.of(step.rest)
        self._ident += 1
        self._receive(query_packet(step.rest, int(words.values.get("id", self._ident))), words)

    def _on_crowd(self, step: Step) -> None:
        number, zone, kind = step.rest
        for index in range(int(number)):
            self._receive(query_packet((f"{index}.{zone}", kind), index), Words.of(()))
        asked = [text for text in self.said if text.startswith("sent ")]
        self._must(step, [f"{number} sent"], [f"{len(asked)} sent"])
        self._must(step, asked, self.said)
        self.said = []

    def _on_packet(self, step: Step) -> None:
        words = Words.of(word for word in step.rest if not _is_hex(word))
        self._receive(_bytes_of(step.rest, step.body), words)

    def _receive(self, packet: bytes, words: Words) -> None:
        actor = Actor(self, packet, words)
        answer = self.resolver.receive(packet, actor, self.now)
        if answer is not None:
            actor.send(answer.packet)

    def _on_reply(self, step: Step) -> None:
        server, rcode, *words = step.rest
        ticket = self._ticket(step, server, Words.of(words))
        packet = reply_packet(ticket.packet, [rcode, *words], self._body(step))
        self._received(ticket, packet)

    def _on_bytes(self, step: Step) -> None:
        server, *words = step.rest
        ticket = self._ticket(step, server, Words.of(words))
        packet = _bytes_of(words, step.body)
        self._received(ticket, packet)

    def _received(self, ticket: Sent, packet: bytes) -> None:
        tcp = ticket.tcp
        self.forward.flights.received(ticket.flight, ticket.server, packet, self.now, tcp=tcp)

    def _on_unreachable(self, step: Step) -> None:
        ticket = self._ticket(step, step.rest[0], Words.of(step.rest[1:]))
        self.forward.flights.unreachable(ticket.flight, ticket.server, self.now)

    def _ticket(self, step: Step, server: str, words: Words) -> Sent:
        """Return the newest query that the server has of us (``about=NAME``: about that name)."""
        about = words.values.get("about")
        for ticket in reversed(self.open):
            asked = query_words(ticket.packet, tcp=ticket.tcp).split()[0]
            there = (_host(ticket.server), ticket.tcp) == (server, "tcp" in words.alone)
            if there and about in {None, asked}:
                return ticket
        raise AssertionError(f"line {step.line}: {server} has no query of ours:\n{step}")

    def _on_counted(self, step: Step) -> None:
        name, number = step.rest
        got = getattr(self.counts, name)
        self._must(step, [f"{name} {number}"], [f"{name} {got}"])


def _host(server: Server) -> str:
    """Return a server as scenarios name it: the port only if it is not 53."""
    text = str(server)
    return text.removesuffix(":53").strip("[]") if text.endswith(":53") else text


def _is_hex(word: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in word)


def _bytes_of(words: Sequence[str], body: Sequence[str]) -> bytes:
    return bytes.fromhex("".join([*filter(_is_hex, words), *body]))


def _shown(said: list[str]) -> str:
    return "\n".join(said) if said else "(nothing)"
