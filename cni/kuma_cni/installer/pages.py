"""The pages of the HTTP server: /ready, /healthz, /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.installer.counts import exposition
from kuma_net.serving.families import CONTENT_TYPE
from kuma_net.serving.http import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kuma_net.serving.families import Family

_INDEX: Final = b"""\
/ready    200 while the container runtime would call the plugin, 503 with the reasons otherwise
/healthz  200 while the installer runs
/metrics  counters, for Prometheus
"""


class Pages:
    """Makes pages of what the installer knows."""

    def __init__(
        self, reasons: Callable[[], tuple[str, ...]], families: Callable[[], Iterable[Family]]
    ) -> None:
        """Ask these whenever a page is wanted."""
        self._reasons = reasons
        self._families = families

    def __call__(self, path: str, query: Mapping[str, str]) -> Page | None:
        """Return the page at a path; none of them asks for more."""
        del query
        if path == "/ready":
            return self._ready()
        if path == "/metrics":
            return Page(exposition(self._families()), CONTENT_TYPE)
        if path == "/healthz":
            return Page(b"ok\n")
        return Page(_INDEX) if path == "/" else None

    def _ready(self) -> Page:
        reasons = self._reasons()
        if not reasons:
            return Page(b"ready\n")
        return Page("".join([f"{reason}\n" for reason in reasons]).encode(), status=503)
