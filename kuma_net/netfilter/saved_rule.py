"""One rule in the words of iptables-save, read as a rule of a ruleset.

``read_rule`` raises ``ValueError`` for a rule that no ruleset of ours holds: an unknown option, a
denied owner, one question asked twice, a target with arguments we do not know.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.normal import normal
from kuma_net.netfilter.ruleset import COMMENT_PREFIX, Rule, why_and_setting
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import (
    HIGHEST_PORT,
    L4_PROTOS,
    IdSet,
    InterfacePattern,
    Network,
    PortSet,
    parse_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from kuma_net.netfilter.matches import CtStateName, Match, Positive
    from kuma_net.netfilter.targets import Target
    from kuma_net.values import Family

_MODULES = {"tcp", "udp", "multiport", "owner", "conntrack", "comment"}
_PROTOCOLS = {proto.name: proto for proto in L4_PROTOS}
_STATES: dict[str, CtStateName] = {
    "INVALID": "INVALID",
    "NEW": "NEW",
    "ESTABLISHED": "ESTABLISHED",
    "RELATED": "RELATED",
    "UNTRACKED": "UNTRACKED",
}
_LOG_OPTIONS = {"--log-prefix", "--log-level"}
DEFAULT_LOG_LEVEL = "4"
"""LOG_WARNING; iptables-save leaves it out (extensions/libxt_LOG.c)."""


def _ports(text: str) -> PortSet:
    return PortSet.parse(text.replace(":", "-"))


def _ids(text: str) -> IdSet:
    return IdSet.parse(text)


_READERS: dict[str, Callable[[str], Positive]] = {
    "-p": lambda text: Protocol(_PROTOCOLS[text]),
    "-s": lambda text: Source((Network.parse(text),)),
    "-d": lambda text: Destination((Network.parse(text),)),
    "-i": lambda text: InInterface(InterfacePattern.parse(text)),
    "-o": lambda text: OutInterface(InterfacePattern.parse(text)),
    "--sport": lambda text: SourcePort(_ports(text)),
    "--sports": lambda text: SourcePort(_ports(text)),
    "--dport": lambda text: DestinationPort(_ports(text)),
    "--dports": lambda text: DestinationPort(_ports(text)),
    "--uid-owner": lambda text: OwnerUid(_ids(text)),
    "--gid-owner": lambda text: OwnerGid(_ids(text)),
    "--ctstate": lambda text: CtState(_STATES[text]),
}


def read_rule(words: Sequence[str], family: Family, chains: Collection[str]) -> Rule:
    """Return the rule of ``family`` that the words after ``-A CHAIN`` say.

    ``chains`` are those one can jump to.  Raises ``ValueError``.
    """
    left = iter(words)
    matches: list[Match] = []
    told = ""
    target: Target | None = None
    for word in left:
        if word == "-j":
            target = _target(next(left, ""), tuple(left), chains)
        elif word == "-m":
            _known_module(next(left, ""))
        elif word == "--comment":
            told = next(left, "")
        elif word == "!":
            matches.append(_denied(_match(next(left, ""), left)))
        else:
            matches.append(_match(word, left))
    if target is None:
        raise ValueError("a rule without a target")
    why, setting = why_and_setting(told.removeprefix(COMMENT_PREFIX))
    rule = normal(Rule(tuple(_with_lists_joined(matches)), target, why, setting), family)
    if rule is None:
        raise ValueError("a rule that never holds")
    return rule


def _known_module(name: str) -> None:
    if name not in _MODULES:
        message = f"a match of module {name!r}"
        raise ValueError(message)


def _match(option: str, left: Iterator[str]) -> Positive:
    value = next(left, "")
    reader = _READERS.get(option)
    if reader is None:
        message = f"the option {option!r}"
        raise ValueError(message)
    try:
        return reader(value)
    except KeyError:
        message = f"{option} {value}"
        raise ValueError(message) from None


def _denied(match: Positive) -> Not:
    if isinstance(match, OwnerUid | OwnerGid):
        raise ValueError("a denied owner")  # noqa: TRY004 - a value's text, not a type's
    return Not(match)


def _with_lists_joined(matches: list[Match]) -> Iterator[Match]:
    """Yield the matches, the parts of a long denied list of ports (``-m multiport !``) as one."""
    denied: dict[type, PortSet] = {}
    for match in matches:
        match match:
            case Not(SourcePort(ports) | DestinationPort(ports) as inner):
                kind = type(inner)
                denied[kind] = ports.union(denied.get(kind, PortSet()))
            case _:
                yield match
    for kind, ports in denied.items():
        yield Not(kind(ports))


def _target(name: str, words: tuple[str, ...], chains: Collection[str]) -> Target:
    options = {} if len(words) % 2 else dict(zip(words[::2], words[1::2], strict=True))
    plain: dict[str, Target] = {"RETURN": Return(), "ACCEPT": Accept(), "DROP": Drop()}
    target: Target | None = None
    if name in plain and not words:
        target = plain[name]
    elif name == "REDIRECT" and options.keys() == {"--to-ports"}:
        target = Redirect(_number(options["--to-ports"]))
    elif name == "CT" and options.keys() == {"--zone"}:
        target = CtZone(_number(options["--zone"]))
    elif name == "LOG" and "--log-prefix" in options and options.keys() <= _LOG_OPTIONS:
        level = options.get("--log-level", DEFAULT_LOG_LEVEL)
        target = Log(options["--log-prefix"], _number(level))
    elif name in chains and not words:
        target = Jump(name)
    if target is None:
        message = f"the target {name} {' '.join(words)}".rstrip()
        raise ValueError(message)
    return target


def _number(text: str) -> int:
    return parse_number(text, 0, HIGHEST_PORT, "number")
