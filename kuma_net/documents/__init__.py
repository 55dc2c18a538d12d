"""YAML and JSON text -> plain values: dict, list, str, int, float, bool, None.

The only package that knows ``yaml``, and it imports it as late as it can: 20 ms of a process
that lives 20.  Three readers, tried in this order:

* ``json`` for texts that begin with ``{``;
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
        return _load_json(text)
    from kuma_net.documents.simple import NotSimple, read_simple

    try:
        return read_simple(text)
    except NotSimple:
        return _load_yaml(text)


def _load_yaml(text: str) -> Plain:
    from kuma_net.documents.events import read_events

    return read_events(text)


def _load_json(text: str) -> Plain:
    """Read JSON; a flow mapping of YAML begins with ``{`` too, so that is tried second."""
    import json

    try:
        value: Plain = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if text.lstrip()[1:].lstrip()[:1] in {'"', "{", "["}:
            raise DocumentError(
                place(error.lineno - 1, error.colno - 1), f"not JSON: {error.msg}"
            ) from None
        return _load_yaml(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # a number of thousands of digits
        raise DocumentError("document", f"not JSON: {error}") from None
    if _depth(value) > DEEPEST:
        raise _too_deep()
    return value


def _too_deep() -> DocumentError:
    return DocumentError("document", "nested too deeply", f"{DEEPEST} levels are the most")


def _unique(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    """Refuse a key that stands twice in one object: one of its values would be lost."""
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DocumentError("document", f"the key {twice!r} stands twice in one mapping")
    return value


def _no_constant(name: str) -> Plain:
    raise DocumentError("document", f"{name} is no JSON", "write a number")


def _depth(value: Plain) -> int:
    """Return how deep a value is nested, without recursing."""
    depth = 0
    level: list[Plain] = [value]
    while level:
        depth += 1
        deeper: list[Plain] = []
        for one in level:
            inner = list(one.values()) if isinstance(one, dict) else one
            if isinstance(inner, list):
                deeper += [item for item in inner if isinstance(item, dict | list)]
        level = deeper
    return depth
