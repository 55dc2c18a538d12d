"""Why an answer is what it is: the same verdicts as the answers themselves."""

from __future__ import annotations

import pytest

from kuma_dns.names.join import Joined
from kuma_dns.names.source import Names
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.authority import Authority
from kuma_dns.resolve.cache import Kept
from kuma_dns.resolve.explain import Explanation, Outlook, explain, plain_query
from kuma_dns.resolve.servers import Server
from kuma_dns.wire.message import rcode_text, type_number
from kuma_dns.wire.name import key_of, reverse_of
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import reply
from kuma_dns.wire.response import Response

FOUR, FIVE = bytes((240, 0, 0, 4)), bytes((240, 0, 0, 5))
SIX = bytes(15) + b"\6"
ZONES = Zones(("mesh", "corp.example"))
SERVERS = (Server("10.0.0.53"), Server("::1", 5353))


def authority() -> Authority:
    """Return the names of two sources."""
    one = Names(
        "file one",
        [
            (key_of("backend.mesh"), FOUR + FIVE, SIX),
            (key_of("web_shop_svc_80.mesh"), FIVE, b""),
            (key_of("quarrel.mesh"), FOUR, b""),
            (key_of("partner.example"), FOUR, b""),
            (key_of("corp.example"), FIVE, b""),
        ],
    )
    two = Names("file two", [(key_of("quarrel.mesh"), FIVE, b"")])
    joined = Joined([one, two], ZONES)
    return Authority(ZONES, Table(joined.block()), (key_of("cluster.local"),))


NAMES = authority()


def told(name: str | bytes, kind: str = "A", outlook: Outlook | None = None) -> Explanation:
    """Return what is said of a name."""
    key = key_of(name) if isinstance(name, str) else name
    number = type_number(kind)
    assert number is not None
    return explain(ZONES, NAMES, plain_query(key, number), outlook or Outlook(SERVERS), 100.0)


@pytest.mark.parametrize(
    ("name", "kind", "verdict", "rcode"),
    [
        ("backend.mesh", "A", "known", "NOERROR"),
        ("backend.mesh", "AAAA", "known", "NOERROR"),
        ("backend.mesh", "ANY", "known", "NOERROR"),
        ("backend.mesh", "TXT", "no-data", "NOERROR"),
        ("web.shop.svc.80.mesh", "A", "known", "NOERROR"),
        ("web.shop.svc.80.mesh", "AAAA", "no-data", "NOERROR"),
        ("svc.80.mesh", "A", "no-data", "NOERROR"),
        ("nobody.mesh", "A", "unknown", "NXDOMAIN"),
        ("mesh", "SOA", "known", "NOERROR"),
        ("mesh", "A", "no-data", "NOERROR"),
        ("corp.example", "SOA", "known", "NOERROR"),
        ("corp.example", "A", "known", "NOERROR"),
        ("quarrel.mesh", "A", "collision", "SERVFAIL"),
        ("partner.example", "A", "known", "NOERROR"),
        ("partner.example", "AAAA", "no-data", "NOERROR"),
        ("backend.mesh.cluster.local", "A", "expansion", "NXDOMAIN"),
        ("backend.mesh", "AXFR", "refused", "REFUSED"),
        ("partner.example", "TXT", "upstream", None),
        ("www.example.org", "A", "upstream", None),
    ],
)
def test_the_verdict_is_that_of_the_answer(
    name: str, kind: str, verdict: str, rcode: str | None
) -> None:
    assert told(name, kind).verdict == verdict
    number = type_number(kind)
    assert number is not None
    answer = NAMES.answer(plain_query(key_of(name), number))
    given = None if answer is None else rcode_text(answer.packet[3] & 15)
    assert given == rcode


def test_a_known_name_names_its_source_zone_and_addresses() -> None:
    said = told("backend.mesh")
    assert said.source == "file one"
    assert said.zone == "mesh"
    assert said.answer == ("240.0.0.4", "240.0.0.5")
    assert said.why == (
        "The name is in our zone mesh: nobody else is ever asked for it.",
        "It is known from file one.",
        "Its answer is ours. They take turns in leading.",
    )
    assert told("backend.mesh", "AAAA").answer == ("::6",)
    assert told("partner.example").why[0] == "The name is in none of our zones."


def test_another_spelling_is_told_as_one() -> None:
    why = told("web.shop.svc.80.mesh").why[1]
    assert why == "It is known from file one as another spelling of one of its names."


def test_a_name_without_that_type_tells_what_it_has() -> None:
    why = told("web_shop_svc_80.mesh", "AAAA").why
    assert why[-1] == "It has 240.0.0.5, nothing of type AAAA."


def test_a_collision_tells_what_was_said_of_it_and_of_nothing_else() -> None:
    outlook = Outlook(violations=("quarrel.mesh: is so and so", "other.mesh: is not"))
    why = told("quarrel.mesh", "A", outlook).why
    assert why[1:] == ("Sources contradict each other: SERVFAIL.", "quarrel.mesh: is so and so")


def test_the_reverse_of_an_address_is_explained() -> None:
    said = told(reverse_of(FOUR), "PTR")
    assert (said.verdict, said.source) == ("reverse", "file one")
    assert said.answer == ("backend.mesh",)
    assert told(reverse_of(FOUR), "TXT").verdict == "upstream"
    assert told(reverse_of(b"\1\2\3\4"), "PTR").verdict == "upstream"


def test_before_the_first_names_the_mesh_waits_and_the_rest_does_not() -> None:
    query = plain_query(key_of("backend.mesh"), 1)
    assert explain(ZONES, None, query, Outlook(SERVERS), 0.0).verdict == "waiting"
    other = plain_query(key_of("www.example.org"), 1)
    assert explain(ZONES, None, other, Outlook(SERVERS), 0.0).verdict == "upstream"


def test_who_is_asked_is_told_in_order() -> None:
    said = told("www.example.org")
    assert said.servers == ("10.0.0.53:53", "[::1]:5353")
    assert said.why[-1] == "It is not in the cache; asked is 10.0.0.53:53, then [::1]:5353."
    flying = told("www.example.org", "A", Outlook(SERVERS, flying=True))
    assert "the question is on its way to 10.0.0.53:53" in flying.why[-1]
    assert told("www.example.org", "A", Outlook()).verdict == "hopeless"


def test_the_cache_is_told_with_the_time_that_is_left() -> None:
    query = plain_query(key_of("www.example.org"), 1)
    kept = Kept(_response(query), 90.0, 142.5)
    said = told("www.example.org", "A", Outlook(SERVERS, kept))
    assert (said.verdict, said.left) == ("cached", 42.5)
    assert said.why[-1] == "Another server said NXDOMAIN, which the cache believes for 42 s more."
    over = told("www.example.org", "A", Outlook(SERVERS, kept._replace(ends=99.0)))
    assert (over.verdict, over.left) == ("stale", 0.0)
    assert "time is over" in over.why[-1]


def _response(query: Query) -> Response:
    return Response(reply(query, 3), query)
