"""Questions on their way: whom is asked when, who is believed, and how it ends."""

from __future__ import annotations

import pytest

from kuma_dns.counts import Counts
from kuma_dns.resolve.flights import (
    MOST_FLIGHTS,
    MOST_JOINED,
    MOST_WAITING,
    NO_SERVER,
    SILENCE,
    TOO_MANY,
    UNREACHABLE,
    Flight,
    Flights,
)
from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.wire.message import FORMERR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import Remark
from kuma_dns.wire.response import Response
from lab.messages import ask
from lab.upstreams import Listener, PaperUpstream, Sent, address, response

ONE, TWO, THREE = (Server(f"10.0.0.{n}") for n in (1, 2, 3))


class Ground:
    """Where flights land, and all that is around them."""

    def __init__(self, *servers: Server, rotate: bool = False, timeout: float = 5.0) -> None:
        """Begin with servers that answer when told to."""
        self.upstream = PaperUpstream()
        self.counts = Counts()
        self.ends: list[tuple[Flight, Response | None, Remark]] = []
        self.good: set[int] = set()
        self.now = 100.0
        self.flights = Flights(self.upstream, self.counts, self)
        self.flights.use_servers(ResolvConf(servers, timeout=timeout, rotate=rotate))

    def suits(self, said: Response) -> bool:
        """Whether a failure is good for something."""
        return said.rcode in self.good

    def landed(self, flight: Flight, said: Response | None, remark: Remark, now: float) -> None:
        """Keep how a flight ended."""
        assert now == self.now
        self.ends.append((flight, said, remark))

    def board(self, name: str = "www.example.org", *, tcp: bool = False) -> Remark | None:
        """Let a new client ask."""
        query = Query(ask(name))
        return self.flights.board(query.name, query, Listener(tcp=tcp), self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, from one due time to the next."""
        end = self.now + seconds
        while (due := self.flights.due()) is not None and due <= end:
            self.now = max(due, self.now)
            self.flights.tick(self.now)
        self.now = end

    def say(self, sent: Sent, *, rcode: int = 0, cut: bool = False) -> None:
        """Let a query be answered."""
        rows = () if rcode or cut else (address(),)
        self.hear(sent, response(sent.packet, rows, rcode=rcode, cut=cut))

    def hear(self, sent: Sent, packet: bytes) -> None:
        """Let these bytes come for a query."""
        self.flights.received(sent.flight, sent.server, packet, self.now, tcp=sent.tcp)

    @property
    def hosts(self) -> str:
        """Return the last numbers of those who were asked, in order."""
        return " ".join([host.removeprefix("10.0.0.") for host in self.upstream.hosts])


# --- whom is asked when -------------------------------------------------------------------------


def test_a_silent_server_gets_company_and_the_intervals_double() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    times = []
    while (due := ground.flights.due()) is not None:
        ground.wait(due - ground.now)
        times.append(ground.now - 100.0)
    assert times == pytest.approx([0.4, 0.8, 1.6, 2.4, 4.0, 5.6, 8.8, 10.0])
    assert ground.hosts == "1 2 1 2 1 2 1 2"
    assert [end[1:] for end in ground.ends] == [(None, SILENCE)]
    assert ground.upstream.open == []
    assert ground.counts.upstream_failures == 1


def test_nothing_is_due_when_all_have_landed() -> None:
    ground = Ground(ONE)
    ground.board()
    ground.say(ground.upstream.sent[0])
    ground.wait(20)
    assert len(ground.flights) == 0
    assert ground.flights.due() is None
    assert ground.hosts == "1"


def test_with_rotate_each_question_begins_with_the_next_server() -> None:
    ground = Ground(ONE, TWO, THREE, rotate=True)
    for number in range(4):
        ground.board(f"n{number}.example")
    assert ground.hosts == "2 3 1 2"


def test_questions_that_fly_keep_to_their_servers() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.flights.use_servers(ResolvConf((THREE,)))
    ground.wait(0.5)
    ground.board("other.example")
    assert ground.hosts == "1 2 3"
    ground.say(ground.upstream.sent[1])
    assert ground.counts.upstream_errors == {"10.0.0.1:53": 1, "10.0.0.2:53": 0, "10.0.0.3:53": 0}


def test_a_question_by_tcp_is_asked_by_tcp() -> None:
    ground = Ground(ONE)
    ground.board(tcp=True)
    assert ground.hosts == "1+"


# --- who is believed ----------------------------------------------------------------------------


def test_a_late_answer_of_an_earlier_server_counts() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.wait(0.5)
    ground.say(ground.upstream.sent[0])
    assert ground.ends[0][1] is not None
    assert ground.upstream.open == []
    assert ground.counts.upstream.count == 1


def test_an_answer_to_another_question_is_as_if_nothing_had_come() -> None:
    ground = Ground(ONE)
    ground.board()
    sent = ground.upstream.sent[0]
    ground.hear(sent, response(ask("www.example.com"), (address(),)))
    assert ground.ends == []
    ground.say(sent)
    assert len(ground.ends) == 1


@pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED, NOTIMP, FORMERR])
def test_a_server_that_cannot_hands_on_to_the_next_at_once(rcode: int) -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.say(ground.upstream.sent[0], rcode=rcode)
    assert ground.hosts == "1 2"
    ground.say(ground.upstream.sent[0], rcode=rcode)
    assert ground.hosts == "1 2", "what fails twice is asked for once"
    ground.say(ground.upstream.sent[1], rcode=NXDOMAIN)
    said = ground.ends[0][1]
    assert said is not None
    assert said.rcode == NXDOMAIN


def test_when_all_cannot_the_last_one_is_relayed() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.say(ground.upstream.sent[0], rcode=SERVFAIL)
    ground.say(ground.upstream.sent[1], rcode=REFUSED)
    said = ground.ends[0][1]
    assert said is not None
    assert said.rcode == REFUSED


def test_a_failure_that_suits_is_an_answer() -> None:
    ground = Ground(ONE, TWO)
    ground.good = {SERVFAIL}
    ground.board()
    ground.say(ground.upstream.sent[0], rcode=SERVFAIL)
    assert ground.hosts == "1"
    assert len(ground.ends) == 1


def test_what_cannot_be_read_hands_on_to_the_next() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    sent = ground.upstream.sent[0]
    ground.hear(sent, response(sent.packet, (address(),))[:-1])
    assert ground.hosts == "1 2"


def test_an_unreachable_server_hands_on_and_nobody_left_ends_it() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    for number in (0, 0, 1):
        sent = ground.upstream.sent[number]
        ground.flights.unreachable(sent.flight, sent.server, ground.now)
    assert ground.hosts == "1 2"
    assert [end[1:] for end in ground.ends] == [(None, UNREACHABLE)]


def test_a_server_that_nothing_can_be_sent_to_is_passed_over() -> None:
    ground = Ground(ONE, TWO)
    ground.upstream.out_of_reach = {ONE.host}
    assert ground.board() is None
    assert ground.hosts == "2"


def test_if_nothing_can_be_sent_at_all_nobody_waits() -> None:
    ground = Ground(ONE, TWO)
    ground.upstream.out_of_reach = {ONE.host, TWO.host}
    assert ground.board() == UNREACHABLE
    assert len(ground.flights) == 0
    assert ground.counts.upstream_failures == 1


def test_if_nothing_can_be_sent_any_longer_it_ends_at_the_next_turn() -> None:
    ground = Ground(ONE)
    ground.board()
    ground.upstream.out_of_reach = {ONE.host}
    ground.wait(0.4)
    assert [end[1:] for end in ground.ends] == [(None, SILENCE)]


# --- who is asked last --------------------------------------------------------------------------


def test_a_server_that_was_silent_while_another_answered_is_asked_last_for_a_while() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.wait(0.5)
    ground.say(ground.upstream.sent[1])
    ground.board("b.example")
    ground.wait(5.0)
    ground.board("c.example")
    assert ground.hosts.split()[:3] == ["1", "2", "2"]
    assert ground.hosts.endswith("1")


def test_a_server_that_said_it_cannot_is_not_blamed_twice() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.say(ground.upstream.sent[0], rcode=REFUSED)
    ground.say(ground.upstream.sent[1])
    assert ground.counts.upstream_errors == {"10.0.0.1:53": 1, "10.0.0.2:53": 0}
    assert ground.counts.upstream_queries == {"10.0.0.1:53": 1, "10.0.0.2:53": 1}


def test_servers_that_are_no_longer_used_are_forgotten() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.flights.unreachable(ground.upstream.sent[0].flight, ONE, ground.now)
    ground.flights.use_servers(ResolvConf((TWO,)))
    ground.flights.use_servers(ResolvConf((ONE, TWO)))
    ground.board("b.example")
    assert ground.hosts == "1 2 1"


# --- over tcp -----------------------------------------------------------------------------------


def test_a_cut_answer_is_asked_for_again_over_tcp() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.say(ground.upstream.sent[0], cut=True)
    assert ground.hosts == "1 1+"
    ground.wait(0.5)
    assert ground.hosts == "1 1+ 2+"
    ground.say(ground.upstream.sent[0], cut=True)
    assert ground.hosts == "1 1+ 2+", "it is on its way over TCP already"
    ground.say(ground.upstream.sent[1])
    said = ground.ends[0][1]
    assert said is not None
    assert not said.truncated


def test_cut_over_tcp_is_a_failure_and_the_first_cut_answer_is_better_than_none() -> None:
    ground = Ground(ONE)
    ground.board()
    ground.say(ground.upstream.sent[0], cut=True)
    ground.say(ground.upstream.sent[1], cut=True)
    said = ground.ends[0][1]
    assert said is not None
    assert said.truncated


def test_if_there_is_no_way_over_tcp_the_next_server_is_asked() -> None:
    ground = Ground(ONE, TWO)
    ground.board()
    ground.upstream.out_of_reach = {ONE.host}
    ground.say(ground.upstream.sent[0], cut=True)
    assert ground.hosts == "1 2+"


# --- bounds -------------------------------------------------------------------------------------


def test_without_servers_nobody_waits() -> None:
    assert Ground().board() == NO_SERVER


def test_equal_questions_share_a_flight_up_to_a_number() -> None:
    ground = Ground(ONE)
    for _ in range(MOST_WAITING):
        assert ground.board() is None
    assert ground.board() == TOO_MANY
    assert ground.counts.coalesced == MOST_WAITING - 1
    assert ground.hosts == "1"
    ground.say(ground.upstream.sent[0])
    assert len(ground.ends[0][0].waiting) == MOST_WAITING
    assert ground.flights.get(ground.ends[0][0].key) is None


def test_flights_are_bounded() -> None:
    ground = Ground(ONE)
    for number in range(MOST_FLIGHTS):
        assert ground.board(f"n{number}.example") is None
    assert ground.board("more.example") == TOO_MANY
    assert len(ground.flights) == MOST_FLIGHTS == len(ground.upstream.open)


def test_a_question_that_nobody_answers_makes_room_for_a_new_one() -> None:
    ground = Ground(ONE)
    assert ground.board("oldest.example") is None
    ground.wait(0.1)
    for number in range(MOST_FLIGHTS - 1):
        assert ground.board(f"n{number}.example") is None
    ground.wait(0.35)
    assert ground.board("more.example") is None
    assert [(end[0].query.name, end[2]) for end in ground.ends] == [
        (b"\6oldest\7example\0", TOO_MANY)
    ]
    assert ground.board("too-much.example") == TOO_MANY
    assert len(ground.flights) == MOST_FLIGHTS


def test_those_who_share_flights_are_bounded_in_all() -> None:
    ground = Ground(ONE)
    names = [f"n{number}.example" for number in range(MOST_JOINED // 512)]
    for name in names:
        assert [ground.board(name) for _ in range(513)] == [None] * 513
    assert ground.board(names[0]) == TOO_MANY
    assert ground.board("more.example") is None
    ground.say(ground.upstream.sent[0])
    assert ground.board(names[1]) is None
