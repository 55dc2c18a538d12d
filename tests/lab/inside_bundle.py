"""Python code run by a bundle's own interpreter, with everything as its programs find it."""

from __future__ import annotations

import subprocess
from pathlib import Path

BEGIN = """
import sys
from marshal import loads
sys.path[:] = [sys.path[-1], {folder!r} + "/modules.zip"]
sys.modules["encodings"].__path__.append({folder!r} + "/modules.zip/encodings")
start = {{"__name__": "start"}}
exec(loads(open({folder!r} + "/start", "rb").read()), start)
homes = loads(open({folder!r} + "/homes", "rb").read())
sys.meta_path.insert(0, start["Shelves"]({folder!r}, homes))
"""


def folder_of(bundle: Path) -> Path:
    """Return the folder beside the launcher."""
    (folder,) = (path for path in bundle.iterdir() if path.is_dir())
    return folder


def command(folder: Path, code: str) -> list[str]:
    """Return the words that run code in the bundle's interpreter."""
    (loader,) = (folder / "lib").glob("ld-linux-*")
    library = ["--inhibit-cache", "--library-path", f"{folder}/lib"]
    options = ["-I", "-S", "-E", "-B", "-X", "utf8", "-c", BEGIN.format(folder=str(folder)) + code]
    return [str(loader), *library, f"{folder}/bin/python3.11", *options]


def run_inside(bundle: Path, code: str) -> str:
    """Run code in a bundle and return what it printed; it must succeed."""
    argv = command(folder_of(bundle), code)
    done = subprocess.run(argv, env={}, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout
