"""The process's environment, without loading ``os``: a bare interpreter has not done so."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """Return the environment as ``os.environ`` has it; a copy where ``os`` is not loaded.

    Loading ``os`` with all that it needs takes 2 ms of a process that lives for 20.
    """
    loaded = sys.modules.get("os")
    if loaded is not None:
        return loaded.environ  # type: ignore[no-any-return]  # os.environ
    from posix import environ

    return {
        name.decode("utf-8", "surrogateescape"): text.decode("utf-8", "surrogateescape")
        for name, text in environ.items()
    }
