"""Everything that is not ours: kept, on its way, failed, stale."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from kuma_dns.counts import Counts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.answer import BRIEFLY, NEVER, Answer
from kuma_dns.resolve.authority import Authority
from kuma_dns.resolve.flights import MOST_WAITING
from kuma_dns.resolve.forward import Forwarder
from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.wire.message import MX, REFUSED, SERVFAIL
from kuma_dns.wire.query import Query
from lab.messages import AD, CD, DO, RD, TC, ask, message, opt, option, question
from lab.upstreams import Listener, PaperUpstream, address, alias, response

ONE, TWO = Server("10.0.0.1"), Server("10.0.0.2")
ASKED = ask("www.example.org")


class Scene:
    """A forwarder with paper around it."""

    def __init__(self, *servers: Server, stale: float = 0.0) -> None:
        """Begin without names."""
        self.upstream = PaperUpstream()
        self.counts = Counts()
        self.forward = Forwarder(self.upstream, self.counts, serve_stale=stale)
        self.forward.use_servers(ResolvConf(servers or (ONE,)))
        self.now = 100.0

    def use(self, *records: str) -> None:
        """Let these be the names of the mesh."""
        block = Joined([read_records(records)], Zones()).block()
        self.forward.use_authority(Authority(Zones(), Table(block)))

    def ask(self, packet: bytes = ASKED, listener: Listener | None = None) -> Answer | None:
        """Let a client ask."""
        return self.forward.answer(Query(packet), listener or Listener(), self.now)

    def say(self, *rows: bytes, rcode: int = 0, cut: bool = False) -> None:
        """Let the newest query be answered."""
        sent = self.upstream.sent[-1]
        packet = response(sent.packet, rows, rcode=rcode, cut=cut)
        self.forward.flights.received(sent.flight, sent.server, packet, self.now, tcp=sent.tcp)

    def lose(self) -> None:
        """Let the newest query meet nobody."""
        sent = self.upstream.sent[-1]
        self.forward.flights.unreachable(sent.flight, sent.server, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, from one due time to the next."""
        end = self.now + seconds
        while (due := self.forward.due()) is not None and due <= end:
            self.now = max(due, self.now)
            self.forward.tick(self.now)
        self.now = end

    def kept(self, packet: bytes = ASKED, *rows: bytes) -> None:
        """Have an answer in the cache."""
        self.ask(packet)
        self.say(*(rows or (address(ttl=100),)))


def read(answer: Answer | None) -> dns.message.Message:
    assert answer is not None
    return dns.message.from_wire(answer.packet)


# --- the way there and back ---------------------------------------------------------------------


def test_everybody_who_waits_is_answered_with_her_id_and_letters() -> None:
    scene, first, second = Scene(), Listener(), Listener(tcp=True)
    again = ask("WWW.example.org", ident=4711)
    assert scene.ask(listener=first) is None
    assert scene.ask(again, second) is None
    assert len(scene.upstream.sent) == 1
    scene.say(address())
    assert [packet[:2] for packet in first.heard + second.heard] == [ASKED[:2], again[:2]]
    assert again[12:29] in second.heard[0]
    assert scene.counts.queries["A", "upstream"] == 2
    assert scene.counts.coalesced == 1


def test_an_answer_is_kept_and_given_with_what_is_left_of_its_time() -> None:
    scene = Scene()
    scene.kept()
    scene.wait(30)
    answer = scene.ask()
    assert read(answer).answer[0].ttl == 70
    assert answer is not None
    assert answer.keep == BRIEFLY
    assert scene.counts.queries["A", "cache"] == 1
    assert scene.counts.cache_misses == 1
    scene.wait(70)
    assert scene.ask() is None


@pytest.mark.parametrize(
    "other",
    [
        ask("www.example.org", MX),
        ask("www.example.org", flags=0),
        ask("www.example.org", flags=RD | CD),
        ask("www.example.org", flags=RD | AD),
        ask("www.example.org", flags=RD | TC),
        ask("www.example.org", extra=opt()),
        ask("www.example.org", extra=opt(flags=DO)),
        ask("www.example.org", extra=opt(options=option(8))),
    ],
)
def test_questions_that_differ_are_different_questions(other: bytes) -> None:
    scene = Scene()
    scene.kept()
    scene.kept(ask("www.example.org", extra=opt(options=option(9))))
    assert scene.ask(other) is None
    assert len(scene.upstream.sent) == 3


