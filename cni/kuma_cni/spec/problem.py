"""Errors as a container runtime understands them: CNI specification 1.1.0, section 5, "Error".

Codes below 100 are the specification's, those from 100 on a plugin's own.
"""

from __future__ import annotations

INCOMPATIBLE_VERSION = 1
INVALID_ENVIRONMENT = 4
IO_FAILURE = 5
DECODING_FAILURE = 6
INVALID_CONFIG = 7
INVALID_NETNS = 8
TRY_AGAIN_LATER = 11
NOT_AVAILABLE = 50
REFUSED = 100
"""The pod asks for what cannot be done; ``details`` has every violation."""
FAILED = 101
"""The node cannot do it: the kernel refused, a capability is missing."""
DIFFERS = 102
"""CHECK: the rules are not those that ADD would install; ``details`` has the differences."""
INTERNAL = 199
"""A defect of ours."""


class CniError(Exception):
    """What is told to the runtime: ``code``, ``msg`` (a sentence) and ``details``."""

    def __init__(self, code: int, msg: str, details: str = "") -> None:
        """Keep the three fields of the specification's error object."""
        self.code = code
        self.msg = msg
        self.details = details
        super().__init__(f"{msg}: {details}" if details else msg)
