"""What ``install`` would tell the kernel, as text; nothing is changed.

The text of the ``nftables`` backend loads with ``nft -f``; restore text is what
``iptables-restore --noflush`` and ``ip6tables-restore --noflush`` take, each under its heading.
"""

from __future__ import annotations

from kuma_net.actions.reports import InstallReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.wish import Request, Wish


def dry_run(wished: Wish, request: Request) -> InstallReport:
    """Return the report of a dry run, with the text in it."""
    kind = wished.choice.kind
    restore = request.dry_run_form == "restore" or kind != "nftables"
    return InstallReport(
        backend=kind,
        reason=wished.choice.reason,
        families=wished.ruleset.families,
        notes=(*wished.notes, *_firewalld_note(wished)),
        details=wished.details,
        text=restore_texts(wished, stamped=kind != "nftables") if restore else nft_text(wished),
    )


def _firewalld_note(wished: Wish) -> tuple[str, ...]:
    if not wished.config.store_firewalld:
        return ()
    return ("firewalld would keep the rules too, in /etc/firewalld/direct.xml",)


def nft_text(wished: Wish) -> str:
    """Return a script for ``nft -f``."""
    from kuma_net.netfilter.nft_text import render_nft

    return render_nft(wished.ruleset, stamp=str(wished.stamp))


def restore_texts(wished: Wish, *, stamped: bool) -> str:
    """Return restore text under ``### IPv4 ###`` and ``### IPv6 ###``, as kumactl prints it."""
    from kuma_net.netfilter.restore_text import render_restore

    texts = []
    for family in wished.ruleset.families:
        text = render_restore(
            wished.ruleset,
            family,
            stamp=str(wished.stamp) if stamped else "",
            verbose=wished.config.verbose,
        )
        texts.append(f"### {family} ###\n\n{text.rstrip()}\n")
    return "\n".join(texts)
