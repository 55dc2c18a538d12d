"""What is counted, and how a scraper reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_net.serving.families import Family, gauge, labels_text, number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX: Final = "kuma_cni_"
VERBS: Final = ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")


class Counts:
    """Numbers that only grow, but for ``bad_files`` and ``ready``."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.started = 0.0
        self.ready = False
        self.bad_files = 0
        self.installs = {"done": 0, "failed": 0}
        self.kubeconfigs = {"written": 0, "failed": 0}
        self.undone: dict[str, int] = {}
        self.requests: dict[tuple[str, str], int] = {}
        self.seconds: dict[str, float] = {}
        self.lines = {"printed": 0, "dropped": 0}

    def count_call(self, verb: str, failed: bool, seconds: float) -> None:
        """Count a call of the plugin, as its log tells of it."""
        verb = verb if verb in VERBS else "other"
        key = (verb, "failed" if failed else "done")
        self.requests[key] = self.requests.get(key, 0) + 1
        self.seconds[verb] = self.seconds.get(verb, 0.0) + seconds


def families(counts: Counts) -> Iterator[Family]:
    """Yield what there is to scrape."""
    yield _by(
        "installs_total",
        "Times that the plugin was put in place, or could not be.",
        [({"result": result}, count) for result, count in counts.installs.items()],
    )
    yield gauge(
        PREFIX + "install_ready",
        "Whether the container runtime of this node would call the plugin now.",
        int(counts.ready),
    )
    yield _by(
        "undone_total",
        "Times that somebody else took the plugin out, by whom.",
        [({"culprit": name}, count) for name, count in sorted(counts.undone.items())],
    )
    yield gauge(
        PREFIX + "bad_configuration_files",
        "Files before the plugin's that no runtime can read; containerd stops at such a one.",
        counts.bad_files,
    )
    yield _by(
        "kubeconfig_writes_total",
        "Times that the kubeconfig was written, or could not be.",
        [({"result": result}, count) for result, count in counts.kubeconfigs.items()],
    )
    yield _by(
        "plugin_requests_total",
        "Calls of the plugin, as its log told of them.",
        [
            ({"verb": verb, "result": result}, count)
            for (verb, result), count in sorted(counts.requests.items())
        ],
    )
    yield _Seconds(counts)
    yield _by(
        "plugin_log_lines_total",
        "Lines received from plugins, printed or dropped.",
        [({"result": result}, count) for result, count in counts.lines.items()],
    )
    yield gauge(
        PREFIX + "start_time_seconds", "When the installer started, since 1970.", counts.started
    )


def _by(name: str, text: str, series: list[tuple[dict[str, str], float]]) -> Family:
    return Family(PREFIX + name, "counter", text, series)


class _Seconds(Family):
    """How long calls of the plugin took: sum and number, from which one gets the mean."""

    def __init__(self, counts: Counts) -> None:
        text = "Time that calls of the plugin took, as its log told of them."
        super().__init__(PREFIX + "plugin_request_seconds", "summary", text, ())
        self.counts = counts

    def lines(self, constant: dict[str, str]) -> Iterator[str]:
        """Yield sum and count of each verb."""
        yield from super().lines(constant)
        for verb, seconds in sorted(self.counts.seconds.items()):
            labels = labels_text(constant | {"verb": verb})
            number = sum(count for (one, _), count in self.counts.requests.items() if one == verb)
            yield f"{self.name}_sum{labels} {number_text(seconds)}\n"
            yield f"{self.name}_count{labels} {number}\n"


def exposition(found: Iterable[Family]) -> bytes:
    """Return the text of one scrape."""
    return "".join([line for family in found for line in family.lines({})]).encode()
