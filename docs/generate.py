"""Write the pages of ``docs/`` that are made from the code; ``--check`` only compares them."""

from __future__ import annotations

import sys
from pathlib import Path

from packet_walk import packet_walk_markdown

from kuma_net.tproxy.reference import options_markdown

PAGES = {"options.md": options_markdown, "packet-walk.md": packet_walk_markdown}
"""Every made page and what makes it."""


def main(arguments: list[str]) -> int:
    """Return 0 when all pages are (now) as they should be, 1 when a check found one that is not."""
    folder = Path(__file__).parent
    stale = []
    for name, make in PAGES.items():
        page, text = folder / name, make()
        if not page.exists() or page.read_text() != text:
            stale.append(name)
            if "--check" not in arguments:
                page.write_text(text)
    if stale and "--check" in arguments:
        sys.stderr.write(f"run make docs: {', '.join(stale)} is not what the code says\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
