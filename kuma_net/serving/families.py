"""Families of metrics as Prometheus reads them: the text exposition format 0.0.4.

Each family is written whole, in one piece, its ``HELP`` and ``TYPE`` before it: readers refuse a
family that begins twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Family:
    """One family of series: name, type, help, and (labels, value) of each."""

    def __init__(
        self, name: str, kind: str, text: str, series: Iterable[tuple[dict[str, str], float]]
    ) -> None:
        """Keep what is to be told; ``kind`` is counter, gauge, histogram or summary."""
        self.name = name
        self.kind = kind
        self.text = text
        self.series = tuple(series)

    def lines(self, constant: dict[str, str]) -> Iterator[str]:
        """Yield the lines, each with its newline."""
        yield f"# HELP {self.name} {self.text}\n# TYPE {self.name} {self.kind}\n"
        for labels, value in self.series:
            yield f"{self.name}{labels_text(constant | labels)} {number_text(value)}\n"


def counter(name: str, text: str, value: float) -> Family:
    """Return a family of one series that only grows."""
    return Family(name, "counter", text, [({}, value)])


def gauge(name: str, text: str, value: float) -> Family:
    """Return a family of one series that goes up and down."""
    return Family(name, "gauge", text, [({}, value)])


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels in braces, nothing where there are none."""
    if not labels:
        return ""
    return "{" + ",".join([f'{name}="{_escaped(text)}"' for name, text in labels.items()]) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number_text(value: float) -> str:
    """Return a number as Go prints it: whole ones without a point."""
    return repr(int(value)) if value == int(value) else repr(float(value))
