"""What names may look like: the rules of libcni, pkg/utils."""

from __future__ import annotations

WORD = "letters, digits, '_', '.' and '-' are allowed, a letter or digit first"
"""Container ids and names of networks."""
LONGEST_IFNAME = 15
"""IFNAMSIZ is 16 with the closing zero byte (include/uapi/linux/if.h)."""


def is_word(name: str) -> bool:
    """Whether a container id or a network's name is allowed."""
    plain = name.replace("_", "a").replace(".", "a").replace("-", "a")
    return name[:1].isalnum() and plain.isalnum() and name.isascii()


def wrong_ifname(name: str) -> str:
    """Return what is wrong with an interface's name, nothing where it is allowed."""
    if len(name.encode(errors="surrogateescape")) > LONGEST_IFNAME:
        return f"it is longer than {LONGEST_IFNAME} bytes"
    if name in {".", ".."}:
        return "it would be a folder"
    if any(sign in "/:" or sign.isspace() or not sign.isprintable() for sign in name):
        return "it must have neither '/', ':' nor blanks"
    return ""
