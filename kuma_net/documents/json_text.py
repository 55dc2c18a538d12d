"""JSON by the standard library, as strict as our YAML: no key twice, no NaN, not too deep.

A flow mapping of YAML begins with ``{`` too (``{redirect: {dns: {enabled: true}}}``).  What is
no JSON and does not begin like an object of JSON is therefore left to the YAML reader.
"""

from __future__ import annotations

import json

from kuma_net.documents import DEEPEST, DocumentError, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.documents import Plain


def read_json(text: str) -> Plain:
    """Return the object in ``text``; None when it rather is YAML; raises ``DocumentError``."""
    try:
        value: Plain = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if text.lstrip()[1:].lstrip()[:1] in {'"', "{", "["}:
            raise DocumentError(
                place(error.lineno - 1, error.colno - 1), f"not JSON: {error.msg}"
            ) from None
        return None
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
    level = [value]
    while level:
        depth += 1
        inner = [
            item
            for one in level
            if isinstance(one, dict | list)
            for item in (one.values() if isinstance(one, dict) else one)
        ]
        level = [item for item in inner if isinstance(item, dict | list)]
    return depth
