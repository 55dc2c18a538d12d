r"""Rules as they are listed: words of iptables, whosever rules they are.

A ``Ruleset`` says what we ask for; a ``Listing`` what is there, foreign rules and all, as words
that iptables-save would print.  It comes from the text of iptables-save, from nf_tables (where
iptables-nft keeps its rules) or from the blob of a legacy table, and it is what leftovers are
recognised in and taken away by.

The quoting is that of iptables-save (``xtables_save_string``): a word that holds anything but
letters, digits and ``_-`` comes in double quotes, with a backslash before ``"``, ``'`` and ``\``.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ListedRule(Record):
    """A rule of ``chain``: the words that follow ``-A CHAIN``.

    ``handle`` is what names it where it came from (nf_tables' handle), 0 where nothing does.
    """

    table: str
    chain: str
    words: tuple[str, ...]
    handle: int = 0

    def __str__(self) -> str:
        """Table, chain and words, as an administrator types them."""
        return f"-t {self.table} {self.chain} {text_of(self.words)}"

    @property
    def comment(self) -> str:
        """The text after ``--comment``, or nothing."""
        return self.options().get("--comment", "")

    @property
    def target(self) -> str:
        """The target or chain after ``-j`` or ``-g``, or nothing."""
        options = self.options()
        return options.get("-j", "") or options.get("-g", "")

    def options(self) -> dict[str, str]:
        """Return each option with its value; ``! -d x`` gives ``{"!-d": "x"}``; no ``-m``."""
        found: dict[str, str] = {}
        option, denied = "", ""
        for word in self.words:
            if word == "!":
                denied = "!"
            elif word.startswith("-") and option != "--comment":
                option = denied + word
                denied = ""
                found.setdefault(option, "")
            elif option:
                found[option] = f"{found[option]} {word}".strip()
                if option == "--comment":
                    option = ""
        found.pop("-m", None)
        return found


class Listing(Record):
    """What one family's tables hold: the chains somebody made (table, name), and every rule."""

    chains: tuple[tuple[str, str], ...] = ()
    rules: tuple[ListedRule, ...] = ()

    def of(self, table: str, chain: str) -> tuple[ListedRule, ...]:
        """Return the rules of a chain in order."""
        return tuple(rule for rule in self.rules if (rule.table, rule.chain) == (table, chain))


def read_listing(text: str) -> Listing:
    """Read the text of iptables-save; lines that are neither chain nor rule are passed over."""
    chains: list[tuple[str, str]] = []
    rules: list[ListedRule] = []
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            if policy == "-":
                chains.append((table, name))
        elif line.startswith("-A "):
            words = words_of(line)
            rules.append(ListedRule(table, words[1], words[2:]))
    return Listing(tuple(chains), tuple(rules))


def words_of(line: str) -> tuple[str, ...]:
    """Split a line into words, quotes and backslashes undone."""
    return tuple(_words(line))


def _words(line: str) -> Iterator[str]:
    word: str | None = None
    quoted = escaped = False
    for letter in line:
        if escaped:
            word = (word or "") + letter
            escaped = False
        elif letter == "\\" and quoted:
            escaped = True
        elif letter == '"':
            quoted = not quoted
            word = word or ""
        elif letter in " \t" and not quoted:
            if word is not None:
                yield word
            word = None
        else:
            word = (word or "") + letter
    if word is not None:
        yield word


def text_of(words: Iterable[str]) -> str:
    """Return words as one line, quoted where they must be."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if word and not any(letter in word for letter in " \t\"'\\#"):
        return word
    escaped = "".join(f"\\{letter}" if letter in "\"'\\" else letter for letter in word)
    return f'"{escaped}"'