@pytest.mark.parametrize(
    "odd",
    [
        ask("www.example.org", extra=opt(options=option(8, b"subnet"))),
        message(question("www.example.org") + address(owner=b"\0"), (1, 0, 0, 1)),
    ],
)
def test_a_question_of_its_own_kind_is_not_kept_and_shared_only_with_its_twin(odd: bytes) -> None:
    scene, twin = Scene(), Listener()
    scene.ask(odd)
    scene.ask(b"\x12\x34" + odd[2:], twin)
    assert len(scene.upstream.sent) == 1
    scene.say(address())
    assert len(twin.heard) == 1
    assert scene.ask(odd) is None


def test_whether_a_question_flies_and_what_is_kept_can_be_seen() -> None:
    scene = Scene()
    query = Query(ASKED)
    assert scene.forward.peek(query) is None
    scene.ask()
    assert scene.forward.is_flying(query)
    scene.say(address())
    assert not scene.forward.is_flying(query)
    assert scene.forward.peek(query) is not None


def test_what_is_too_long_for_the_client_is_cut_for_her_alone() -> None:
    scene, udp, tcp = Scene(), Listener(), Listener(tcp=True)
    many = [address(f"192.0.2.{n}") for n in range(60)]
    scene.ask(listener=udp)
    scene.ask(listener=tcp)
    scene.say(*many)
    assert len(udp.heard[0]) <= 512
    assert dns.message.from_wire(udp.heard[0]).flags & dns.flags.TC
    assert len(dns.message.from_wire(tcp.heard[0]).answer[0]) == 60
    answer = scene.ask(listener=tcp)
    assert answer is not None
    assert (len(answer.packet) > 512, answer.keep) == (True, NEVER)


# --- failure ------------------------------------------------------------------------------------


def test_without_servers_the_error_says_why() -> None:
    scene = Scene()
    scene.forward.use_servers(ResolvConf())
    told = read(scene.ask(ask("www.example.org", extra=opt())))
    assert told.rcode() == dns.rcode.SERVFAIL
    assert "no upstream server is known" in str(told.options[0])
    assert scene.counts.rcodes["servfail"] == 1


def test_too_many_clients_of_one_question_are_told() -> None:
    scene = Scene()
    for _ in range(MOST_WAITING):
        scene.ask()
    assert read(scene.ask()).rcode() == dns.rcode.SERVFAIL


def test_when_nobody_answers_the_error_says_why() -> None:
    scene, listener = Scene(), Listener()
    scene.ask(ask("www.example.org", extra=opt()), listener)
    scene.wait(10)
    told = dns.message.from_wire(listener.heard[0])
    assert told.rcode() == dns.rcode.SERVFAIL
    assert told.options[0].code == dns.edns.EDECode.NO_REACHABLE_AUTHORITY


def test_a_refusal_is_relayed_and_not_kept() -> None:
    scene, listener = Scene(), Listener()
    scene.ask(listener=listener)
    scene.say(rcode=REFUSED)
    assert dns.message.from_wire(listener.heard[0]).rcode() == dns.rcode.REFUSED
    assert scene.ask() is None


def test_if_the_whole_answer_cannot_be_had_those_by_tcp_get_an_error() -> None:
    scene, udp, tcp = Scene(), Listener(), Listener(tcp=True)
    scene.ask(listener=udp)
    scene.ask(listener=tcp)
    scene.say(cut=True)
    scene.lose()
    assert dns.message.from_wire(udp.heard[0]).flags & dns.flags.TC
    assert dns.message.from_wire(tcp.heard[0]).rcode() == dns.rcode.SERVFAIL


# --- into the mesh ------------------------------------------------------------------------------


def test_a_cname_into_the_mesh_follows_the_names_of_the_day() -> None:
    scene, listener = Scene(), Listener()
    scene.use("one.mesh=240.0.0.1")
    scene.ask(listener=listener)
    scene.say(alias("one.mesh"))
    assert "240.0.0.1" in str(dns.message.from_wire(listener.heard[0]))
    scene.use("one.mesh=240.0.0.2")
    answer = scene.ask()
    assert "240.0.0.2" in str(read(answer))
    assert answer is not None
    assert answer.keep == NEVER


