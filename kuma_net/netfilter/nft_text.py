"""A ruleset as a script for ``nft -f``.

The script is written from the very objects that the nftables backend sends
(``kuma_net.netfilter.lower``), one expression after the other in the words of nft(8), so it means
what the backend installs, set by set and rule by rule.

* It begins with ``table``, ``delete table``, ``table``: whether or not our table is there, one
  transaction puts this one in its place.
* A rule's comment says why it is there.  nft takes 128 bytes (NFTNL_UDATA_COMMENT_MAXLEN), a
  quoted string holds no quotation mark and no way to escape one.
* nft adds what a question presupposes by itself (``ip daddr`` asks for the family first in an
  inet table); where the backend asked already it adds nothing.

What surprised us: ``ct state != invalid`` compares the whole mask and holds for nearly every
packet, while ``ct state invalid`` looks at one bit; the denial is written as ``and ... == 0``.
"""

from __future__ import annotations

from sys import byteorder

from kuma_net.netfilter.contract import canonical
from kuma_net.netfilter.lower import lower
from kuma_net.netfilter.nf_tables import (
    GID,
    UID,
    Bitwise,
    Cmp,
    Counter,
    CtState,
    CtZone,
    Hton,
    Immediate,
    Log,
    Lookup,
    Meta,
    Payload,
    Range,
    Redir,
    Verdict,
    VerdictMap,
)
from kuma_net.netfilter.questions import CT_STATES
from kuma_net.values import BOTH_FAMILIES, L4_PROTOS, Family, address_text, interval_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal, assert_never  # noqa: TC004 - a branch never reached

    from kuma_net.netfilter.nf_tables import Chain, Expression, Map, Rule, Set, Table
    from kuma_net.netfilter.ruleset import Ruleset

LONGEST_COMMENT = 128
"""Bytes: NFTNL_UDATA_COMMENT_MAXLEN of libnftnl."""
LOG_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
"""nft's names of the syslog severities 0 to 7."""
ELEMENTS_A_LINE = 4

_PROTOCOLS = {proto.number: proto.name for proto in L4_PROTOS}
_FAMILIES = {family.number: family.name.lower() for family in BOTH_FAMILIES}
_STATES = {mask: name.lower() for name, mask in CT_STATES.items()}
_META = {
    "nfproto": "meta nfproto",
    "l4proto": "meta l4proto",
    "iifname": "iifname",
    "oifname": "oifname",
    "skuid": "meta skuid",
    "skgid": "meta skgid",
}
_DENIED = {"==": "", "!=": "!= ", "<=": "<= ", ">=": ">= "}
_PAYLOADS = {
    ("network", 12, 4): "ip saddr",
    ("network", 16, 4): "ip daddr",
    ("network", 8, 16): "ip6 saddr",
    ("network", 24, 16): "ip6 daddr",
    ("transport", 0, 2): "th sport",
    ("transport", 2, 2): "th dport",
}


def render_nft(ruleset: Ruleset, *, stamp: str = "") -> str:
    """Return a script for ``nft -f`` that replaces our table by ``ruleset``.

    ``stamp`` becomes the table's comment.  Raises NoBackend for a jump to another owner's chain.
    """
    return "\n".join(_table(table) for table in lower(canonical(ruleset), stamp=stamp))


def _table(table: Table) -> str:
    name = f"table {table.family} {table.name}"
    blocks = [
        *([f"\tcomment {quoted(table.comment)}"] if table.comment else []),
        *[_set(named) for named in table.sets],
        *[_map(named) for named in table.maps],
        *[_chain(chain) for chain in table.chains],
    ]
    body = "\n\n".join(blocks)
    return f"{name}\ndelete {name}\n{name} {{\n{body}\n}}\n"


def quoted(text: str) -> str:
    """Return text in nft's quotes, cut to what nft takes."""
    bare = "".join("'" if letter == '"' else letter for letter in text if letter.isprintable())
    return f'"{bare.encode()[:LONGEST_COMMENT].decode(errors="ignore")}"'


def _set(named: Set) -> str:
    elements = [" . ".join(words) for words in _elements(named)]
    lines = [
        ", ".join(elements[start : start + ELEMENTS_A_LINE])
        for start in range(0, len(elements), ELEMENTS_A_LINE)
    ]
    listed = ",\n\t\t             ".join(lines)
    return "\n".join(
        [
            f"\tset {named.name} {{",
            f"\t\ttype {' . '.join(field.type for field in named.key)}",
            *(["\t\tflags interval"] if named.interval else []),
            f"\t\telements = {{ {listed} }}",
            "\t}",
        ]
    )


def _map(named: Map) -> str:
    """Return a verdict map over the family."""
    elements = ", ".join(
        f"{_FAMILIES[int.from_bytes(key, 'big')]} : {then.code} {then.chain}"
        for key, then in named.elements
    )
    head = f"\tmap {named.name} {{\n\t\ttype {named.key.type} : verdict"
    return f"{head}\n\t\telements = {{ {elements} }}\n\t}}"


def _elements(named: Set) -> Iterator[list[str]]:
    """Yield the words of each element, in the order of what they mean."""
    for element in sorted(_numbers(named, element) for element in named.elements):
        yield [
            _interval(field.type, low, high)
            for field, (low, high) in zip(named.key, element, strict=True)
        ]


