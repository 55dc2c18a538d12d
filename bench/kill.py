"""What is left in the kernel when the installer is killed at a random moment.

Every round starts from no rules, or from those of another configuration, starts the installer
and kills it after a random time up to half as long again as it needs.  Then the table must be
absent (only when it was), the old one or the new one, nothing between.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter

from measuring import enter_namespace, install, milliseconds, our_table, remove_table, report

KILLS = 1000
SEED = 20_240_229
OLD = install("--exclude-outbound-ports", "9000")
NEW = install("--redirect-all-dns-traffic", "--exclude-outbound-ports", "22,80,9000-9999")


def state_after(command: list[str]) -> str:
    """Run an installer to its end and return the table it leaves."""
    milliseconds(command)
    return our_table()


def main() -> int:
    """Kill installers; return 1 when one left something between none and all."""
    enter_namespace()
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    remove_table()
    old, new = state_after(OLD), state_after(NEW)
    times = []
    for _ in range(7):
        remove_table()
        times.append(milliseconds(NEW))
    longest = statistics.median(times) / 1000 * 1.6
    states: Counter[str] = Counter()
    for turn in range(KILLS):
        remove_table()
        before = "none" if turn % 2 else "old"
        if before == "old":
            milliseconds(OLD)
        installer = subprocess.Popen(NEW, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, longest))
        os.kill(installer.pid, signal.SIGKILL)
        installer.wait()
        found = our_table()
        names = {"": "none", old: "old", new: "new"}
        after = names.get(found, "between")
        states[f"{before} -> {after}" if after in {before, "new"} else "between"] += 1
    shown = ", ".join(f"{name}: {count}" for name, count in sorted(states.items()))
    what = f"states other than none and all after {KILLS:,} kills"
    return report([(what, "0", str(states["between"]), states["between"] == 0)], shown + ".")


if __name__ == "__main__":
    sys.exit(main())
