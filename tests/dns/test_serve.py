"""``kuma-dns serve`` when it cannot: one sentence for each thing in the way, and the right code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.dns_slow import SlowServer
from lab.host import run_here
from lab.programs import PROGRAMS

if TYPE_CHECKING:
    from lab.host import Ended


def serve(*words: str, **environ: str) -> Ended:
    """Run ``kuma-dns serve`` to its end; for when it cannot serve."""
    return run_here((PROGRAMS["kuma-dns"], "serve", *words), "", environ)


def sentences(ended: Ended, status: int) -> list[str]:
    """Return what a failing server said, without its name."""
    assert ended.status == status
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return [line.removeprefix("kuma-dns: ") for line in ended.stderr.splitlines()]


def test_ports_that_are_taken_are_told_all_at_once() -> None:
    one, two = SlowServer(), SlowServer()
    ended = serve(
        *("--listen", one.place),
        *("--listen", "127.0.0.1:0"),
        *("--listen", "192.0.2.7:5300"),
        *("--http", two.place),
    )
    one.close()
    two.close()
    assert sentences(ended, 1) == [
        f"cannot listen at {one.place} (UDP): another program listens there already",
        "cannot listen at 192.0.2.7:5300 (UDP): this host has no such address",
        f"cannot listen at {two.place} (HTTP): another program listens there already",
    ]


def test_mistakes_are_told_all_at_once_and_nothing_is_opened() -> None:
    ended = serve("--listen", "localhost", "--tcp-idel", "3s", KUMA_DNS_TTL="x")
    heading, *mistakes = sentences(ended, 2)
    assert heading == "3 mistakes, nothing was changed:"
    assert [mistake.partition(";")[0] for mistake in mistakes] == [
        "  --tcp-idel: unknown flag",
        "  --ttl: 'x' (from env KUMA_DNS_TTL): not a time to live in seconds",
        "  --listen: 'localhost': not an address and a port",
    ]


def test_a_user_who_is_not_there_is_a_mistake() -> None:
    ended = serve("--listen", "127.0.0.1:0", "--http", "off", "--user", "no-such-user")
    (told,) = sentences(ended, 2)
    assert told.startswith("--user: 'no-such-user': there is no such user; write the name of")
