"""JSON both ways by the interpreter's own C code, as strict as our YAML.

Reading: no key twice, no NaN, no number beyond what a float holds, not too deep.  A flow mapping
of YAML begins with ``{`` too (``{redirect: {dns: {enabled: true}}}``).  What is no JSON and does
not begin like an object of JSON is therefore left to the YAML reader.

What surprised us: nearly all of what importing ``json`` costs (8 ms) is ``re``, which its Python
part needs to skip blanks; scanner and encoder are in C, in ``_json``.  Only the words of an error
are in ``json.decoder``.
"""

from __future__ import annotations

from kuma_net.documents import DEEPEST, DocumentError, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from kuma_net.documents import Plain


def read_json(text: str) -> Plain:
    """Return the object in ``text``; None when it rather is YAML; raises ``DocumentError``."""
    try:
        return parse_json(text)
    except _NotJson:
        if text.lstrip()[1:].lstrip()[:1] in {'"', "{", "["}:
            raise
        return None


def parse_json(text: str) -> Plain:
    """Return the one value in ``text``; raises ``DocumentError``."""
    try:
        value, end = _scan(text, _after_blanks(text, 0))
    except StopIteration as stopped:
        raise _not_json(text, stopped.value, "a value is missing") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _refused(text, error) from None
    end = _after_blanks(text, end)
    if end < len(text):
        raise _not_json(text, end, "more text after the value")
    if _depth(value) > DEEPEST:
        raise _too_deep()
    return value


def write_json(value: object) -> str:
    """Return JSON of plain values on one line, in ASCII: any text survives any locale.

    Raises ValueError for NaN and infinity, TypeError for what JSON does not know.
    """
    from _json import encode_basestring_ascii, make_encoder

    no = False  # sorted, with keys that are no text left out, with NaN
    encode = make_encoder(None, _unknown, encode_basestring_ascii, None, ": ", ", ", no, no, no)
    return "".join(encode(value, 0))


def _scan(text: str, start: int) -> tuple[Plain, int]:
    """Return the value that begins there, and where it ends."""
    from _json import make_scanner

    scan: Callable[[str, int], tuple[Plain, int]] = make_scanner(_Strict)  # type: ignore[arg-type]
    try:
        return scan(text, start)
    except SystemError:  # Python 3.11 words a mistake only where its module has been imported
        import json.decoder  # noqa: F401 - for its presence

        return scan(text, start)


def _after_blanks(text: str, start: int) -> int:
    while text[start : start + 1] in {" ", "\t", "\n", "\r"}:
        start += 1
    return start


class _NotJson(DocumentError):
    """The text is no JSON; it may be YAML."""


class _Strict:
    """What the C scanner asks of its context (Modules/_json.c, ``scanner_new``)."""

    strict = True
    object_hook = None
    parse_int = int

    @staticmethod
    def object_pairs_hook(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
        """Refuse a key that stands twice in one object: one of its values would be lost."""
        value = dict(pairs)
        if len(value) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise DocumentError("document", f"the key {twice!r} stands twice in one mapping")
        return value

    @staticmethod
    def parse_float(text: str) -> float:
        """Refuse what would become infinite."""
        value = float(text)
        if value - value:
            raise DocumentError("document", f"{text[:40]} is too large a number")
        return value

    @staticmethod
    def parse_constant(name: str) -> NoReturn:
        """Refuse NaN and the infinities, which JSON does not have."""
        raise DocumentError("document", f"{name} is no JSON", "write a number")


def _refused(text: str, error: ValueError) -> DocumentError:
    """Word what the scanner raised: a mistake at a place, or a number of thousands of digits."""
    at: int | None = getattr(error, "pos", None)
    if at is None:
        return DocumentError("document", f"not JSON: {error}")
    return _not_json(text, at, getattr(error, "msg", ""))


def _not_json(text: str, at: int, wrong: str) -> _NotJson:
    line = text.count("\n", 0, at)
    column = at - text.rfind("\n", 0, at) - 1
    return _NotJson(place(line, column), f"not JSON: {wrong}")


def _too_deep() -> DocumentError:
    return DocumentError("document", "nested too deeply", f"{DEEPEST} levels are the most")


def _unknown(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} is nothing that JSON knows")


_NESTING = (dict, list)


def _depth(value: Plain) -> int:
    """Return how deep a value is nested, without recursing."""
    depth = 0
    level = [value]
    while level:
        depth += 1
        level = [
            item
            for one in level
            if one.__class__ in _NESTING
            for item in (one.values() if one.__class__ is dict else one)
            if item.__class__ in _NESTING
        ]
    return depth
