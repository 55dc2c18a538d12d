"""The blob of a legacy iptables table, read into words of iptables-save.

``getsockopt(IPT_SO_GET_ENTRIES)`` gives a table's rules one after the other as C structures
(include/uapi/linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h,
netfilter/x_tables.h).  A chain has no structure of its own: the kernel's chains begin at the
offsets that ``ipt_getinfo`` names, anybody else's chain begins with a rule whose target ``ERROR``
holds the chain's name, and each chain ends with a rule for its policy or return.  The whole
table ends with an ``ERROR`` too.  A jump is an offset into the blob; a verdict is negative.

Sizes are those of 64-bit machines; a kernel answers a 32-bit process in another layout, which
is refused by ``supported``.
"""

from __future__ import annotations

from _struct import calcsize, pack, unpack_from

from kuma_net.netfilter.listing import ListedRule, Listing
from kuma_net.netlink.xtables import PROTOCOLS, UNKNOWN, denied, match_words, target_words
from kuma_net.record import Record
from kuma_net.values import Family, address_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.netlink.xtables import Words

GET_INFO, GET_ENTRIES = 64, 65
"""IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES; the same numbers for IPv6."""
NAME_BYTES = 32
INFO_BYTES = 84
ENTRIES_HEADER = 40
HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
EXTENSION_HEADER = 32
VERDICTS = {-1: "DROP", -2: "ACCEPT", -4: "QUEUE", -5: "RETURN"}
"""-NF_DROP - 1, -NF_ACCEPT - 1, -NF_QUEUE - 1, XT_RETURN."""
NOT_IN, NOT_OUT, NOT_SOURCE, NOT_DESTINATION, NOT_FRAGMENT, NOT_PROTOCOL = 1, 2, 8, 16, 32, 64


class Layout(Record):
    """Where things are in an entry of one family, in bytes.

    ``goto`` and ``unread`` are flags: IPT_F_GOTO; IPT_F_FRAG and IP6T_F_TOS, of which no word is
    made.
    """

    family: Family
    address: int
    protocol: int
    flags: int
    inverted: int
    offsets: int
    size: int
    goto: int
    unread: int


LAYOUTS = {
    Family.IPV4: Layout(Family.IPV4, 4, 80, 82, 83, 88, 112, 2, 1),
    Family.IPV6: Layout(Family.IPV6, 16, 128, 131, 132, 140, 168, 4, 2),
}


class TableEdges(Record):
    """``struct ipt_getinfo``: hooks that the table has, where their chains begin and end."""

    name: str
    entries: tuple[tuple[str, int, int], ...]
    size: int


def supported() -> bool:
    """Whether structures have the sizes written here."""
    return calcsize("P") == 8  # noqa: PLR2004 - bytes of a pointer


def info_question(table: str) -> bytes:
    """Return the buffer to ask IPT_SO_GET_INFO with."""
    return pack(f"={NAME_BYTES}s", table.encode()) + bytes(INFO_BYTES - NAME_BYTES)


def read_info(buffer: bytes) -> TableEdges:
    """Return the answer to ``info_question``."""
    name, hooks = unpack_from(f"={NAME_BYTES}sI", buffer)
    begins, ends = unpack_from("=5I", buffer, 36), unpack_from("=5I", buffer, 56)
    (size,) = unpack_from("=I", buffer, 80)
    entries = tuple(
        (hook, begins[place], ends[place]) for place, hook in enumerate(HOOKS) if hooks >> place & 1
    )
    return TableEdges(name.partition(b"\0")[0].decode(), entries, size)


def entries_question(info: TableEdges) -> bytes:
    """Return the buffer to ask IPT_SO_GET_ENTRIES with."""
    head = pack(f"={NAME_BYTES}sI", info.name.encode(), info.size)
    return head.ljust(ENTRIES_HEADER, b"\0") + bytes(info.size)


def read_entries(buffer: bytes, info: TableEdges, family: Family) -> Listing:
    """Return the answer to ``entries_question``: chains and rules of the table."""
    blob = buffer[ENTRIES_HEADER : ENTRIES_HEADER + info.size]
    entries = list(_entries(blob, LAYOUTS[family]))
    begins = {begin: hook for hook, begin, _ in info.entries}
    policies = {end for _, _, end in info.entries}
    chains = {entry.end: entry.error for entry in entries if entry.error}
    chains.pop(info.size, None)  # the ERROR that ends the table
    rules: list[ListedRule] = []
    chain = ""
    for place, entry in enumerate(entries):
        chain = begins.get(entry.begin) or chains.get(entry.begin) or chain
        behind = entries[place + 1] if place + 1 < len(entries) else None
        closes = entry.begin in policies or (behind is not None and bool(behind.error))
        if not entry.error and not (closes and chain):
            rules.append(ListedRule(info.name, chain, entry.words(chains)))
    return Listing(tuple((info.name, name) for name in chains.values()), tuple(rules))


