"""How programs end: at once, with their code, and with all that they wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kuma_net.cli.speech import is_program

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import atexit
from kuma_net.cli.speech import leave
atexit.register(print, "taken down")
print("out")
print("err", file=sys.stderr)
leave({code})
"""


def run(code: int, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(root=str(ROOT), code=code)
    return subprocess.run(
        [sys.executable, "-c", program], stdout=stdout, stderr=-1, text=True, check=False
    )


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_leaves_with_its_code_and_all_that_it_wrote(code: int) -> None:
    ended = run(code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "out\n", "err\n")


def test_output_that_cannot_be_written_is_a_failure() -> None:
    with Path("/dev/full").open("w") as full:
        assert run(0, full.fileno()).returncode == 1


def test_a_test_is_no_program_of_ours() -> None:
    assert not is_program("kuma-init", "kuma-net")
    # Whoever shares the tests out starts her workers from no file at all.
    started_as = getattr(sys.modules["__main__"], "__file__", None)
    assert started_as is None or is_program(Path(started_as).name)
