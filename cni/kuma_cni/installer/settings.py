"""The environment to ``Settings``: Kuma's variables with their defaults, and ours beside them.

All that is wrong is told at once, each piece with its variable and what would be right; nothing
is touched then.  An empty variable counts as one that is not set: charts write such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuma_cni.conflist.entry import Facts, default_entry, given_entry
from kuma_cni.conflist.network import ENDINGS, LIST_ENDING, PLUGIN, written
from kuma_cni.conflist.plan import Wish
from kuma_cni.installer.options import OPTIONS
from kuma_cni.spec.netconf import read_netconf
from kuma_cni.spec.problem import CniError
from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.conflist.network import Content
    from kuma_cni.installer.options import Endpoint

FREE_ENDING: Final = "a name that ends in .conf, .conflist or .json"


class Settings(Record):
    """Everything that can be set; times in seconds.

    ``net_dir``, ``bin_dir`` are paths on the node, ``mounted_...`` the same folders as we see them.
    """

    interval: float
    chained: bool
    conf_name: str
    log_level: str
    network_config: str
    net_dir: str
    mounted_net_dir: str
    kubeconfig_name: str
    ca_file: str
    token_file: str
    api_host: str
    api_port: str
    api_protocol: str
    sleep: bool
    refresh: float
    own_name: str
    remove_on_exit: bool
    grace: float
    http: Endpoint | None
    ready_file: str
    bin_dir: str
    mounted_bin_dirs: tuple[str, ...]
    source_dir: str
    log_socket: str
    log_file: str
    state_dir: str
    exclude_namespaces: tuple[str, ...]
    namespace: str
    repair: bool
    repair_interval: float
    host_root: str
    runtime: str
    node: str

    @property
    def kubeconfig(self) -> str:
        """Return where the plugin finds its kubeconfig; empty where there is no API server."""
        return f"{self.net_dir}/{self.kubeconfig_name}" if self.api_host else ""

    def entry(self, token: str = "") -> Content:
        """Return our entry in a list of plugins; raises ``Malformed``."""
        facts = Facts(
            kubeconfig=self.kubeconfig,
            token=token,
            namespace=self.namespace,
            exclude_namespaces=self.exclude_namespaces,
            bin_dir=self.bin_dir,
            log_level=self.log_level,
            log_file=self.log_file,
            log_socket=self.log_socket,
            state_dir=self.state_dir,
        )
        if self.network_config:
            return given_entry(self.network_config, facts)
        return default_entry(facts)

    def wish(self, token: str = "", *, exact: bool = True) -> Wish:
        """Return how we want to be in the folder of network configurations."""
        return Wish(self.entry(token), self.chained, self.conf_name, self.own_name, exact)


def load(environ: Mapping[str, str]) -> Settings:
    """Return what the environment says; raises ``ConfigError`` with every violation."""
    violations: list[Violation] = []
    values: dict[str, Any] = {}
    for option in OPTIONS:
        said = environ.get(option.name, "")
        try:
            values[option.field] = option.read(said if said.strip() else option.default)
        except Malformed as error:
            _blame(violations, option.name, error.piece, error.wrong, error.right)
            values[option.field] = option.read(option.default)  # to see to the others as well
    blamed = {violation.path for violation in violations}
    together: list[Violation] = []
    _check(Settings(**values), together)
    violations += [violation for violation in together if violation.path not in blamed]
    if violations:
        raise ConfigError(violations)
    return Settings(**values)


def _check(settings: Settings, violations: list[Violation]) -> None:
    """See to what variables mean for each other."""
    own, conf = settings.own_name, settings.conf_name
    if conf and not conf.endswith(ENDINGS):
        _blame(violations, "CNI_CONF_NAME", conf, "no runtime reads it", f"write {FREE_ENDING}")
    if own and not own.endswith(LIST_ENDING):
        right = f"write a name that ends in {LIST_ENDING}, such as 00-kuma-cni.conflist"
        _blame(violations, "KUMA_CNI_OWN_CONF_NAME", own, "not the name of a list", right)
    if own and not settings.chained:
        wrong = "makes no sense with CHAINED_CNI_PLUGIN=false"
        _blame(violations, "KUMA_CNI_OWN_CONF_NAME", own, wrong, "leave one of them out")
    if own and own == conf:
        wrong = "is the primary network's file (CNI_CONF_NAME)"
        _blame(violations, "KUMA_CNI_OWN_CONF_NAME", own, wrong, "write another name")
    if settings.api_host and not settings.api_port:
        right = "write the API server's port, such as 443"
        _blame(violations, "KUBERNETES_SERVICE_PORT", "", "not set, but the host is", right)
    try:
        # What the plugin cannot read would fail every pod of the node.
        read_netconf(written({"name": PLUGIN, **settings.entry()}))
    except Malformed as error:
        _blame(violations, "CNI_NETWORK_CONFIG", error.piece, error.wrong, error.right)
    except CniError as error:
        right = "mend it: every pod of the node would fail"
        _blame(violations, "CNI_NETWORK_CONFIG", "", str(error), right)


def _blame(violations: list[Violation], *words: str) -> None:
    name, value, wrong, right = words
    violations.append(Violation(name, value, "environment", wrong, right))
