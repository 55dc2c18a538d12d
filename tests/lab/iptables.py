"""A stand-in for the programs of iptables: tables in memory, one transaction a table.

``Iptables.run`` takes the place of ``host.commands.run``.  It understands the restore text that
this project writes and answers ``-save`` with what it holds.  A test may have it refuse: a lock
that is held for a while, a family that fails, a table at which a restore breaks off after those
before it are in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.errors import CommandError, MissingExecutable
from kuma_net.host.commands import CommandResult
from kuma_net.netfilter.listing import text_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Chains = dict[str, list[tuple[str, ...]]]

BUILT_IN = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
}
LOCKED = "Another app is currently holding the xtables lock. Stopped waiting after 5s."


class Iptables:
    """Both families' tables.

    * ``calls``: the programs that were run, by name, and their environments (but for questions
      for the version: it is the legacy flavour);
    * ``locked``: how many restores still find the lock held;
    * ``broken``: per program, the table that it refuses (empty: the whole program);
    * ``absent``: programs that are not installed;
    * ``meanwhile``: done before each restore, as another writer would.
    """

    def __init__(self) -> None:
        """Begin with empty tables."""
        self.tables: dict[str, dict[str, Chains]] = {"iptables": {}, "ip6tables": {}}
        self.calls: list[str] = []
        self.environs: list[Mapping[str, str]] = []
        self.texts: list[str] = []
        self.locked = 0
        self.broken: dict[str, str] = {}
        self.absent: set[str] = set()
        self.meanwhile: Callable[[], None] = lambda: None

    def run(
        self,
        argv: Sequence[str],
        text: str = "",
        *,
        timeout: float = 60.0,  # noqa: ARG002 - nothing here takes long
        environ: Mapping[str, str] | None = None,
        check: bool = True,  # noqa: ARG002 - every refusal is raised
    ) -> CommandResult:
        """Run a program as ``host.commands.run`` does."""
        name = argv[0].rpartition("/")[2]
        if name in self.absent:
            raise MissingExecutable(argv[0], [argv[0]])
        if argv[1:] == ["--version"]:
            return CommandResult(tuple(argv), 0, f"{name} v1.8.9 (legacy)\n", "")
        self.calls.append(" ".join([name, *argv[1:]]))
        self.environs.append(environ or {})
        family = name.partition("-")[0]
        if self.broken.get(name) == "":
            raise CommandError(argv, 3, f"{name}: this family is not supported")
        if name.endswith("-save"):
            return CommandResult(tuple(argv), 0, self.saved(family), "")
        self.texts.append(text)
        self.meanwhile()
        if self.locked:
            self.locked -= 1
            raise CommandError(argv, 4, LOCKED)
        self._restore(family, text, argv)
        return CommandResult(tuple(argv), 0, "", "")

    def saved(self, family: str) -> str:
        """Return what iptables-save would print."""
        lines: list[str] = []
        for table, chains in self.tables[family].items():
            lines.append(f"*{table}")
            policies = dict.fromkeys(BUILT_IN[table], "ACCEPT")
            lines += [f":{chain} {policies.get(chain, '-')} [0:0]" for chain in chains]
            lines += [
                f"[1:60] -A {chain} {text_of(rule)}"
                for chain, rules in chains.items()
                for rule in rules
            ]
            lines.append("COMMIT")
        return "".join(f"{line}\n" for line in lines)

    def rules(self, family: str, table: str, chain: str) -> list[str]:
        """Return the rules of a chain as text."""
        return [text_of(rule) for rule in self.tables[family].get(table, {}).get(chain, [])]

    def load(self, family: str, text: str) -> None:
        """Change the tables as another program would."""
        self._restore(family, text, ["somebody"])

    def _restore(self, family: str, text: str, argv: Sequence[str]) -> None:
        table, chains = "", {}
        for number, line in enumerate(text.splitlines(), 1):
            words = words_of(line)
            if line.startswith("*"):
                table = line[1:].strip()
                held = self.tables[family].get(table) or {name: [] for name in BUILT_IN[table]}
                chains = {chain: list(rules) for chain, rules in held.items()}
            elif line == "COMMIT":
                if self.broken.get(argv[0].rpartition("/")[2]) == table:
                    raise CommandError(argv, 1, f"iptables-restore: line {number} failed")
                self.tables[family][table] = chains
            elif not _change(chains, words):
                raise CommandError(argv, 1, f"iptables-restore: line {number} failed")


def _change(chains: Chains, words: tuple[str, ...]) -> bool:
    """Do what one line says; False when it cannot be done."""
    verb, chain, *rest = words
    rules = chains.get(chain)
    if verb == "-N":
        return rules is None and chains.setdefault(chain, []) == []
    if rules is None:
        return False
    if verb == "-X":
        return not rules and chains.pop(chain) is rules
    if verb == "-F":
        rules.clear()
    elif verb == "-D" and len(rest) == 1:
        rules.pop(int(rest[0]) - 1)
    elif verb == "-D":
        if tuple(rest) not in rules:
            return False
        rules.remove(tuple(rest))
    elif verb == "-I":
        rules.insert(int(rest[0]) - 1, tuple(rest[1:]))
    else:
        rules.append(tuple(rest))
    return True