class Entry(Record):
    """One entry: where it is in the blob, its words up to the target, and the target."""

    begin: int
    end: int
    matches: tuple[str, ...]
    target: tuple[str, ...]
    verdict: int | None
    goto: bool
    error: str

    def words(self, chains: dict[int, str]) -> Words:
        """Return all words; a jump's chain is looked up by its offset."""
        if self.verdict is None:
            return self.matches + self.target
        if self.verdict < 0:
            return (*self.matches, "-j", VERDICTS.get(self.verdict, UNKNOWN))
        if self.verdict == self.end:  # no target: only counts
            return self.matches
        return (*self.matches, "-g" if self.goto else "-j", chains.get(self.verdict, UNKNOWN))


def _entries(blob: bytes, layout: Layout) -> Iterator[Entry]:
    begin = 0
    while begin + layout.size <= len(blob):
        target_at, next_at = unpack_from("=HH", blob, begin + layout.offsets)
        if next_at < layout.size:
            return
        yield _entry(blob[begin : begin + next_at], begin, target_at, layout)
        begin += next_at


def _entry(entry: bytes, begin: int, target_at: int, layout: Layout) -> Entry:
    matches = _header(entry, layout)
    at = layout.size
    while at < target_at:
        size, name, revision = _extension(entry, at)
        matches += match_words(name, revision, entry[at + EXTENSION_HEADER : at + size])
        at += max(size, EXTENSION_HEADER)
    size, name, revision = _extension(entry, target_at)
    info = entry[target_at + EXTENSION_HEADER : target_at + size]
    verdict = None if name else unpack_from("=i", info)[0]
    error = info.partition(b"\0")[0].decode() if name == "ERROR" else ""
    goto = bool(entry[layout.flags] & layout.goto)
    target = target_words(name, revision, info)
    return Entry(begin, begin + len(entry), matches, target, verdict, goto, error)


def _extension(entry: bytes, at: int) -> tuple[int, str, int]:
    size, name, revision = unpack_from("=H29sB", entry, at)
    return size, name.partition(b"\0")[0].decode("utf-8", "replace"), revision


def _header(entry: bytes, layout: Layout) -> Words:
    """Return the words for addresses, interfaces and protocol, in iptables-save's order."""
    width, family = layout.address, layout.family
    inverted = entry[layout.inverted]
    parts = [entry[place * width : (place + 1) * width] for place in range(4)]
    words: Words = ()
    for option, address, mask, bit in (
        ("-s", parts[0], parts[2], NOT_SOURCE),
        ("-d", parts[1], parts[3], NOT_DESTINATION),
    ):
        if any(mask) or inverted & bit:
            words += denied(inverted & bit, option, _network(address, mask, family))
    at = 4 * width
    for option, name_at, mask_at, bit in (
        ("-i", at, at + 32, NOT_IN),
        ("-o", at + 16, at + 48, NOT_OUT),
    ):
        name, mask = entry[name_at : name_at + 16], entry[mask_at : mask_at + 16]
        if any(mask):
            words += denied(inverted & bit, option, _interface(name, mask))
    (protocol,) = unpack_from("=H", entry, layout.protocol)
    if protocol:
        text = PROTOCOLS.get(protocol, str(protocol))
        words += denied(inverted & NOT_PROTOCOL, "-p", text)
    unread = inverted & NOT_FRAGMENT or entry[layout.flags] & layout.unread
    return words + ((UNKNOWN,) if unread else ())


def _network(address: bytes, mask: bytes, family: Family) -> str:
    bits = f"{int.from_bytes(mask, 'big'):0{family.bits}b}"
    text = address_text(int.from_bytes(address, "big"), family)
    prefix = len(bits.rstrip("0"))
    if "0" in bits[:prefix]:
        return f"{text}/{address_text(int.from_bytes(mask, 'big'), family)}"
    return f"{text}/{prefix}"


def _interface(name: bytes, mask: bytes) -> str:
    """Return an interface's name; a mask that covers the closing zero byte asks for all of it."""
    text, asked = name.partition(b"\0")[0], len(mask.rstrip(b"\0"))
    pattern = text if asked > len(text) else text[:asked] + b"+"
    return pattern.decode("utf-8", "surrogateescape")
