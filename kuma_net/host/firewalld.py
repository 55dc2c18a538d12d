"""Rules that firewalld(1) re-applies after each reload: ``direct.xml`` (firewalld.direct(5)).

``merge`` is pure: the old document and the restore text of each family in, the new document
out.  What is in the document stays, ours is added once.  A rule of a hook chain gets a
priority: firewalld keeps direct rules of a chain in order of priority and then of addition, so
inserted rules (``-I``) get 0 and appended ones 3, as kumactl gave them.

Hostile input: a document type declaration is refused before the parser could see an entity
(expat would expand them), and a root other than ``<direct>`` is an error, never overwritten.
"""

from __future__ import annotations

from kuma_net.errors import HostError
from kuma_net.netfilter.ruleset import CHAIN_PREFIX, COMMENT_PREFIX
from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

DIRECT_XML = "/etc/firewalld/direct.xml"
IPV = {Family.IPV4: "ipv4", Family.IPV6: "ipv6"}
INSERTED, APPENDED = 0, 3
"""Priorities."""
EMPTY = '<?xml version="1.0" encoding="utf-8"?>\n<direct>\n</direct>\n'


class DirectChain(Record):
    """A chain of ours: ``<chain ipv= table= chain=/>``."""

    ipv: str
    table: str
    chain: str


class DirectRule(Record):
    """A rule: ``<rule ipv= table= chain= priority=>arguments</rule>``."""

    ipv: str
    table: str
    chain: str
    priority: int
    arguments: str


def entries(restore_text: str, family: Family) -> Iterator[DirectChain | DirectRule]:
    """Yield what restore text asks for; HostError for a line of another kind."""
    table = ""
    for line in restore_text.splitlines():
        words = line.split(maxsplit=2)
        if not words or words[0].startswith("#") or words[0] == "COMMIT":
            continue
        if words[0].startswith("*"):
            table = words[0].removeprefix("*") or words[1]  # "*nat", "* nat"
        elif words[0] in {"-N", "--new-chain"}:
            yield DirectChain(IPV[family], table, words[1])
        elif words[0].startswith(":"):
            if words[1] == "-":  # ":NAME - [0:0]"; a built-in chain has a policy there
                yield DirectChain(IPV[family], table, words[0].removeprefix(":"))
        elif words[0] in {"-A", "--append", "-I", "--insert"}:
            inserted = words[0] in {"-I", "--insert"}
            yield _rule(IPV[family], table, words, inserted=inserted)
        else:
            raise HostError(f"firewalld: cannot keep the line {line!r}")


def _rule(ipv: str, table: str, words: list[str], *, inserted: bool) -> DirectRule:
    arguments = words[2]
    if inserted and arguments.split(maxsplit=1)[0].isdigit():  # -I CHAIN NUMBER ...
        arguments = arguments.split(maxsplit=1)[1]
    return DirectRule(ipv, table, words[1], INSERTED if inserted else APPENDED, arguments)


def merge(document: str, texts: Mapping[Family, str]) -> str:
    """Return ``direct.xml`` with our rules in it, each once, and no outdated rule of ours.

    ``document`` is the present contents, or empty; ``texts`` the restore text of each family.
    Rules of ours from before (in a chain of ours, jumping to one, or bearing our comment) are
    taken out first, so that storing another configuration replaces the former one.  Raises
    HostError.
    """
    from xml.etree.ElementTree import SubElement

    wanted = [entry for family, text in texts.items() for entry in entries(text, family)]
    root = _without_ours(_parse(document or EMPTY))
    for entry in wanted:
        attributes = {"ipv": entry.ipv, "table": entry.table, "chain": entry.chain}
        if isinstance(entry, DirectRule):
            attributes["priority"] = str(entry.priority)
            text, tag = entry.arguments, "rule"
        else:
            text, tag = None, "chain"
        for same in [element for element in root if _same(element, tag, attributes, text)]:
            root.remove(same)  # a rule of ours that bears no mark (--disable-comments)
        SubElement(root, tag, attributes).text = text
    return _text(root)


def remove(document: str) -> str:
    """Return ``direct.xml`` without anything of ours; raises HostError."""
    return _text(_without_ours(_parse(document or EMPTY)))


def _without_ours(root: Element) -> Element:
    """Take our chains and rules out of the tree (in place) and return it."""
    for element in list(root):
        text = element.text or ""
        ours = element.tag in {"chain", "rule"} and (
            element.get("chain", "").startswith(CHAIN_PREFIX)
            or COMMENT_PREFIX in text
            or f"-j {CHAIN_PREFIX}" in text
        )
        if ours:
            root.remove(element)
    return root


def _same(element: Element, tag: str, attributes: dict[str, str], text: str | None) -> bool:
    there = (element.tag, element.attrib, (element.text or "").strip())
    return there == (tag, attributes, text or "")


def _parse(document: str) -> Element:
    from xml.etree.ElementTree import ParseError, TreeBuilder, XMLParser

    if "<!DOCTYPE" in document:
        raise HostError(f"{DIRECT_XML} has a document type declaration, which has no place there")
    # Entities need a declaration, and that was refused; the encoding is ours, whatever it claims.
    target = TreeBuilder(insert_comments=True)
    parser = XMLParser(target=target, encoding="utf-8")  # noqa: S314 - no entities, see above
    try:
        parser.feed(document.encode())
        root: Element = parser.close()
    except ParseError as problem:
        raise HostError(f"{DIRECT_XML} is not XML: {problem}") from problem
    if root.tag != "direct":
        raise HostError(f"{DIRECT_XML} has the root <{root.tag}>, not <direct>")
    return root


def _text(root: Element) -> str:
    from xml.etree.ElementTree import indent, tostring

    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, "unicode")}\n'


def store(texts: Mapping[Family, str], path: str = DIRECT_XML) -> bool:
    """Put our rules into ``direct.xml``; False when it holds just them already.

    Raises HostError, also where firewalld's folder is not there.
    """
    present = _read(path)
    wanted = merge(present, texts)
    if wanted == present:
        return False
    _write(path, wanted)
    return True


def unstore(path: str = DIRECT_XML, *, pretend: bool = False) -> bool:
    """Take our rules out of ``direct.xml``; False when it has none.

    ``pretend``: only say whether it has any.  Raises HostError.
    """
    present = _read(path)
    if CHAIN_PREFIX not in present and COMMENT_PREFIX not in present:
        return False
    if not pretend:
        _write(path, remove(present))
    return True


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as document:  # noqa: PTH123 - lean
            return document.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as problem:
        raise HostError(f"{path} cannot be read: {problem}") from problem


def _write(path: str, document: str) -> None:
    """Replace the file in one step, readable by root alone, as firewalld keeps it."""
    import os

    fresh = f"{path}.kuma-net"
    try:
        with open(
            fresh, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
        ) as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)  # noqa: PTH105 - lean
    except OSError as problem:
        raise HostError(f"{path} cannot be written: {problem.strerror}") from problem
