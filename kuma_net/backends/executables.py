"""Finding the programs of iptables: which is the nft flavour, which the legacy one.

Distributions call them ``iptables-nft-restore`` and ``iptables-legacy-restore``, and one of the two
also ``iptables-restore``.  The name that says the flavour is believed; a plain name is asked for
its version, which says ``(nf_tables)`` or ``(legacy)``; before 1.8 it said neither and was legacy.

What a person names (``--iptables-executables``) is taken if she names all three programs of a
family and they are of the flavour in question: to take rules of the one flavour away, programs
of the other are of no use.  One of them missing is an error, not a reason to take another.
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
    kind: Kind, family: Family, asked: tuple[tuple[str, str], ...], search: str, run: Run
) -> Tools:
    """Return the programs of one flavour and family.

    ``asked`` are pairs of a name and a path, ``search`` is PATH.  Raises MissingExecutable.
    """
    program = PROGRAMS[family]
    named = {name: where for name, where in asked if name in {program + role for role in ROLES}}
    flavour = kind.removeprefix("iptables-")
    lacking = [program + role for role in ROLES if program + role not in named]
    note = f"as it lacks {', '.join(lacking)}" if named else ""
    if not lacking:
        tools = Tools(named[f"{program}-save"], named[f"{program}-restore"])
        if flavour_of(tools.restore, run) == flavour:
            return tools
        note = f"as {tools.restore} is not of the {flavour} flavour"
    if note:
        note = f"--iptables-executables for {family} is passed over, {note}"
    save, restore = [find_program(program, role, flavour, search, run) for role in ROLES[1:]]
    return Tools(save, restore, note)


def find_program(program: str, role: str, flavour: str, path: str, run: Run) -> str:
    """Return the program by its full name, else by its plain name if that is of the flavour."""
    qualified, plain = f"{program}-{flavour}{role}", f"{program}{role}"
    found = which(qualified, path)
    if found:
        return found
    candidate = which(plain, path)
    if candidate and flavour_of(candidate, run) == flavour:
        return candidate
    folders = [folder for folder in path.split(":") if folder]
    raise MissingExecutable(qualified, list(dict.fromkeys((*folders, *SYSTEM_FOLDERS))))


def flavour_of(candidate: str, run: Run) -> str:
    """Return ``nft``, ``legacy`` or ``neither``: before 1.8 a version named no flavour."""
    try:
        said = run([candidate, "--version"], check=False).stdout
    except (CommandError, CommandTimeout):
        return "neither"
    return "nft" if "(nf_tables)" in said else "legacy"
