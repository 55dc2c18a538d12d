"""Help for a person at a terminal of 80 columns, made from the table of options.

Both programs print it: ``kuma-init`` from here, ``kuma-net`` through click's own ``--help``.
"""

from __future__ import annotations

from kuma_net.record import Record
from kuma_net.tproxy.flags import HELP
from kuma_net.tproxy.options import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuma_net.tproxy.flags import Flag
    from kuma_net.tproxy.option import Option

WIDTH = 80
INDENT = 2
HELP_COLUMN = 30

SECTIONS = (
    ("What arrives", "redirect.inbound."),
    ("What is sent", "redirect.outbound."),
    ("DNS", "redirect.dns."),
    ("Other interfaces", "redirect."),
)
GENERAL, RULES, RUNNING = "Options", "Rules", "Restoring by iptables"
PLACES = {
    "dropInvalidPackets": RULES,
    "log.enabled": RULES,
    "comments.disabled": RULES,
    "storeFirewalld": RULES,
    "wait": RUNNING,
    "waitInterval": RUNNING,
    "retry.maxRetries": RUNNING,
    "retry.sleepBetweenRetries": RUNNING,
    "iptablesExecutables": RUNNING,
}


class Entry(Record):
    """A line of help: the flag with its value, and what it does."""

    flag: str
    text: str


class Section(Record):
    """A heading and the entries below it."""

    title: str
    entries: tuple[Entry, ...]


def section_of(option: Option) -> str:
    """Return the heading below which an option is listed."""
    if option.path in PLACES:
        return PLACES[option.path]
    return next((title for title, prefix in SECTIONS if option.path.startswith(prefix)), GENERAL)


def option_sections(only: Sequence[str] | None = None) -> Iterator[Section]:
    """Yield the options that have flags, by section; ``only`` these flags where it is given."""
    for title in (GENERAL, *(title for title, _ in SECTIONS), RULES, RUNNING):
        entries = tuple(
            option_entry(option)
            if only is None or option.path not in REWORDED
            else Entry(option.flag, REWORDED[option.path])
            for option in OPTIONS
            if option.flag and section_of(option) == title and (only is None or option.flag in only)
        )
        if entries:
            yield Section(title, entries)


REWORDED = {
    "dryRun": "Print what would be taken away and change nothing.",
    "verbose": "Has no effect here; kumactl takes it.",
}
"""What options do for a command that takes away instead of installing."""


def option_entry(option: Option) -> Entry:
    """Return the line for an option: with its default where that is not nothing."""
    value = f" {option.metavar}" if option.metavar else ""
    if option.kind == "bool" and option.default == "true":
        value = "=false"
    default = option.default if option.metavar else ""
    notes = [f"default: {default}"] if default else []
    if option.repeatable:
        notes.append("may be repeated")
    told = f" [{'; '.join(notes)}]" if notes else ""
    return Entry(option.flag + value, option.help + told)


def flag_entry(flag: Flag) -> Entry:
    """Return the line for a command's own flag."""
    short = f"{flag.short}, " if flag.short else ""
    value = f" {flag.metavar}" if flag.metavar else ""
    told = " [may be repeated]" if flag.repeatable else ""
    return Entry(f"{short}{flag.name}{value}", flag.help + told)


def section_text(section: Section) -> str:
    """Return a section laid out in two columns, none wider than the terminal."""
    lines = [f"{section.title}:"]
    for entry in section.entries:
        start = " " * INDENT + entry.flag
        room = WIDTH - HELP_COLUMN
        wrapped = wrap(entry.text, room)
        if len(start) + 2 > HELP_COLUMN:
            lines.append(start)
        else:
            lines.append(f"{start:<{HELP_COLUMN}}{wrapped.pop(0)}")
        lines += [" " * HELP_COLUMN + line for line in wrapped]
    return "\n".join(lines) + "\n"


def wrap(text: str, width: int) -> list[str]:
    """Break text at blanks into lines of at most ``width``; a longer word stays whole."""
    lines = [""]
    for word in text.split():
        candidate = f"{lines[-1]} {word}" if lines[-1] else word
        if len(candidate) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = candidate
    return lines


LEAN_INTRODUCTION = (
    "Capture this network namespace's traffic for a service mesh's sidecar: IPv4, IPv6 and, if "
    "asked, DNS, in one nf_tables transaction. Flags, environment (KUMA_TRANSPARENT_PROXY_...) "
    "and documents are those of kumactl install transparent-proxy. Installing twice changes "
    "nothing; kuma-net has commands to look at what is installed and to take it away."
)
LEAN_UNINSTALL = (
    "Take away all capture rules, whoever put them there and however. Needs no configuration."
)


LEAN_VALIDATE = (
    "Prove that inbound capture works in this network namespace, by connections to itself: for "
    "each family that it is captured at the inbound port, and that what the sidecar hands to the "
    "workload is not. Run it as the sidecar's user; it needs no capability. It tries for 10 "
    "seconds. Exit code 0: all that the configuration asks for is proven; 1: something is not. "
    "Flags, environment and documents are those of install."
)


def lean_help(verb: str, own: Sequence[Flag], *, as_kumactl: bool) -> str:
    """Return the help of ``kuma-init``, or of the program called ``kumactl``; ``own`` its flags."""
    from kuma_net.cli.command_flags import VALIDATED, WITHOUT_CONFIGURATION

    words, introduction, only = {
        "install": ("install transparent-proxy", LEAN_INTRODUCTION, None),
        "uninstall": ("uninstall transparent-proxy", LEAN_UNINSTALL, WITHOUT_CONFIGURATION),
        "validate": ("install transparent-proxy-validator", LEAN_VALIDATE, VALIDATED),
    }[verb]
    program = f"kumactl {words}" if as_kumactl else f"kuma-init {words}"
    if verb == "install" and not as_kumactl:
        program = "kuma-init"
    command = Section("This program", tuple(flag_entry(flag) for flag in (*own, HELP)))
    parts = [f"Usage: {program} [FLAGS]\n", "\n".join(wrap(introduction, WIDTH)) + "\n"]
    parts += [section_text(section) for section in (*option_sections(only), command)]
    return "\n".join(parts)
