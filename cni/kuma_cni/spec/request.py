"""What a runtime asks: the environment variables of CNI and the configuration together."""

from __future__ import annotations

from kuma_cni.spec.netconf import Netconf, asked_version, read_netconf
from kuma_cni.spec.problem import INVALID_ENVIRONMENT, CniError
from kuma_cni.spec.versions import check_version
from kuma_cni.spec.words import WORD, is_word, wrong_ifname
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    Verb: TypeAlias = Literal["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]

_ATTACHMENT = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH")
NEEDED = {
    "ADD": _ATTACHMENT,
    "DEL": ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"),
    "CHECK": _ATTACHMENT,
    "GC": ("CNI_PATH",),
    "STATUS": ("CNI_PATH",),
}
"""What each verb must find in the environment (libcni, pkg/skel); VERSION needs nothing."""


class Request(Record):
    """One call of the plugin, checked.

    ``args`` are the pairs of CNI_ARGS; ``may_be_own``: CNI_NETNS_OVERRIDE allows the plugin's own
    network namespace (libcni's switch; it never allows us to touch a ``hostNetwork`` pod).
    """

    verb: Verb
    container_id: str = ""
    netns: str = ""
    ifname: str = ""
    args: Mapping[str, str] = {}
    may_be_own: bool = False
    netconf: Netconf = Netconf()


def read_request(environ: Mapping[str, str], stdin: bytes) -> Request:
    """Return the request; raises CniError: 4, 6, 7 or 1, found in this order, as libcni does."""
    command = environ.get("CNI_COMMAND", "")
    if command == "VERSION":
        return Request("VERSION", netconf=Netconf(cni_version=asked_version(stdin)))
    needed = NEEDED.get(command)
    if needed is None:
        raise CniError(
            INVALID_ENVIRONMENT,
            "CNI_COMMAND is not known",
            f"{command[:40]!r} is none of {', '.join((*NEEDED, 'VERSION'))}",
        )
    _check_environment(environ, needed)
    netconf = read_netconf(stdin)
    check_version(netconf.cni_version, command)
    verb: Verb = command  # type: ignore[assignment]
    return Request(
        verb,
        container_id=environ.get("CNI_CONTAINERID", ""),
        netns=environ.get("CNI_NETNS", ""),
        ifname=environ.get("CNI_IFNAME", ""),
        args=read_args(environ.get("CNI_ARGS", "")),
        may_be_own=environ.get("CNI_NETNS_OVERRIDE", "").upper() in {"1", "TRUE"},
        netconf=netconf,
    )


def read_args(text: str) -> dict[str, str]:
    """Return the pairs of CNI_ARGS (``K=V;K=V``, in any order); of a key given twice the last.

    A value may contain ``=``.  What is no pair is none of ours, as is an unknown key, with or
    without ``IgnoreUnknown``: a pod must not fail for what somebody else was told.
    """
    pairs = [piece.partition("=") for piece in text.split(";")]
    return {key: value for key, sign, value in pairs if sign}


def _check_environment(environ: Mapping[str, str], needed: tuple[str, ...]) -> None:
    """Refuse a missing or impossible variable; all that are missing are named at once."""
    missing = [name for name in needed if not environ.get(name)]
    if missing:
        raise CniError(
            INVALID_ENVIRONMENT,
            f"required environment variables are missing: {', '.join(missing)}",
        )
    container = environ.get("CNI_CONTAINERID", "")
    if "CNI_CONTAINERID" in needed and not is_word(container):
        raise _impossible("CNI_CONTAINERID", container, WORD)
    ifname = environ.get("CNI_IFNAME", "")
    wrong = wrong_ifname(ifname) if "CNI_IFNAME" in needed else ""
    if wrong:
        raise _impossible("CNI_IFNAME", ifname, wrong)


def _impossible(name: str, value: str, why: str) -> CniError:
    return CniError(INVALID_ENVIRONMENT, f"{name} is not valid", f"{value[:100]!a}: {why}")
