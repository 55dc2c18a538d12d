"""Two hundred programs at once in one namespace: installers, uninstallers and other writers.

Afterwards every rule that an iptables program acknowledged must be there, and our table must be
exactly what one of the installers asked for, or absent.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter

from measuring import (
    KUMA_NET,
    enter_namespace,
    install,
    milliseconds,
    our_table,
    remove_table,
    report,
    run,
)

CROWD = 200
KINDS = 8
SEED = 20_240_229
FAMILIES = ("iptables", "ip6tables")


def requests() -> list[list[str]]:
    """Return the different installations that are asked for."""
    return [install("--exclude-outbound-ports", str(9000 + kind)) for kind in range(KINDS)]


def crowd(chance: random.Random) -> list[tuple[str, list[str]]]:
    """Return the programs in a random order: 80 install, 40 uninstall, 80 write with iptables."""
    programs: list[tuple[str, list[str]]] = []
    asked = requests()
    for number in range(CROWD):
        if number % 5 < 2:
            programs.append(("install", asked[number % KINDS]))
        elif number % 5 == 2:
            programs.append(("uninstall", [*KUMA_NET, "uninstall"]))
        else:
            flavour = ("nft", "legacy")[number % 2]
            writer = f"{FAMILIES[number // 5 % 2]}-{flavour}"
            rule = f"-w 60 -t nat -A OUTPUT -p tcp --dport {number + 1} -j RETURN"
            programs.append((writer, [writer, *rule.split()]))
    chance.shuffle(programs)
    return programs


def main() -> int:
    """Let the crowd loose; return 1 when a rule was lost or our table is nobody's."""
    enter_namespace()
    wanted = {""}
    for request in requests():
        remove_table()
        milliseconds(request)
        wanted.add(our_table())
    running = [
        (name, command, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        for name, command in crowd(random.Random(SEED))  # noqa: S311 - an order, no secret
    ]
    ended: Counter[str] = Counter()
    missing = 0
    acknowledged: list[tuple[str, str]] = []
    complaints: Counter[str] = Counter()
    for name, command, program in running:
        said, _ = program.communicate()
        ended[f"{name} {'done' if program.returncode == 0 else 'failed'}"] += 1
        if program.returncode:
            complaints[f"{name}: {said.decode().strip().splitlines()[-1:]}"] += 1
        elif "-A" in command:
            acknowledged.append((name, command[command.index("--dport") + 1]))
    for writer in {name for name, _ in acknowledged}:
        listed = run([f"{writer}-save", "-t", "nat"])
        ports = set(re.findall(r"--dport (\d+) -j RETURN", listed))
        missing += sum(port not in ports for name, port in acknowledged if name == writer)
    strange = our_table() not in wanted
    shown = ", ".join(f"{name}: {count}" for name, count in sorted(ended.items()))
    more = "".join(f"\n* {count} x {said}" for said, count in complaints.items())
    figures = [
        (f"acknowledged foreign rules missing, {CROWD} programs", "0", str(missing), missing == 0),
        ("our table equal to nobody's request", "0", str(int(strange)), not strange),
    ]
    return report(figures, f"{shown}.{more}")


if __name__ == "__main__":
    sys.exit(main())
