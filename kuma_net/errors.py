"""The exception tree, divided by who can mend what went wrong.

::

    KumaNetError
    |- InputError                 the caller can mend it
    |  |- ConfigError             violations of the configuration, all at once
    |- HostError                  the machine can be mended
    |  |- MissingExecutable       a program that a backend needs is not there
    |  |- CommandError            a program ended with a status other than 0
    |  |- CommandTimeout          a program did not end in time
    |  |- NetlinkError            the kernel refused a message
    |  |- NoBackend               no way of telling the kernel works; the reason of each
    |  |- PermissionDenied        a capability is missing
    |- DriftError                 what is installed is not what was asked
    |- VerificationError          traffic did not land where it should

Errors carry data; ``str(error)`` is one plain sentence (or one line a violation) for a person.
Exit codes: ``InputError`` 2, ``DriftError`` 3, every other 1.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar


class Violation(Record):
    """One thing wrong with the input.

    ``path`` is the option's key path (``redirect.inbound.port``), ``value`` the offending text,
    ``source`` where it came from (``flag --redirect-inbound-port``, ``env KUMA_...``,
    ``file /etc/x.yaml``, ``annotation traffic.kuma.io/...``, ``host``), ``wrong`` what is wrong
    and ``right`` what would be right.
    """

    path: str
    value: str
    source: str
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        """One line: path, value, source, what is wrong, what would be right."""
        shown = f": {self.value!r}" if self.value else ""
        source = f" (from {self.source})" if self.source else ""
        right = f"; {self.right}" if self.right else ""
        return f"{self.path}{shown}{source}: {self.wrong}{right}"


class KumaNetError(Exception):
    """Root of all errors this project raises on purpose."""

    exit_code: ClassVar[int] = 1


class InputError(KumaNetError):
    """The caller's input is wrong; nothing was touched."""

    exit_code = 2


class ConfigError(InputError):
    """Every violation of the configuration that was found, in order."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        """Keep the violations (at least one)."""
        self.violations = tuple(violations)
        super().__init__("\n".join(str(violation) for violation in self.violations))


class HostError(KumaNetError):
    """The machine is not as it must be."""


class MissingExecutable(HostError):
    """A program is not to be found; ``searched`` are the places looked at."""

    def __init__(self, name: str, searched: Sequence[str]) -> None:
        """Name the program and where it was looked for."""
        self.name = name
        self.searched = tuple(searched)
        super().__init__(f"{name} is not installed (looked in {', '.join(self.searched)})")


class CommandError(HostError):
    """A program ended with ``status`` (negative: the signal that ended it)."""

    def __init__(self, argv: Sequence[str], status: int, stderr: str) -> None:
        """Keep what was run and what it said."""
        self.argv = tuple(argv)
        self.status = status
        self.stderr = stderr
        said = stderr.strip() or "it said nothing"
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        super().__init__(f"{' '.join(self.argv)} {ended}: {said}")


class CommandTimeout(HostError):
    """A program was stopped after ``seconds``."""

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        """Keep what was run and how long it had."""
        self.argv = tuple(argv)
        self.seconds = seconds
        super().__init__(f"{' '.join(self.argv)} did not end within {seconds:g} s and was stopped")


class NetlinkError(HostError):
    """The kernel refused message number ``message_index`` of a request.

    ``what`` describes that message in words (for a rule: why it is there and its setting);
    ``explanation`` is the kernel's extended acknowledgement, where it gave one.
    """

    def __init__(
        self, errno: int, strerror: str, what: str, message_index: int = -1, explanation: str = ""
    ) -> None:
        """Keep the kernel's answer and the message it answers."""
        self.errno = errno
        self.strerror = strerror
        self.what = what
        self.message_index = message_index
        self.explanation = explanation
        extra = f" ({explanation})" if explanation else ""
        super().__init__(f"the kernel refused {what}: {strerror}{extra}")


class NoBackend(HostError):
    """No backend works here; ``reasons`` has one sentence for each that was considered."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        """Keep the reason per backend."""
        self.reasons = dict(reasons)
        told = "; ".join(f"{kind}: {reason}" for kind, reason in self.reasons.items())
        super().__init__(f"no backend can be used here: {told}")


class PermissionDenied(HostError):
    """A capability is missing, for ``what``."""

    def __init__(self, capability: str, what: str) -> None:
        """Name the capability and what it was needed for."""
        self.capability = capability
        self.what = what
        super().__init__(f"{what} needs {capability}: run as root or grant that capability")


class DriftError(KumaNetError):
    """What is installed is not what was asked."""

    exit_code = 3


class VerificationError(KumaNetError):
    """Traffic did not land where it should."""
