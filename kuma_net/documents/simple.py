"""The part of YAML that configuration documents are written in, read in a few milliseconds.

What it knows: printable ASCII; block mappings with plain keys; block lists of scalars, indented
below their key or level with it; plain scalars on one line; quoted scalars without escapes;
``[a, b]`` and ``{}``; comments on lines of their own or after something plain; one ``---`` at
the top.  That is all of what Kuma's injector and Helm chart write, and most of what people write.

How it stays right: it never guesses.  Whatever could mean something else to a real parser
(anchors, tags, escapes, block scalars, lists of mappings, a line that continues another, a key
that stands twice, any mistake) raises ``NotSimple``, and libyaml decides, with its messages.  A
property test holds that whatever is read here libyaml reads alike.

How it stays fast: a run of list items is taken as one slice, and one look at all its letters
together tells whether any of them needs a closer look.
"""

from __future__ import annotations

from kuma_net.documents.scalars import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.documents import Plain

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
KEY_LETTERS = LETTERS + DIGITS + "_-./"
ITEM_LETTERS = LETTERS + DIGITS + "_-./:,\n"
FLOW_LETTERS = LETTERS + DIGITS + "_-./:"
FIRST_LETTERS = frozenset(LETTERS + DIGITS + "/._")
DOUBTFUL = ("\n\n", "\n-", "\n:", "\n,", ":\n")
"""Among items of ``ITEM_LETTERS``: an empty one, and what begins or ends like an indicator."""
DEEPEST = 20


class NotSimple(Exception):
    """The text is not of the simple kind; a real parser must look at it."""


def read_simple(text: str) -> Plain:
    """Return the document in ``text``, or raise ``NotSimple``."""
    if not text.isascii() or not text.replace("\n", "").isprintable():
        raise NotSimple
    lines = text.split("\n")
    at, lead = _next(lines, 0)
    if lead == 0 and lines[at] == "---":
        at, lead = _next(lines, at + 1)
    if lead < 0:
        return None
    if lead:
        raise NotSimple
    value, _ = _mapping(lines, at, 0, 0)
    return value


def _next(lines: list[str], at: int) -> tuple[int, int]:
    """Return the next line with content and its indentation; (end, -1) when there is none."""
    for position in range(at, len(lines)):
        content = lines[position].lstrip(" ")
        if content and content[0] != "#":
            return position, len(lines[position]) - len(content)
    return len(lines), -1


def _mapping(lines: list[str], at: int, indent: int, depth: int) -> tuple[Plain, int]:
    """Read the mapping whose keys stand at ``indent``, beginning at line ``at``."""
    value: dict[str, Plain] = {}
    while True:
        at, lead = _next(lines, at)
        if lead < indent:
            return value, at
        if lead > indent or depth > DEEPEST:
            raise NotSimple
        key, colon, rest = lines[at][indent:].partition(":")
        if not colon or rest[:1].strip() or not _is_key(key) or key in value:
            raise NotSimple
        rest = rest.strip()
        at += 1
        if rest and rest[0] != "#":
            value[key] = _scalar(rest)
        else:
            value[key], at = _below(lines, at, indent, depth)


def _below(lines: list[str], at: int, indent: int, depth: int) -> tuple[Plain, int]:
    """Read what belongs to a key that has nothing on its own line."""
    following, lead = _next(lines, at)
    if lead >= indent and lines[following].startswith("- ", lead):
        return _items(lines, following, lead)
    if lead > indent:
        return _mapping(lines, following, lead, depth + 1)
    return None, at


def _items(lines: list[str], at: int, indent: int) -> tuple[Plain, int]:
    """Read the list whose dashes stand at ``indent``; it ends before the first other line."""
    value: list[Plain] = []
    dash = " " * indent + "- "
    skip = len(dash)
    while True:
        end = at
        while end < len(lines) and lines[end].startswith(dash):
            end += 1
        value += _run([line[skip:] for line in lines[at:end]])
        at, lead = _next(lines, end)
        if lead != indent or not lines[at].startswith(dash):
            return value, at


def _run(items: list[str]) -> list[Plain]:
    """Read items that follow each other; most often none needs a closer look."""
    joined = "\n".join(items)
    framed = f"\n{joined}\n"
    if joined.strip(ITEM_LETTERS) or any(doubt in framed for doubt in DOUBTFUL):
        return [_scalar(item.strip()) for item in items]
    return [item if ":" in item else resolve(item) for item in items]


def _is_key(key: str) -> bool:
    """Whether a key is a plain word that means itself."""
    return key[:1].isalpha() and not key.strip(KEY_LETTERS) and isinstance(resolve(key), str)


def _scalar(text: str) -> Plain:
    """Read a value on one line, blanks around it removed."""
    first = text[:1]
    if first in {'"', "'"}:
        inner = text[1:-1]
        if len(text) < 2 or text[-1] != first or first in inner or "\\" in inner:  # noqa: PLR2004 - two quotes
            raise NotSimple
        return inner
    if first == "[" and text[-1] == "]":
        return _flow(text[1:-1])
    if text == "{}":
        return {}
    text = text.partition(" #")[0].rstrip()
    if first not in FIRST_LETTERS or ": " in text or text[-1] == ":":
        raise NotSimple
    return resolve(text)


def _flow(inner: str) -> list[Plain]:
    """Read the items of ``[a, b]``: quoted ones, and plain ones of harmless letters."""
    value: list[Plain] = []
    for piece in inner.split(",") if inner.strip() else ():
        item = piece.strip()
        if item[:1] in {'"', "'"}:
            value.append(_scalar(item))
        elif item[:1] in FIRST_LETTERS and not item.strip(FLOW_LETTERS) and item[-1] != ":":
            value.append(resolve(item))
        else:
            raise NotSimple
    return value
