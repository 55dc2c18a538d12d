"""Client programs built from ``clients/``: with glibc, with musl, by Go; Node's as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = Path(__file__).parent / "clients"
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1")


class MissingProgram(Exception):
    """A client cannot be had on this machine; the text says what is missing."""


class Programs:
    """Builds client programs as they are asked for, each once."""

    def __init__(self, folder: Path, go_cache: Path) -> None:
        """Build into ``folder``; the other one is the Go compiler's, to be kept."""
        self._folder = folder
        self._go_cache = go_cache
        self._known: dict[str, tuple[str, ...]] = {}

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words that run a client's program; raises MissingProgram."""
        if name not in self._known:
            self._known[name] = self._words(name)
        return self._known[name]

    def _words(self, name: str) -> tuple[str, ...]:
        target = self._folder / name
        if name == "glibc":
            return _compile("gcc", target)
        if name == "musl":
            return _compile("musl-gcc", target, "-static")
        if name == "go":
            return _build_go(target, self._go_cache)
        if name == "node":
            return _find("node"), str(SOURCES / "resolve.js")
        return sys.executable, str(SOURCES / f"resolve_{name}.py")


def _compile(compiler: str, target: Path, *options: str) -> tuple[str, ...]:
    words = (*STRICT, *options, "-o", str(target), str(SOURCES / "resolve.c"))
    return _build(compiler, words, target, {})


def _build_go(target: Path, cache: Path) -> tuple[str, ...]:
    environ = {"CGO_ENABLED": "0", "GOCACHE": str(cache), "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    words = ("build", "-trimpath", "-o", str(target), str(SOURCES / "resolve.go"))
    return _build("go", words, target, environ)


def _build(
    program: str, words: tuple[str, ...], target: Path, environ: Mapping[str, str]
) -> tuple[str, ...]:
    command = (_find(program), *words)
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environ
    )
    if ended.returncode:
        raise AssertionError(f"{' '.join(command)}: {ended.stderr}")
    return (str(target),)


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise MissingProgram(f"there is no {program} on this machine")
    return found
