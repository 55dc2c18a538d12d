"""The environment, with and without ``os``."""

from __future__ import annotations

import os
import subprocess
import sys

from kuma_net.host.environment import environment

BARE = """
import sys
sys.path.insert(0, sys.argv[1])
from kuma_net.host.environment import environment
found = environment()
assert "os" not in sys.modules
print(sorted(found.items()))
"""


def test_where_os_is_loaded_it_is_its_own() -> None:
    assert environment() is os.environ


def test_a_bare_interpreter_finds_the_same_without_loading_os() -> None:
    given = {"A": "b=c", "ODD": "\udcff", "EMPTY": "", "LC_CTYPE": "C.UTF-8"}
    root = __file__.rpartition("/tests/")[0]
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BARE, root],
        env=given,
        capture_output=True,
        check=True,
    )
    assert ended.stdout.decode().strip() == str(sorted(given.items()))
