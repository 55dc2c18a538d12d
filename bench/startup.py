"""How long an installation takes as a whole process, and how many processes it starts.

Children are counted by the kernel: in a process-id namespace of its own, the id that is given
next tells how many processes and threads there have been.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import (
    BARE_PYTHON,
    KUMA_NET,
    ROOT,
    SIDECAR,
    children,
    enter_namespace,
    in_turn,
    install,
    milliseconds,
    ratio,
    remove_table,
    report,
    table,
)

TURNS = 41
MANY = 10_000
FULL = ("--redirect-all-dns-traffic",)
LAUNCHER = f"""import sys
sys.path.insert(0, {str(ROOT)!r})
from kuma_net.cli.init import main
sys.exit(main())
"""
SHELVE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import kuma_net.cli.shelf as s; s.put()"
NO_SHELF = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "import kuma_net.cli.shelf as shelf; shelf.place = lambda: '/nonexistent'\n"
)
EXCLUSIONS_HEAD = "redirect:\n  outbound:\n    excludePortsForUIDs:\n"


def exclusions(count: int) -> str:
    """Return a configuration with that many exclusions of one port of one user each."""
    lines = [f"    - tcp:{1 + index % 60000}:{100_000 + index}\n" for index in range(count)]
    return EXCLUSIONS_HEAD + "".join(lines) if lines else "redirect: {}\n"


def main() -> int:
    """Measure start-up; return 1 when a figure is missed."""
    enter_namespace()
    subprocess.run([BARE_PYTHON, "-I", "-c", SHELVE], check=True)
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Path(folder, "none.yaml"), Path(folder, "many.yaml")
        launcher = Path(folder, "kuma-init")  # as the image of an init container has it
        launcher.write_text(LAUNCHER)
        bare_handed = Path(folder, "bare-handed", "kuma-init")
        bare_handed.parent.mkdir()
        bare_handed.write_text(NO_SHELF + LAUNCHER)
        empty.write_text(exclusions(0))
        full.write_text(exclusions(MANY))
        person = [*KUMA_NET, "install", *install(*FULL)[1:]]
        variants = {
            "bare interpreter": [BARE_PYTHON, "-I", "-S", "-c", "pass"],
            "our modules, -I -S": [BARE_PYTHON, "-I", "-S", str(launcher), *install(*FULL)[1:]],
            "the same without the shelf": [
                BARE_PYTHON,
                "-I",
                "-S",
                str(bare_handed),
                *install(*FULL)[1:],
            ],
            "kuma-init": install(*FULL),
            "kuma-net install": person,
            "with a YAML file, no exclusions": install(*FULL, "--config", str(empty)),
            f"with a YAML file, {MANY:,} exclusions": install(*FULL, "--config", str(full)),
        }
        remove_table()
        started = children(lambda: milliseconds(install(*FULL)))
        times = in_turn(variants, TURNS, remove_table)
    bare, lean, _, script, click, none, many = times.values()
    figures = [
        ("kuma-init, dual stack with DNS: child processes", "0", str(started), started == 0),
        against("our modules by `python3 -I -S` / `python3 -I -S -c pass`", lean, bare, 2.5),
        against("installed script `kuma-init` / the same", script, bare, 4),
        against("`kuma-net install` with click / the same", click, bare, 8),
        against(f"install with {MANY:,} exclusions (YAML) / with none (no file)", many, script, 5),
        against("the same / with none (YAML file)", many, none, 5),
    ]
    rows = [
        (name, *(f"{value:.1f}" for value in (statistics.median(ms), min(ms), max(ms))))
        for name, ms in times.items()
    ]
    spread = table(("whole process, ms", "median", "least", "most"), rows)
    return report(figures, f"{spread}\n\n{TURNS} turns. Sidecar's account: UID {SIDECAR}.")


def against(
    what: str, over: list[float], under: list[float], most: float
) -> tuple[str, str, str, bool]:
    """Return the figure of a ratio that is to stay below ``most``."""
    value = ratio(over, under)
    return what, f"<= {most:g}", f"{value:.2f}", value <= most


if __name__ == "__main__":
    sys.exit(main())
