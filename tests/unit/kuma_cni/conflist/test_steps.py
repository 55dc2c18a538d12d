"""Steps: what becomes of a folder."""

from __future__ import annotations

from kuma_cni.conflist.steps import Drop, Keep, Rename, Write, apply


def test_each_step_does_what_it_says() -> None:
    steps = (Write("new", b"1", "old"), Keep("old"), Rename("b", "new"), Drop("a"), Drop("gone"))
    assert apply({"old": b"0", "a": b"a", "b": b"b"}, steps) == {
        "old": b"0",
        "old.before-kuma-cni": b"0",
        "new": b"b",
    }
