"""Finding the programs of iptables: which is the nft flavour, which the legacy one.

Distributions call them ``iptables-nft-restore`` and ``iptables-legacy-restore``, and one of the two
also ``iptables-restore``.  The name that says the flavour is believed; a plain name is asked for
its version, which says ``(nf_tables)`` or ``(legacy)``; before 1.8 it said neither and was legacy.

What a person names (``--iptables-executables``) is taken as it is, if she names all three programs
of a family: the flavours must not be mixed.
"""

from __future__ import annotations

from kuma_net.errors import CommandError, CommandTimeout, MissingExecutable
from kuma_net.host.commands import SYSTEM_FOLDERS, which
from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Kind
    from kuma_net.host.commands import Run

PROGRAMS = {Family.IPV4: "iptables", Family.IPV6: "ip6tables"}
ROLES = ("", "-save", "-restore")
"""What a person names is ``iptables``, ``iptables-save`` and ``iptables-restore``."""


class Tools(Record):
    """The paths of a family's two programs; ``note`` tells a wish that was passed over."""

    save: str
    restore: str
    note: str = ""


def find_tools(
    kind: Kind, family: Family, asked: tuple[tuple[str, str], ...], path: str, run: Run
) -> Tools:
    """Return the programs of one flavour and family.

    ``asked`` are pairs of a name and a path, ``path`` is PATH.  Raises MissingExecutable.
    """
    program = PROGRAMS[family]
    named = {name: where for name, where in asked if name in {program + role for role in ROLES}}
    note = ""
    if len(named) == len(ROLES):
        return Tools(named[f"{program}-save"], named[f"{program}-restore"])
    if named:
        lacking = ", ".join(program + role for role in ROLES if program + role not in named)
        note = f"--iptables-executables for {family} is passed over, as it lacks {lacking}"
    flavour = kind.removeprefix("iptables-")
    save, restore = [_find(program, role, flavour, path, run) for role in ROLES[1:]]
    return Tools(save, restore, note)


def _find(program: str, role: str, flavour: str, path: str, run: Run) -> str:
    """Return the program by its full name, else by its plain name if that is of the flavour."""
    qualified, plain = f"{program}-{flavour}{role}", f"{program}{role}"
    found = which(qualified, path)
    if found:
        return found
    candidate = which(plain, path)
    if candidate and _flavour(candidate, run) == flavour:
        return candidate
    folders = [folder for folder in path.split(":") if folder]
    raise MissingExecutable(qualified, list(dict.fromkeys((*folders, *SYSTEM_FOLDERS))))


def _flavour(candidate: str, run: Run) -> str:
    """Return what a program's version says it is; one that knows no ``--version`` is legacy."""
    try:
        said = run([candidate, "--version"], check=False).stdout
    except (CommandError, CommandTimeout, MissingExecutable):
        return "neither"
    return "nft" if "(nf_tables)" in said else "legacy"