def _numbers(named: Set, element: tuple[bytes, bytes]) -> list[tuple[int, int]]:
    """Return the bounds of each field; in a concatenated key every one fills whole slots."""
    first, last = element
    bounds: list[tuple[int, int]] = []
    start = 0
    for field in named.key:
        end = start + field.length
        # Ids are turned for the sake of ranges alone.
        native = field in {UID, GID} and not named.interval
        order: Literal["big", "little"] = byteorder if native else "big"
        low, high = (int.from_bytes(bound[start:end], order) for bound in (first, last))
        bounds.append((low, high))
        start = end + -end % 4
    return bounds


def _interval(kind: str, low: int, high: int) -> str:
    if kind not in {"ipv4_addr", "ipv6_addr"}:
        return interval_text((low, high))
    family = Family.IPV4 if kind == "ipv4_addr" else Family.IPV6
    # An interval of addresses is one network here: neighbours are not joined.
    return _network(low, family.bits - (high - low).bit_length(), family)


def _network(address: int, prefix: int, family: Family) -> str:
    told = address_text(address, family)
    return told if prefix == family.bits else f"{told}/{prefix}"


def _chain(chain: Chain) -> str:
    hook = chain.hook
    head = (
        [f"\t\ttype {hook.type} hook {hook.hook} priority {hook.priority}; policy accept;"]
        if hook
        else []
    )
    rules = [f"\t\t{_rule(rule)}" for rule in chain.rules]
    return "\n".join([f"\tchain {chain.name} {{", *head, *rules, "\t}"])


def _rule(rule: Rule) -> str:
    words = list(_Words().of(rule.expressions))
    if rule.comment:
        words.append(f"comment {quoted(rule.comment)}")
    return " ".join(words)


class _Words:
    """Turns expressions into words; remembers what was loaded for the question that follows."""

    def __init__(self) -> None:
        self.loaded: dict[int, str] = {}
        self.mask = b""
        self.lowest = b""
        self.constant = b""
        self.order: Literal["big", "little"] = "big"

    def of(self, expressions: Sequence[Expression]) -> Iterator[str]:
        for expression in expressions:
            words = self.word(expression)
            if words:
                yield words

    def word(self, expression: Expression) -> str:
        """Return the words of a question or an action, nothing for what only prepares one."""
        words = ""
        match expression:
            case Meta(key, register):
                self.load(register, _META[key])
                self.order = byteorder
            case Payload(base, offset, length, register):
                self.load(register, _PAYLOADS[base, offset, length])
            case CtState(register):
                self.load(register, "ct state")
            case Bitwise(mask):
                self.mask = mask
            case Immediate(data):
                self.constant = data
            case Hton():
                self.order = "big"
            case Cmp() | Range() | Lookup():
                words = self.question(expression)
            case _:
                words = self.action(expression)
        return words

    def load(self, register: int, what: str) -> None:
        if register == 0:
            self.loaded.clear()
            self.mask = b""
        self.loaded[register] = what

    def question(self, asked: Cmp | Range | Lookup) -> str:
        key = " . ".join(self.loaded[register] for register in sorted(self.loaded))
        match asked:
            case Lookup(name, inverted):
                words = f"{key} {'!= ' * inverted}@{name}"
            case Range(op, first, last):
                words = f"{key} {_DENIED[op]}{self.value(key, first)}-{self.value(key, last)}"
            case Cmp(">=", data):
                self.lowest = data
                words = ""
            case Cmp("<=", data):
                words = f"{key} {self.value(key, self.lowest)}-{self.value(key, data)}"
            case Cmp(op, data) if key == "ct state":
                state = _STATES[int.from_bytes(self.mask, byteorder)]
                words = f"ct state {state}" if op == "!=" else f"ct state and {state} == 0"
            case Cmp(op, data):
                words = f"{key} {_DENIED[op]}{self.value(key, data)}"
            case _:
                assert_never(asked)
        return words

    def value(self, key: str, data: bytes) -> str:
        """Return a value as nft writes it after ``key``."""
        number = int.from_bytes(data, "big")
        words = str(number)
        if key == "meta nfproto":
            words = _FAMILIES[number]
        elif key == "meta l4proto":
            words = _PROTOCOLS[number]
        elif key in {"iifname", "oifname"}:
            name = data.rstrip(b"\0").decode()
            words = f'"{name}"' if data.endswith(b"\0") else f'"{name}*"'
        elif key.startswith("ip"):
            family = Family.IPV4 if key.startswith("ip ") else Family.IPV6
            prefix = int.from_bytes(self.mask, "big").bit_count() if self.mask else family.bits
            words = _network(number, prefix, family)
        elif key.startswith("meta sk"):
            words = str(int.from_bytes(data, self.order))
        return words

    def action(self, action: Counter | CtZone | Redir | Log | Verdict | VerdictMap) -> str:
        match action:
            case Counter():
                words = "counter"
            case CtZone():
                words = f"ct zone set {int.from_bytes(self.constant, byteorder)}"
            case Redir():
                words = f"redirect to :{int.from_bytes(self.constant, 'big')}"
            case Log(prefix, level):
                words = f"log prefix {quoted(prefix)} level {LOG_LEVELS[level]}"
            case Verdict(code, chain):
                words = f"{code} {chain}".rstrip()
            case VerdictMap(name, register):
                words = f"{self.loaded[register]} vmap @{name}"
            case _:
                assert_never(action)
        return words
