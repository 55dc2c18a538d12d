"""The variables of the environment: name, how it is read, default, what it means.

One table for reading, for ``--help`` and for the guide.  The first part is Kuma's, name by name and
default by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuma_net.record import Record
from kuma_net.values import HIGHEST_PORT, Family, Malformed, parse_address, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable

HTTP_PORT: Final = 19154
"""Next to the resolver's 19153."""
LONGEST: Final = 86400.0
SHORTEST: Final = 0.01
LEVELS: Final = ("trace", "debug", "info", "warn", "warning", "error", "off")
_TRUE: Final = ("1", "t", "true", "yes", "on")
_FALSE: Final = ("0", "f", "false", "no", "off")
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


class Endpoint(Record):
    """Where to listen; an empty ``address`` is every address, of both families."""

    address: str
    port: int


class Option(Record):
    """A variable: ``field`` of ``Settings``, ``read`` from its text; ``help`` is a sentence."""

    name: str
    field: str
    read: Callable[[str], Any]
    default: str
    help: str


def read_bool(text: str) -> bool:
    """Read a truth value as Go does, and ``yes`` and ``no``."""
    word = text.strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise Malformed(text, "neither true nor false", "write true or false")
    return word in _TRUE


def read_seconds(text: str) -> float:
    """Read a number of seconds that is not 0."""
    whole, _, part = text.strip().partition(".")
    digits = whole + part
    if digits.isascii() and digits.isdigit() and SHORTEST <= float(f"0{whole}.{part}0") <= LONGEST:
        return float(f"0{whole}.{part}0")
    right = "write a number of seconds greater than 0, a day at most"
    raise Malformed(text, "not a usable number of seconds", right)


def read_name(text: str) -> str:
    """Read the name of a file without a folder; empty stays empty."""
    name = text.strip()
    if "/" in name or name in {".", ".."} or not name.isprintable():
        raise Malformed(text, "not the name of a file", "write a name without a folder")
    return name


def read_path(text: str) -> str:
    """Read an absolute path."""
    path = text.strip()
    if not path.startswith("/") or not path.isprintable() or ".." in path.split("/"):
        raise Malformed(text, "not an absolute path", "write one that begins with /")
    return path.rstrip("/") or "/"


def read_path_or_none(text: str) -> str:
    """Read an absolute path; ``off`` or nothing: none."""
    return "" if text.strip().lower() in {"", "off", "none"} else read_path(text)


def read_paths(text: str) -> tuple[str, ...]:
    """Read absolute paths with commas between them."""
    return tuple([read_path(one) for one in text.split(",") if one.strip()])


def read_words(text: str) -> tuple[str, ...]:
    """Read words with commas between them."""
    return tuple([one.strip() for one in text.split(",") if one.strip()])


def read_text(text: str) -> str:
    """Read whatever it is."""
    return text.strip()


def read_level(text: str) -> str:
    """Read how much is logged."""
    level = text.strip().lower()
    if level not in LEVELS:
        raise Malformed(text, "not a level", f"write one of {', '.join(LEVELS)}")
    return level


def read_protocol(text: str) -> str:
    """Read ``https`` or ``http``."""
    protocol = text.strip().lower()
    if protocol not in {"https", "http"}:
        raise Malformed(text, "not a protocol of the API server", "write https or http")
    return protocol


def read_port(text: str) -> str:
    """Read a port, as text; empty stays empty."""
    return str(parse_number(text, 1, HIGHEST_PORT, "port")) if text.strip() else ""


def read_host(text: str) -> str:
    """Read an address or a name; brackets around an IPv6 address are taken off."""
    host = text.strip().removeprefix("[").removesuffix("]")
    plain = host.replace("-", "").replace(".", "").replace(":", "").replace("%", "")
    if host and not (plain.isascii() and plain.isalnum()):
        raise Malformed(text, "neither an address nor a name", "write such as 10.96.0.1")
    return host


def read_http(text: str) -> Endpoint | None:
    """Read ``:PORT``, ``ADDRESS:PORT``, ``[ADDRESS]:PORT``; ``off``: nowhere."""
    if text.strip().lower() in {"off", "none"}:
        return None
    address, colon, port = text.strip().rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    right = f"write :{HTTP_PORT}, 127.0.0.1:{HTTP_PORT}, [::1]:{HTTP_PORT} or off"
    if not colon:
        raise Malformed(text, "not an address and a port", right)
    if address:
        try:
            parse_address(address, Family.IPV6 if ":" in address else Family.IPV4)
        except Malformed:
            raise Malformed(text, "not an address and a port", right) from None
    return Endpoint(address, parse_number(port, 0, HIGHEST_PORT, "port"))


