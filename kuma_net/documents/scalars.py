"""What a plain scalar of YAML means: the core schema of YAML 1.2 (chapter 10.3).

Kubernetes' own reader (sigs.k8s.io/yaml) differs in corners that configuration documents do not
visit.  Where the two could disagree we keep the text, and the option that reads it decides:

* ``0777`` is 777 by the core schema, 511 to Kubernetes: kept as text;
* ``yes``, ``no``, ``on``, ``off`` are texts by the core schema, booleans to Kubernetes: kept as
  texts, which boolean options understand;
* ``443:30`` is the number 26610 to PyYAML (YAML 1.1 counts in sixties): here a text, which is
  why a rule such as ``53:1234`` needs no quotes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Scalar: TypeAlias = str | int | float | bool | None

WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
FIRST_LETTERS = frozenset("+-.0123456789")
NUMBER_LETTERS = "+-.0123456789eE"
LONGEST_NUMBER = 20
"""Digits of 2**64; a longer number is kept as text, since no option holds it."""


def resolve(text: str) -> Scalar:
    """Return the value of a plain (unquoted) scalar."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in FIRST_LETTERS or len(text) > LONGEST_NUMBER:
        return text
    digits = text[1:] if text[0] in "+-" else text
    if digits.isdigit() and digits.isascii():
        return text if digits[0] == "0" and digits != "0" else int(text)
    if text[:2] in {"0x", "0o"}:
        return _based(text)
    return text if text.strip(NUMBER_LETTERS) else _fraction(text)


def _fraction(text: str) -> Scalar:
    """Read ``1.5`` and ``1e3``; what would be infinite, or is no number, stays text."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if value - value == 0 else text


def _based(text: str) -> Scalar:
    """Read ``0x1F`` and ``0o17``."""
    base, allowed = (16, "0123456789abcdefABCDEF") if text[1] == "x" else (8, "01234567")
    digits = text[2:]
    return text if not digits or digits.strip(allowed) else int(digits, base)
