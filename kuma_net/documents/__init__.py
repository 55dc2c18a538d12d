"""YAML and JSON text -> plain values: dict, list, str, int, float, bool, None.

The only package that knows ``yaml``, and it imports it as late as it can: 20 ms of a process
that lives 20.  Three readers, tried in this order:

* ``json_text`` for texts that begin with ``{``, by the standard library's ``json``;
* ``simple`` for the part of YAML that configuration documents are written in (block mappings
  and lists of plain or quoted scalars): a few ms for ten thousand lines, no import at all.  It
  declines whatever it does not know, errors included;
* ``events`` for everything else: libyaml's parser, and pure Python's where the C extension is
  missing.

All agree on what a text means (property tests): scalars by the core schema of YAML 1.2
(``scalars``), keys as strings as in JSON, no key twice, one document in a text.
"""

from __future__ import annotations

from kuma_net.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"

DEEPEST = 100
"""How deep values may be nested: no document needs more, and readers of values may recurse."""


class DocumentError(InputError):
    """A text is no document.

    ``place`` is ``line N, column M`` (both from 1), or ``document`` where there is none;
    ``wrong`` says what is wrong and ``right`` what would be right.
    """

    def __init__(self, place: str, wrong: str, right: str = "") -> None:
        """Keep the place, what is wrong with it and what would be right."""
        self.place = place
        self.wrong = wrong
        self.right = right
        super().__init__(f"{place}: {wrong}" + (f"; {right}" if right else ""))


def place(line: int, column: int) -> str:
    """Return a place in words; ``line`` and ``column`` count from 0."""
    return f"line {line + 1}, column {column + 1}"


def load_document(text: str) -> Plain:
    """Return the one document in ``text``; None for an empty one; raises ``DocumentError``."""
    if text.lstrip().startswith("{"):
        from kuma_net.documents.json_text import read_json

        value = read_json(text)
        return _load_yaml(text) if value is None else value
    from kuma_net.documents.simple import NotSimple, read_simple

    try:
        return read_simple(text)
    except NotSimple:
        return _load_yaml(text)


def _load_yaml(text: str) -> Plain:
    from kuma_net.documents.events import read_events

    return read_events(text)
