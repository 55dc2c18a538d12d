"""The shelf holds what a plain install loads, in the order in which imports are completed."""

from __future__ import annotations

import sys
from pathlib import Path

import kuma_net
from kuma_net.cli.shelf import MODULES
from lab.topology import quiet_host

ROOT = Path(kuma_net.__file__).parents[1]
LISTED = """
import sys
sys.path.insert(0, {root!r})
from _frozen_importlib_external import SourceFileLoader
completed, plain = [], SourceFileLoader.exec_module
def exec_module(self, module):
    plain(self, module)
    completed.append(module.__name__)
SourceFileLoader.exec_module = exec_module
from kuma_net.cli.init import main
main(["--redirect-all-dns-traffic"])
print(*[name for name in completed if name.startswith("kuma_net.")], sep="\\n", file=sys.stderr)
"""
BEFORE = ["kuma_net.cli", "kuma_net.cli.init", "kuma_net.cli.speech"]
"""What is loaded before anything is taken from the shelf."""


def test_the_shelf_lists_what_a_plain_install_loads_in_the_order_of_completion() -> None:
    host = quiet_host()
    try:
        ended = host.run([sys.executable, "-I", "-c", LISTED.format(root=str(ROOT))])
    finally:
        host.stop()
    assert ended.stdout.startswith("installed")
    loaded = [line for line in ended.stderr.splitlines() if line.startswith("kuma_net.")]
    assert loaded == [*BEFORE, *MODULES], "write the new order into kuma_net/cli/shelf.py"
