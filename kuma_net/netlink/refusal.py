"""What a refusal means: the kernel's errno and offset, in words that help.

The kernel points at an attribute by its offset in the request.  Where that lies within an
expression of a rule, the expression's name says what is missing, and which module brings it.
"""

from __future__ import annotations

from _struct import unpack_from

from kuma_net.netlink.message import ATTRIBUTE_BYTES, HEADER_BYTES, KIND_BITS, read_text
from kuma_net.netlink.nftables import NEWCHAIN, NEWRULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netlink.message import Answer

_NO_ENTRY, _BUSY, _INVALID, _NOT_SUPPORTED, _NO_FAMILY = 2, 16, 22, 95, 97
_MISSING = (_NO_ENTRY, _NOT_SUPPORTED, _NO_FAMILY)
_RULE_EXPRESSIONS = 4
_GENERIC_HEADER = 4
MODULES = {
    "redir": "nft_redir and nft_chain_nat",
    "ct": "nft_ct and nf_conntrack (zones: CONFIG_NF_CONNTRACK_ZONES)",
    "log": "nft_log",
    "lookup": "nf_tables with sets",
}


def explain(data: bytes, said: Answer) -> str:
    """Return the kernel's own sentence, and what else the refused message tells about it."""
    kind = unpack_from("=H", data, 4)[0]
    told = [said.explanation] if said.explanation else []
    if kind == NEWRULE:
        name = expression_at(data, said.offset)
        if name:
            told.append(f"at its expression {name}")
        if name in MODULES and said.errno in _MISSING:
            told.append(f"the kernel needs {MODULES[name]}")
    elif kind == NEWCHAIN and said.errno in _MISSING:
        told.append("the kernel needs nf_tables with this type of chain (nat: nft_chain_nat)")
    return "; ".join(told)


def expression_at(data: bytes, offset: int) -> str:
    """Return the name of the expression at an offset of a request for a rule, or nothing."""
    start = HEADER_BYTES + _GENERIC_HEADER
    lists = [span for span in _spans(data, start, len(data)) if span[0] == _RULE_EXPRESSIONS]
    elements = [span for _, begin, end in lists for span in _spans(data, begin, end)]
    for _, begin, end in elements:
        if begin - ATTRIBUTE_BYTES <= offset < end:
            return read_text(data[begin + ATTRIBUTE_BYTES : end])
    return ""


def _spans(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return kind, and where the value begins and ends, of each attribute."""
    found = []
    while start + ATTRIBUTE_BYTES <= end:
        length, kind = unpack_from("=HH", data, start)
        if length < ATTRIBUTE_BYTES:
            break
        found.append((kind & KIND_BITS, start + ATTRIBUTE_BYTES, start + length))
        start += length + 3 & ~3
    return found