KUMAS: Final = (
    Option(
        "CFGCHECK_INTERVAL",
        "interval",
        read_seconds,
        "1",
        "Seconds between looks where the kernel does not report changes (inotify).",
    ),
    Option(
        "CHAINED_CNI_PLUGIN",
        "chained",
        read_bool,
        "true",
        "Be in the list of another network; false: a network of our own, for Multus.",
    ),
    Option(
        "CNI_CONF_NAME",
        "conf_name",
        read_name,
        "",
        "The file to be in; empty: the one that the container runtime takes.",
    ),
    Option(
        "CNI_LOG_LEVEL",
        "log_level",
        read_level,
        "info",
        "How much is logged: trace, debug, info, warn, error or off.",
    ),
    Option(
        "CNI_NETWORK_CONFIG",
        "network_config",
        read_text,
        "",
        "Our entry, as JSON with Kuma's placeholders; empty: one made from these settings.",
    ),
    Option(
        "CNI_NET_DIR",
        "net_dir",
        read_path,
        "/etc/cni/net.d",
        "The node's folder of network configurations, as the node sees it.",
    ),
    Option(
        "MOUNTED_CNI_NET_DIR",
        "mounted_net_dir",
        read_path,
        "/host/etc/cni/net.d",
        "The same folder as the installer sees it.",
    ),
    Option(
        "KUBECFG_FILE_NAME",
        "kubeconfig_name",
        read_name,
        "ZZZ-kuma-cni-kubeconfig",
        "The name of the kubeconfig that is written there.",
    ),
    Option(
        "KUBE_CA_FILE",
        "ca_file",
        read_path,
        f"{_ACCOUNT}/ca.crt",
        "The certificate authority of the API server.",
    ),
    Option(
        "KUBE_SERVICE_ACCOUNT_TOKEN_PATH",
        "token_file",
        read_path,
        f"{_ACCOUNT}/token",
        "The token that goes into the kubeconfig; watched, since it is rotated.",
    ),
    Option(
        "KUBERNETES_SERVICE_HOST",
        "api_host",
        read_host,
        "",
        "The API server; empty: no kubeconfig is written, as most runtimes make it needless.",
    ),
    Option("KUBERNETES_SERVICE_PORT", "api_port", read_port, "", "Its port."),
    Option("KUBERNETES_SERVICE_PROTOCOL", "api_protocol", read_protocol, "https", "Its protocol."),
    Option(
        "SLEEP",
        "sleep",
        read_bool,
        "true",
        "Stay and watch; false: install once, end, and leave everything in place.",
    ),
    Option(
        "REFRESH_SA_TOKEN_INTERVAL",
        "refresh",
        read_seconds,
        "60",
        "Seconds between looks at everything, beside what the kernel reports.",
    ),
)
"""Kuma's own variables."""

OURS: Final = (
    Option(
        "KUMA_CNI_OWN_CONF_NAME",
        "own_name",
        read_name,
        "",
        "A list of our own that sorts first, such as 00-kuma-cni.conflist, made from the "
        "primary network's and kept in step with it; empty: be in the primary's own file.",
    ),
    Option(
        "KUMA_CNI_REMOVE_ON_EXIT",
        "remove_on_exit",
        read_bool,
        "false",
        "Take everything away when told to end; otherwise an upgrade would open a window.",
    ),
    Option(
        "KUMA_CNI_GRACE",
        "grace",
        read_seconds,
        "5",
        "Seconds between taking the configuration away and the executable.",
    ),
    Option(
        "KUMA_CNI_HTTP",
        "http",
        read_http,
        f":{HTTP_PORT}",
        "Where /ready, /healthz and /metrics are; off: nowhere.",
    ),
    Option(
        "KUMA_CNI_READY_FILE",
        "ready_file",
        read_path_or_none,
        "",
        "A file that is there while /ready answers 200: Kuma's own chart reads /tmp/ready.",
    ),
    Option(
        "KUMA_CNI_BIN_DIR",
        "bin_dir",
        read_path,
        "/opt/cni/bin",
        "The node's folder of plugins, as the node sees it; it is only told to people.",
    ),
    Option(
        "KUMA_CNI_MOUNTED_BIN_DIRS",
        "mounted_bin_dirs",
        read_paths,
        "/host/opt/cni/bin,/host/secondary-bin-dir",
        "Where the executable goes, as the installer sees it: the first that can be written to.",
    ),
    Option(
        "KUMA_CNI_SOURCE_DIR",
        "source_dir",
        read_path_or_none,
        "",
        "Where the executable comes from; empty: from where the installer itself runs.",
    ),
    Option(
        "KUMA_CNI_LOG_SOCKET",
        "log_socket",
        read_path_or_none,
        "/run/kuma-net/cni.sock",
        "The socket at which the plugin's lines are received and printed; off: none.",
    ),
    Option(
        "KUMA_CNI_LOG_FILE",
        "log_file",
        read_path_or_none,
        "/var/log/kuma-net/cni.log",
        "The plugin's log on the node; off: none.",
    ),
    Option(
        "KUMA_CNI_STATE_DIR",
        "state_dir",
        read_path,
        "/var/lib/cni/kuma-net",
        "The plugin's records on the node.",
    ),
    Option(
        "KUMA_CNI_EXCLUDE_NAMESPACES",
        "exclude_namespaces",
        read_words,
        "kube-system",
        "Namespaces whose pods are never looked at (unless CNI_NETWORK_CONFIG says).",
    ),
    Option(
        "POD_NAMESPACE",
        "namespace",
        read_text,
        "",
        "The installer's own namespace, whose pods are never looked at.",
    ),
    Option(
        "KUMA_CNI_REPAIR",
        "repair",
        read_bool,
        "true",
        "Find running mesh pods without rules and install these in place.",
    ),
    Option(
        "KUMA_CNI_REPAIR_INTERVAL",
        "repair_interval",
        read_seconds,
        "15",
        "Seconds from the end of one look at all pods to the next.",
    ),
    Option(
        "KUMA_CNI_HOST_ROOT",
        "host_root",
        read_path_or_none,
        "/host",
        "Where the node's /run is mounted, for the repair; what is not there is not used.",
    ),
    Option(
        "CONTAINER_RUNTIME_ENDPOINT",
        "runtime",
        read_text,
        "",
        "The container runtime's socket on the node; empty: looked for at the usual places.",
    ),
    Option(
        "NODE_NAME",
        "node",
        read_text,
        "",
        "This node's name, for asking the API server where the runtime does not answer.",
    ),
)
"""What Kuma's installer has no variable for."""

OPTIONS: Final = (*KUMAS, *OURS)
