"""Reports in words: results for the standard output, talk for the standard error.

Results are finished text with a newline at the end, or nothing; talk is a tuple of sentences,
before which the program puts its name.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.findings import PlanReport, StatusReport
    from kuma_net.actions.reports import InstallReport, UninstallReport
    from kuma_net.values import Family


def families_text(families: tuple[Family, ...]) -> str:
    """Return ``IPv4 and IPv6``, ``IPv4``, or ``no family``."""
    return " and ".join([str(family) for family in families]) or "no family"


def install_result(report: InstallReport) -> str:
    """Return the ruleset of a dry run, else one line."""
    if report.text:
        return report.text
    done = "installed" if report.changed else "nothing to do: installed already"
    return f"{done} ({families_text(report.families)}, backend {report.backend})\n"


def install_talk(report: InstallReport, *, verbose: bool = False) -> tuple[str, ...]:
    """Return why this backend, the notes, child processes if any, and what is to be confirmed."""
    backend = f"backend {report.backend}: {report.reason}"
    lines = [f"this would be {backend}" if report.text else backend, *report.notes]
    if verbose:
        lines += report.details
    if report.processes:
        lines.append(f"{_count(report.processes, 'other program')} had to be started")
    if report.confirm_within:
        left = seconds_text(report.confirm_within)
        lines.append(f"this is rolled back in {left} unless you say: kuma-net confirm")
    return tuple(lines)


REMOVED = ("removed", "restored")


def uninstall_result(report: UninstallReport) -> str:
    """Return one line for each thing taken away, and for what was put back."""
    remove, restore = ("would remove", "would restore") if report.dry_run else REMOVED
    lines = [f"{remove} {what}\n" for what in report.removed]
    if report.resolv_conf:
        lines.append(f"{restore} /etc/resolv.conf from /etc/resolv.conf.kuma-backup\n")
    return "".join(lines) or "nothing to do: nothing is installed\n"


def uninstall_talk(report: UninstallReport) -> tuple[str, ...]:
    """Return the notes, and child processes if any."""
    lines = report.notes
    if report.processes:
        lines += (f"{_count(report.processes, 'other program')} had to be started",)
    return lines


VERDICTS = {
    "nothing": "nothing is installed",
    "as asked": "as asked",
    "differs": "differs from what is asked",
    "untouched": "untouched since it was installed",
    "changed": "changed since it was installed",
}


def status_result(report: StatusReport) -> str:
    """Return what is installed, then what differs, then every rule with its counter."""
    lines = [f"verdict    {VERDICTS[report.verdict]}"]
    if report.backend:
        lines += [
            f"backend    {report.backend}",
            f"version    {report.version or 'unknown'}",
            f"config     {report.config or 'unknown'}",
            f"families   {families_text(report.families)}",
        ]
    if report.pending is not None:
        left = seconds_text(report.pending)
        lines.append(f"pending    not confirmed; rolled back in {left}")
    if report.drift:
        lines += ["", "differences", *[f"  {line}" for line in report.drift]]
    if report.rules:
        lines += ["", *_rule_lines(report)]
    return "\n".join(lines) + "\n"


def _rule_lines(report: StatusReport) -> list[str]:
    lines: list[str] = []
    chain = ""
    for rule in report.rules:
        if rule.chain != chain:
            chain = rule.chain
            lines.append(f"{chain:<60} packets" if not lines else chain)
        seen = "?" if rule.packets is None else str(rule.packets)
        lines.append(f"{seen:>9}  {rule.rule}")
    return lines


def plan_result(report: PlanReport) -> str:
    """Return what would change, a line each."""
    if not report.drift:
        return "nothing would change\n"
    return "".join([f"{line}\n" for line in report.drift])


def plan_talk(report: PlanReport) -> tuple[str, ...]:
    """Return why this backend, and the notes."""
    return (f"backend {report.backend}: {report.reason}", *report.notes)


def seconds_text(seconds: float) -> str:
    """Return a time for people: ``42 s``, ``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
