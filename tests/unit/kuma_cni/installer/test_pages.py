"""Pages: ready or why not."""

from __future__ import annotations

from kuma_cni.installer.counts import Counts, families
from kuma_cni.installer.pages import Pages


def pages(*reasons: str) -> Pages:
    return Pages(lambda: reasons, lambda: families(Counts()))


def test_ready_is_200_or_503_with_every_reason() -> None:
    ready = pages()("/ready", {})
    assert ready is not None
    assert (ready.status, ready.body) == (200, b"ready\n")
    not_yet = pages("one", "two")("/ready", {})
    assert not_yet is not None
    assert (not_yet.status, not_yet.body) == (503, b"one\ntwo\n")


def test_the_other_pages() -> None:
    for path, begins in (("/", b"/ready"), ("/healthz", b"ok"), ("/metrics", b"# HELP kuma_cni_")):
        page = pages("not ready")(path, {})
        assert page is not None
        assert page.status == 200
        assert isinstance(page.body, bytes)
        assert page.body.startswith(begins)
    assert pages()("/etc/passwd", {}) is None
