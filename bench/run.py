"""Run every measurement and write ``bench/README.md`` from what they print.

``python bench/run.py [NAME...]`` runs the named ones only and writes nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from measuring import machine

HERE = Path(__file__).parent
SCRIPTS = ("startup", "connections", "walk", "replace", "kill", "crowd", "dns", "cni")
HEAD = """# Measurements

`make bench` runs them all, as root, in network namespaces they make themselves, and writes this
page anew. Each script prints its table by itself too: `.venv/bin/python bench/NAME.py`. Absolute
times depend on the machine and the hour; ratios are medians of pairs run in turn.

Machine of these figures: {machine}.
"""


def main(names: list[str]) -> int:
    """Run the scripts; return 1 when one missed a figure or did not end."""
    page = [HEAD.format(machine=machine())]
    missed = 0
    for name in names or SCRIPTS:
        print(f"## {name}\n", flush=True)
        script = HERE / f"{name}.py"
        done = subprocess.run(
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, check=False
        )
        if not done.stdout:
            print(f"{name} did not come to its end; bench/README.md stays as it was", flush=True)
            return 1
        print(done.stdout, flush=True)
        missed |= done.returncode
        theory = script.read_text().split('"""')[1].strip()
        page.append(f"## {name}\n\n{theory}\n\n{done.stdout.strip()}\n")
    if not names:
        (HERE / "README.md").write_text("\n".join(page))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
