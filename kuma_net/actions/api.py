"""What Python programs call: ``kuma_net.load_config``, ``probe``, ``install`` and their kin.

Thin: reading files and handing in the real machine, which the actions take as a parameter.
"""

from __future__ import annotations

from kuma_net.actions.wish import Request
from kuma_net.actions.world import Machine
from kuma_net.errors import Violation
from kuma_net.host.environment import environment
from kuma_net.tproxy.config import Config
from kuma_net.tproxy.sources import Sources, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuma_net.actions.findings import StatusReport
    from kuma_net.actions.reports import InstallReport, UninstallReport
    from kuma_net.tproxy.facts import HostFacts

REQUEST = Request()
DEFAULTS = Config()
NOTHING: Mapping[str, str] = {}


def load_config(
    *,
    files: Iterable[str] = (),
    annotations: Mapping[str, str] = NOTHING,
    environ: Mapping[str, str] = NOTHING,
    overrides: Mapping[str, object] = NOTHING,
) -> Config:
    """Return the configuration that all sources make; ``Config.origins`` says who had a say.

    ``files`` are paths of YAML or JSON documents, later ones win; ``annotations`` a pod's;
    ``environ`` usually ``os.environ``; ``overrides`` maps key paths to values
    (``{"redirect.outbound.port": 15001}``) and wins over all.  Raises ConfigError with every
    violation.
    """
    texts: list[tuple[str, str]] = []
    violations: list[Violation] = []
    for path in files:
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as lean as the programs
                texts.append((str(path), file.read()))
        except (OSError, UnicodeDecodeError) as problem:
            wrong = f"cannot be read: {getattr(problem, 'strerror', None) or 'not UTF-8'}"
            violations.append(Violation("files", str(path), "files", wrong))
    sources = Sources(
        files=tuple(texts),
        annotations=(("annotations", annotations),) if annotations else (),
        environ=environ,
        overrides=overrides,
        violations=tuple(violations),
    )
    return load(sources).config


def probe(config: Config = DEFAULTS) -> HostFacts:
    """Return what a plan for ``config`` needs to know of this machine, for its own backend.

    Nothing is changed.  Raises NoBackend and HostError.
    """
    from kuma_net.backends.select import select

    machine = _machine()
    choice = select(config.backend, machine.kernel())
    return machine.facts(config, own_table=choice.kind == "nftables")


def install(config: Config = DEFAULTS, request: Request = REQUEST) -> InstallReport:
    """Install in the calling thread's network namespace; see ``actions.install``."""
    from kuma_net.actions.install import install as act

    return act(config, _machine(), request)


def uninstall(config: Config = DEFAULTS, request: Request = REQUEST) -> UninstallReport:
    """Take away whatever is ours in this network namespace; see ``actions.uninstall``."""
    from kuma_net.actions.uninstall import uninstall as act

    return act(config, _machine(), request)


def status(config: Config | None = None, request: Request = REQUEST) -> StatusReport:
    """Return what is installed, compared with ``config`` or with its own digest."""
    from kuma_net.actions.status import status as act

    return act(config, _machine(), request)


def _machine() -> Machine:
    return Machine(environment())
