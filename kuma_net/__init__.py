"""kuma-net: transparent-proxy capture for service meshes.

Begin with ``docs/architecture.md``; values flow from ``tproxy.sources`` to ``backends``.

The public names are in ``__all__``.  Each is looked up in its module when it is first used
(PEP 562), so that ``import kuma_net.values`` loads nothing else: a process that lives 20 ms pays
for every module.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.api import install, load_config, probe, status, uninstall
    from kuma_net.actions.findings import PlanReport, StatusReport
    from kuma_net.actions.reports import InstallReport, UninstallReport
    from kuma_net.errors import (
        CommandError,
        CommandTimeout,
        ConfigError,
        DriftError,
        HostError,
        InputError,
        KumaNetError,
        MissingExecutable,
        NetlinkError,
        NoBackend,
        PermissionDenied,
        VerificationError,
        Violation,
    )
    from kuma_net.netfilter.compare import Drift, compare
    from kuma_net.netfilter.explain import describe_ruleset, explain
    from kuma_net.netfilter.nft_text import render_nft
    from kuma_net.netfilter.packet import Packet
    from kuma_net.netfilter.restore_text import render_restore
    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.netfilter.simulate import Verdict, simulate
    from kuma_net.tproxy.compile import compile_ruleset
    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.facts import HostFacts
    from kuma_net.tproxy.plan import Plan, plan
    from kuma_net.values import Family, L4Proto, Network, PortSet

__all__ = [
    "CommandError",
    "CommandTimeout",
    "Config",
    "ConfigError",
    "Drift",
    "DriftError",
    "Family",
    "HostError",
    "HostFacts",
    "InputError",
    "InstallReport",
    "KumaNetError",
    "L4Proto",
    "MissingExecutable",
    "NetlinkError",
    "Network",
    "NoBackend",
    "Packet",
    "PermissionDenied",
    "Plan",
    "PlanReport",
    "PortSet",
    "Ruleset",
    "StatusReport",
    "UninstallReport",
    "Verdict",
    "VerificationError",
    "Violation",
    "__version__",
    "compare",
    "compile_ruleset",
    "describe_ruleset",
    "explain",
    "install",
    "load_config",
    "plan",
    "probe",
    "render_nft",
    "render_restore",
    "simulate",
    "status",
    "uninstall",
]

_HOMES = {
    "actions.api": (
        "install",
        "load_config",
        "probe",
        "status",
        "uninstall",
    ),
    "actions.findings": (
        "PlanReport",
        "StatusReport",
    ),
    "actions.reports": (
        "InstallReport",
        "UninstallReport",
    ),
    "errors": (
        "CommandError",
        "CommandTimeout",
        "ConfigError",
        "DriftError",
        "HostError",
        "InputError",
        "KumaNetError",
        "MissingExecutable",
        "NetlinkError",
        "NoBackend",
        "PermissionDenied",
        "VerificationError",
        "Violation",
    ),
    "netfilter.compare": (
        "Drift",
        "compare",
    ),
    "netfilter.explain": (
        "describe_ruleset",
        "explain",
    ),
    "netfilter.nft_text": ("render_nft",),
    "netfilter.packet": ("Packet",),
    "netfilter.restore_text": ("render_restore",),
    "netfilter.ruleset": ("Ruleset",),
    "netfilter.simulate": (
        "Verdict",
        "simulate",
    ),
    "tproxy.compile": ("compile_ruleset",),
    "tproxy.config": ("Config",),
    "tproxy.facts": ("HostFacts",),
    "tproxy.plan": (
        "Plan",
        "plan",
    ),
    "values": (
        "Family",
        "L4Proto",
        "Network",
        "PortSet",
    ),
}
"""Modules below ``kuma_net`` and the public names that live there."""


def __getattr__(name: str) -> object:
    """Import the module a public name lives in, at its first use (PEP 562)."""
    for module, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"kuma_net.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'kuma_net' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, looked up or not."""
    return sorted({*globals(), *__all__})
