"""Alarms: thousands are set, few ring."""

from __future__ import annotations

from kuma_dns.resolve.alarms import Alarms


def test_alarms_ring_when_their_time_has_come() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.set(10.4, "late")
    alarms.set(10.2, "early")
    assert alarms.due() == 10.2
    assert alarms.ring(10.1) == []
    assert alarms.ring(10.2) == ["early"]
    assert alarms.due() == 10.4
    assert alarms.ring(99.0) == ["late"]
    assert alarms.due() is None


def test_alarms_of_the_same_millisecond_ring_together() -> None:
    alarms: Alarms[str] = Alarms()
    assert alarms.set(1.0001, "one") == alarms.set(1.0004, "two")
    assert sorted(alarms.ring(1.0)) == ["one", "two"]


def test_a_cancelled_alarm_never_rings() -> None:
    alarms: Alarms[str] = Alarms()
    number = alarms.set(1.0, "one")
    alarms.set(1.0, "two")
    alarms.cancel(number, "one")
    alarms.cancel(number, "one")
    alarms.cancel(-1, "one")
    assert alarms.ring(1.0) == ["two"]
