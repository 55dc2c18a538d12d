"""``kuma-dns serve``: from the words to the running server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kuma_dns.settings.load import load

if TYPE_CHECKING:
    from kuma_dns.cli.reader import Words


def serve_command(words: Words) -> int:
    """Serve until told to end; exit code 0.  Raises ``ConfigError`` and ``HostError``."""
    settings = load(words.flags, os.environ, words.violations)
    from kuma_dns.server.server import run

    return run(settings, os.environ)
