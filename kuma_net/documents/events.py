"""YAML by events of libyaml: the reader for every document that is not simple.

PyYAML's loaders build nodes from events and values from nodes, by YAML 1.1 (``53:59`` is a
number, ``no`` is false) and with the last of two equal keys winning in silence.  Taking the
events ourselves is three times as fast and leaves these decisions to us; the same code runs on
PyYAML's pure parser where the C extension is missing.

Aliases are kept as references to one value, but counted as if written out: a document of one
kilobyte can otherwise stand for gigabytes (the "billion laughs").  What surprised us: an alias
inside its own anchor is legal YAML; it is refused here, as the value would have no end.
"""

from __future__ import annotations

from kuma_net.documents import DEEPEST, DocumentError, place
from kuma_net.documents.scalars import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from kuma_net.documents import Plain

    Measured: TypeAlias = tuple[Plain, int, int]
    """A value, how many values it stands for, and how deep it is nested."""

MOST_VALUES = 1_000_000
"""How many values a document may stand for once its aliases are written out."""

QUOTE_STAR = "* begins an alias; put the text in quotes to mean a star"
TAG = "tag:yaml.org,2002:"
MERGE = "<<"


class _Frame:
    """A mapping or list that is being read."""

    def __init__(self, event: Any, value: Any, seen: int) -> None:  # noqa: ANN401 - untyped library
        self.event = event
        self.value = value
        self.seen = seen
        self.height = 1
        self.key: str | None = None
        self.merging = False
        self.merged: list[Plain] = []


def read_events(text: str) -> Plain:
    """Return the one document in ``text``; raises ``DocumentError`` with line and column."""
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        return _Builder(yaml, loader).document()
    except yaml.MarkedYAMLError as error:
        raise _explained(error) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise DocumentError("document", f"not YAML: {str(error).splitlines()[0]}") from None


def _explained(error: Any) -> DocumentError:  # noqa: ANN401 - untyped library
    """Return libyaml's message with its place, and a hint for the usual mistakes."""
    mark = error.problem_mark or error.context_mark
    context = error.context or ""
    wrong = ": ".join(piece for piece in (context, error.problem) if piece)
    right = QUOTE_STAR if "alias" in context else ""
    if "character that cannot start any token" in wrong:
        right = "indent with blanks, not tabs; quote texts that begin with @, ` or %"
    return DocumentError(place(mark.line, mark.column), f"not YAML: {wrong}", right)


class _Builder:
    """Builds plain values from the events of one loader."""

    def __init__(self, yaml: Any, loader: Any) -> None:  # noqa: ANN401 - untyped library
        self.yaml = yaml
        self.next_event = loader.get_event
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Measured] = {}
        self.seen = 0
        self.root: Plain = None

    def document(self) -> Plain:
        """Read the stream; more than one document in it is refused."""
        yaml = self.yaml
        documents = 0
        while True:
            event = self.next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.put(event, (self.scalar(event), 1, 0))
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                self.open(event, [] if kind is yaml.SequenceStartEvent else {})
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                self.close()
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _at(event, "a second document begins", "give each a file of its own")
            elif kind is yaml.StreamEndEvent:
                return self.root

    def open(self, event: Any, value: Plain) -> None:  # noqa: ANN401 - untyped library
        """Begin a mapping or a list."""
        if event.tag not in {None, "!", TAG + ("seq" if isinstance(value, list) else "map")}:
            raise _at(event, f"unknown tag {event.tag}")
        if len(self.frames) >= DEEPEST:
            raise _at(event, "nested too deeply", f"{DEEPEST} levels are the most")
        self.frames.append(_Frame(event, value, self.seen))
        if event.anchor:
            self.anchors.pop(event.anchor, None)

    def close(self) -> None:
        """End a mapping or a list and put it where it belongs."""
        frame = self.frames.pop()
        for merged in frame.merged:
            for key, item in merged.items() if isinstance(merged, dict) else ():
                frame.value.setdefault(key, item)
        size = self.seen - frame.seen + 1
        self.seen = frame.seen
        self.put(frame.event, (frame.value, size, frame.height))

    def alias(self, event: Any) -> None:  # noqa: ANN401 - untyped library
        """Put an anchored value in a second place."""
        if event.anchor not in self.anchors:
            if any(frame.event.anchor == event.anchor for frame in self.frames):
                raise _at(event, f"*{event.anchor} stands inside of itself")
            raise _at(event, f"*{event.anchor} refers to nothing", QUOTE_STAR)
        _, size, height = self.anchors[event.anchor]
        if self.seen + size > MOST_VALUES:
            raise _at(event, "aliases make the document too large", f"at most {MOST_VALUES} values")
        if len(self.frames) + height > DEEPEST:
            raise _at(event, "nested too deeply", f"{DEEPEST} levels are the most")
        self.put(event, self.anchors[event.anchor])

    def put(self, event: Any, finished: Measured) -> None:  # noqa: ANN401 - untyped library
        """Put a finished value into the list or mapping that is open, or make it the document."""
        value, size, height = finished
        self.seen += size
        if event.anchor:
            self.anchors[event.anchor] = finished
        if not self.frames:
            self.root = value
            return
        frame = self.frames[-1]
        frame.height = max(frame.height, height + 1)
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            frame.key = self.key(event, value, frame)
        else:
            if frame.merging:
                frame.merged += _mappings(event, value)
            else:
                frame.value[frame.key] = value
            frame.key = None
            frame.merging = False

    def key(self, event: Any, value: Plain, frame: _Frame) -> str:  # noqa: ANN401 - untyped library
        """Return a key as JSON has it, a text; refuse one that stands twice."""
        if isinstance(value, dict | list):
            raise _at(event, "a key must be a text")
        if value == MERGE and type(event) is self.yaml.ScalarEvent and event.implicit[0]:
            frame.merging = True
            return MERGE
        key = value if isinstance(value, str) else _json_key(value)
        if key in frame.value:
            raise _at(event, f"the key {key!r} stands twice in one mapping")
        return str(key)

    def scalar(self, event: Any) -> Plain:  # noqa: ANN401 - untyped library
        """Return the value of a scalar by its style and tag."""
        tag, text = event.tag, event.value
        if tag is None:
            return resolve(text) if event.implicit[0] else str(text)
        if tag in {"!", f"{TAG}str"}:
            return str(text)
        value = resolve(text)
        wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}
        if type(value) is not wanted.get(tag.removeprefix(TAG)):
            raise _at(event, f"{text!r} does not fit the tag {tag}")
        return value


def _mappings(event: Any, value: Plain) -> list[Plain]:  # noqa: ANN401 - untyped library
    """Return the mappings that ``<<`` brings in, the first of which wins."""
    mappings: list[Plain] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in mappings):
        raise _at(event, "<< needs a mapping, or a list of mappings")
    return mappings


def _json_key(value: Plain) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _at(event: Any, wrong: str, right: str = "") -> DocumentError:  # noqa: ANN401 - untyped library
    """Return an error at the place where an event begins."""
    mark = event.start_mark
    return DocumentError(place(mark.line, mark.column), wrong, right)