def test_a_servfail_about_our_name_is_no_failure() -> None:
    scene, listener = Scene(ONE, TWO), Listener()
    scene.use("one.mesh=240.0.0.1")
    scene.ask(listener=listener)
    scene.say(alias("one.mesh"), rcode=SERVFAIL)
    assert dns.message.from_wire(listener.heard[0]).rcode() == dns.rcode.NOERROR
    assert len(scene.upstream.sent) == 1


def test_a_cname_to_nothing_is_kept_only_as_long_as_we_know_its_end() -> None:
    scene = Scene()
    scene.kept(ASKED, alias("api.example.com"))
    assert scene.ask() is None
    scene.use("api.example.com=240.0.0.1")
    scene.say(alias("api.example.com"))
    assert scene.ask() is not None
    scene.use("other.example.com=240.0.0.1")
    assert scene.ask() is None


def test_a_cname_elsewhere_is_relayed_and_may_be_remembered() -> None:
    scene = Scene()
    scene.use("one.mesh=240.0.0.1")
    scene.kept(ASKED, alias("a.example"), address(owner=b"\1a\7example\0"))
    answer = scene.ask()
    assert answer is not None
    assert answer.keep == BRIEFLY


def test_what_leads_to_a_name_of_ours_that_has_no_such_type_is_relayed() -> None:
    scene, listener = Scene(), Listener()
    scene.use("api.example.com=240.0.0.1")
    scene.ask(ask("www.example.org", MX), listener)
    scene.say(alias("api.example.com"))
    assert [str(rrset) for rrset in dns.message.from_wire(listener.heard[0]).answer] == [
        "www.example.org. 300 IN CNAME api.example.com."
    ]


# --- stale --------------------------------------------------------------------------------------


def stale_scene() -> Scene:
    scene = Scene(stale=1000.0)
    scene.kept()
    scene.wait(200)
    return scene


def test_if_asking_fails_a_stale_answer_is_given_and_nobody_asked_for_a_while() -> None:
    scene, listener = stale_scene(), Listener()
    assert scene.ask(listener=listener) is None
    scene.lose()
    assert dns.message.from_wire(listener.heard[0]).answer[0].ttl == 30
    assert read(scene.ask()).answer[0].ttl == 30
    assert len(scene.upstream.sent) == 2
    assert scene.counts.stale_answers == 2
    scene.wait(30)
    assert scene.ask() is None


def test_silence_gets_a_stale_answer_after_a_while_and_the_question_flies_on() -> None:
    scene, listener = stale_scene(), Listener()
    scene.ask(listener=listener)
    scene.wait(1.7)
    assert listener.heard == []
    scene.wait(0.2)
    assert len(listener.heard) == 1
    assert read(scene.ask()).answer[0].ttl == 30, "nobody waits for a server known to be silent"
    scene.say(address(ttl=77))
    assert len(listener.heard) == 1
    assert read(scene.ask()).answer[0].ttl == 77


def test_whoever_was_answered_in_time_gets_nothing_stale() -> None:
    scene, listener = stale_scene(), Listener()
    scene.ask(listener=listener)
    scene.say(address(ttl=0))
    scene.wait(5)
    assert [dns.message.from_wire(packet).answer[0].ttl for packet in listener.heard] == [0]


def test_if_nothing_can_be_sent_a_stale_answer_is_there_at_once() -> None:
    scene = stale_scene()
    scene.upstream.out_of_reach = {ONE.host}
    assert read(scene.ask()).answer[0].ttl == 30


def test_a_stale_cname_into_the_mesh_is_completed_from_today() -> None:
    scene, listener = Scene(stale=1000.0), Listener()
    scene.use("one.mesh=240.0.0.1")
    scene.kept(ASKED, alias("one.mesh"))
    scene.use("one.mesh=240.0.0.2")
    scene.wait(400)
    scene.ask(listener=listener)
    scene.lose()
    assert "240.0.0.2" in str(dns.message.from_wire(listener.heard[0]))


def test_a_long_stale_answer_is_cut_like_any_other() -> None:
    scene, listener = Scene(stale=1000.0), Listener()
    scene.kept(ASKED, *[address(f"192.0.2.{n}") for n in range(60)])
    scene.wait(400)
    scene.ask(listener=listener)
    scene.lose()
    assert len(listener.heard[0]) <= 512
