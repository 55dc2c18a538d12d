"""The tables of one family as a value that loads restore text and prints save text.

It knows as much of iptables as the texts of this project use: ``-N``, ``-A``, ``-I``, ``-D`` (by
words or by number), ``-F``, ``-X``.  A chain that is made twice, deleted while it holds rules
or while rules jump to it, and a rule deleted that is not there, are errors as they are there.
"""

from __future__ import annotations

from kuma_net.netfilter.listing import text_of, words_of

BUILT_IN = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}


class Tables:
    """Chains by table and name, each with the words of its rules."""

    def __init__(self) -> None:
        """Begin with the kernel's own chains, empty."""
        self.chains: dict[tuple[str, str], list[tuple[str, ...]]] = {
            (table, chain): [] for table, chains in BUILT_IN.items() for chain in chains
        }

    def load(self, text: str) -> None:
        """Load a text as iptables-restore ``--noflush`` does; raises ValueError."""
        table = ""
        for line in text.splitlines():
            words = words_of(line)
            if line.startswith("*"):
                table = line[1:].strip()
            elif words and words[0] != "COMMIT" and not line.startswith("#"):
                self._do(table, words)

    def _do(self, table: str, words: tuple[str, ...]) -> None:
        command, name, *rest = words
        place = (table, name)
        if command in {"-N", "--new-chain"}:
            if place in self.chains:
                raise ValueError(f"{name} exists")
            self.chains[place] = []
        elif command in {"-A", "--append"}:
            self.chains[place].append(tuple(rest))
        elif command in {"-I", "--insert"}:
            self.chains[place].insert(int(rest[0]) - 1, tuple(rest[1:]))
        elif command == "-F":
            self.chains[place].clear()
        elif command == "-X":
            self._delete_chain(place)
        elif command == "-D" and len(rest) == 1:
            del self.chains[place][int(rest[0]) - 1]
        elif command == "-D":
            self.chains[place].remove(tuple(rest))
        else:
            raise ValueError(f"{command} is unknown")

    def _delete_chain(self, place: tuple[str, str]) -> None:
        table, name = place
        entered = any(
            name in rule
            for (other, _), rules in self.chains.items()
            for rule in rules
            if other == table
        )
        if self.chains[place] or entered:
            raise ValueError(f"{name} is in use")
        del self.chains[place]

    def saved(self, *, counters: bool = False) -> str:
        """Return the text of iptables-save; with counters, rule number n has seen n packets."""
        lines: list[str] = []
        count = 0
        for table in dict.fromkeys(table for table, _ in self.chains):
            lines.append(f"*{table}")
            names = sorted(name for other, name in self.chains if other == table)
            for name in names:
                policy = "ACCEPT" if name in BUILT_IN[table] else "-"
                lines.append(f":{name} {policy} [0:0]")
            for name in names:
                for words in self.chains[table, name]:
                    count += 1
                    seen = f"[{count}:{count * 60}] " if counters else ""
                    lines.append(f"{seen}-A {name} {text_of(words)}")
            lines += ["COMMIT", f"# Completed after {table}"]
        return "\n".join(lines) + "\n"
