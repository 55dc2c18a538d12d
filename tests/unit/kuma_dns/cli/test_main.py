"""The way of ``serve`` past click, and of everything else through it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kuma_dns.cli.main import main


def test_serve_tells_its_mistakes_without_serving(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--listen", "nowhere", "--ttl=x"]) == 2
    told = capsys.readouterr().err
    assert "2 mistakes" in told
    assert "--listen: 'nowhere'" in told


def test_help_is_the_same_for_serve_as_for_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-h"]) == 0
    assert "Usage: kuma-dns serve" in capsys.readouterr().out
    assert main(["check", "-h"]) == 0
    assert "Usage: kuma-dns check" in capsys.readouterr().out


def test_serve_loads_neither_click_nor_what_only_other_commands_need() -> None:
    program = (
        "import sys\n"
        "from kuma_dns.cli.main import main\n"
        "main(['serve', '--listen', 'nowhere'])\n"
        "import kuma_dns.server.server\n"
        "heavy = {'click', 'dnslib', 'asyncio', 'subprocess', 'logging', 'argparse', 'inspect'}\n"
        "print(*sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


def test_without_the_extra_it_says_what_is_missing() -> None:
    program = (
        "import sys\n"
        "sys.modules['h11'] = None\n"
        "from kuma_dns.cli.main import main\n"
        "place = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']\n"
        "sys.exit(main(['serve', '--record', 'a.mesh=240.0.0.1', *place]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the Python package h11 is missing: install kuma-net[dns]" in done.stderr
    assert "Traceback" not in done.stderr
