"""Laws of forwarding that hold whatever clients ask, servers say and time does.

Every query is answered exactly once; nothing stays open behind; no question asks more than its
schedule allows; whatever is answered has the client's id and question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_dns.counts import Counts
from kuma_dns.resolve.forward import Forwarder
from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.wire.query import Query
from lab.messages import ask, opt
from lab.upstreams import Listener, PaperUpstream, address, alias, response, soa

if TYPE_CHECKING:
    from lab.upstreams import Sent

SERVERS = tuple(Server(f"10.0.0.{n}") for n in (1, 2, 3))
MOST_ASKED = 40
"""Of one flight: 10 s hold 8 turns for each of three servers at most, and each may be asked over
TCP again or be passed over."""

names = st.sampled_from(["a.example", "B.example", "b.EXAMPLE", "c.example"])
asking = st.tuples(st.just("ask"), names, st.booleans(), st.booleans())
replies = st.sampled_from(
    ["fine", "denied", "alias", "servfail", "refused", "cut", "junk", "other"]
)
saying = st.tuples(st.just("say"), st.integers(0, 9), replies)
losing = st.tuples(st.just("lose"), st.integers(0, 9))
waiting = st.tuples(st.just("wait"), st.sampled_from([0.0, 0.1, 0.4, 2.0, 3.0, 40.0]))
reaching = st.tuples(
    st.just("reach"), st.sets(st.sampled_from([server.host for server in SERVERS]))
)
steps = st.lists(st.one_of(asking, asking, saying, saying, losing, waiting, reaching), max_size=40)


class Play:
    """A forwarder, and everything that was asked of it."""

    def __init__(self, servers: int, *, stale: bool, rotate: bool) -> None:
        """Begin with some servers."""
        self.upstream = PaperUpstream()
        self.forward = Forwarder(
            self.upstream, Counts(), cache_size=8, serve_stale=60.0 if stale else 0.0
        )
        self.forward.use_servers(ResolvConf(SERVERS[:servers], rotate=rotate))
        self.asked: list[tuple[bytes, Listener]] = []
        self.now = 1000.0

    def ask(self, name: str, edns: bool, tcp: bool) -> None:
        """Let a client ask; what is there at once is heard at once."""
        listener = Listener(tcp=tcp)
        packet = ask(name, extra=opt() if edns else b"", ident=len(self.asked))
        self.asked.append((packet, listener))
        answer = self.forward.answer(Query(packet), listener, self.now)
        if answer is not None:
            listener.send(answer.packet)

    def say(self, number: int, what: str) -> None:
        """Let a server answer one of the queries it has."""
        if self.upstream.open:
            sent = self.upstream.open[number % len(self.upstream.open)]
            packet = self.reply(sent, what)
            flights = self.forward.flights
            flights.received(sent.flight, sent.server, packet, self.now, tcp=sent.tcp)

    @staticmethod
    def reply(sent: Sent, what: str) -> bytes:
        """Return the bytes of a reply."""
        query = sent.packet
        if what == "junk":
            return response(query, (address(),))[:-1]
        if what == "other":
            return response(ask("other.example"), (address(),))
        rows = {"fine": (address(ttl=2),), "alias": (alias("x.example"),)}.get(what, ())
        denial = (soa(minimum=3),) if what == "denied" else ()
        rcode = {"servfail": 2, "refused": 5, "denied": 3}.get(what, 0)
        return response(query, rows, denial, rcode=rcode, cut=what == "cut")

    def lose(self, number: int) -> None:
        """Let one of the queries meet nobody."""
        if self.upstream.open:
            sent = self.upstream.open[number % len(self.upstream.open)]
            self.forward.flights.unreachable(sent.flight, sent.server, self.now)

    def reach(self, lost: set[str]) -> None:
        """Let nothing be sent to these any longer."""
        self.upstream.out_of_reach = lost

    def wait(self, seconds: float) -> None:
        """Let time pass, from one due time to the next."""
        end = self.now + seconds
        while (due := self.forward.due()) is not None and due <= end:
            self.now = max(due, self.now)
            self.forward.tick(self.now)
        self.now = end


@given(st.integers(0, 3), st.booleans(), st.booleans(), steps)
@settings(max_examples=300, deadline=None)
def test_every_query_is_answered_once_and_nothing_stays_behind(
    servers: int, stale: bool, rotate: bool, todo: list[tuple[object, ...]]
) -> None:
    play = Play(servers, stale=stale, rotate=rotate)
    for what, *how in todo:
        getattr(play, str(what))(*how)
        assert all(len(listener.heard) <= 1 for _, listener in play.asked)
    play.wait(60.0)
    for packet, listener in play.asked:
        (heard,) = listener.heard
        end = packet.index(0, 12) + 5
        assert heard[:2] + heard[12:end] == packet[:2] + packet[12:end]
        assert heard[2] & 0x80
        assert len(heard) <= 512 or listener.tcp or packet[11]
    assert play.upstream.open == []
    assert len(play.forward.flights) == 0
    assert play.forward.due() is None
    flown = [sent.flight for sent in play.upstream.sent]
    assert max(map(flown.count, flown), default=0) <= MOST_ASKED
