"""Running programs: what comes back, and the errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from kuma_net.errors import CommandError, CommandTimeout, MissingExecutable
from kuma_net.host.commands import run, which

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_gets_text_and_gives_text() -> None:
    result = run(["cat"], "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n")
    assert (result.argv, result.status, result.stdout) == (("cat",), 0, "caf\xe9\n")


def test_bytes_that_are_no_text_survive_the_round_trip() -> None:
    weird = b"\xff\xfe".decode("utf-8", "surrogateescape")
    assert run(["cat"], weird).stdout == weird


def test_a_failing_program_is_an_error_unless_that_is_expected() -> None:
    argv = ["sh", "-c", "echo no luck >&2; exit 3"]
    with pytest.raises(CommandError, match="ended with status 3: no luck") as caught:
        run(argv)
    assert (caught.value.argv, caught.value.status) == (tuple(argv), 3)
    assert run(argv, check=False).status == 3


def test_a_missing_program_is_told_by_name() -> None:
    with pytest.raises(MissingExecutable, match="no-such-program is not installed"):
        run(["no-such-program"])
    with pytest.raises(MissingExecutable):
        run(["/etc/passwd/x"])


def test_a_program_of_the_system_is_found_whatever_the_path() -> None:
    assert run(["sh", "-c", "echo found"], environ={"PATH": "/none"}).stdout == "found\n"
    with pytest.raises(MissingExecutable, match=r"looked in /none, /usr/sbin, /sbin, /usr/bin"):
        run(["no-such-program"], environ={"PATH": "/none"})


def test_a_program_that_may_not_be_run_is_told() -> None:
    with pytest.raises(CommandError, match="Permission denied"):
        run(["/etc/passwd"])


def test_a_program_that_does_not_end_goes_with_its_children() -> None:
    begun = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"did not end within 0\.2 s"):
        run(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.2)
    assert time.monotonic() - begun < 30


def test_the_environment_can_be_chosen() -> None:
    assert run(["/bin/sh", "-c", "echo $A"], environ={"A": "b"}).stdout == "b\n"


def test_programs_are_looked_for_in_the_path_then_in_the_system(tmp_path: Path) -> None:
    own = tmp_path / "sh"
    assert which("sh", str(tmp_path)) in {"/usr/sbin/sh", "/sbin/sh", "/usr/bin/sh", "/bin/sh"}
    own.write_text("#!/bin/sh\n")
    assert which("sh", f":{tmp_path}") != str(own), "not executable yet"
    own.chmod(0o755)
    assert which("sh", f":{tmp_path}") == str(own)
    assert which("no-such-program", "") is None
