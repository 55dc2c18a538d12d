"""The network configuration that a runtime writes to a plugin's standard input.

Wrong shapes are refused with the key named; ``null`` counts as absent.
"""

from __future__ import annotations

from kuma_cni.spec.problem import DECODING_FAILURE, INVALID_CONFIG, CniError
from kuma_cni.spec.shape import object_at, objects_at, text, text_at, texts_at
from kuma_cni.spec.versions import NEWEST, VERSIONS
from kuma_cni.spec.words import WORD, is_word
from kuma_net.documents import DocumentError
from kuma_net.documents.json_text import parse_json
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_VERSION = "0.1.0"
"""Of a configuration that names none (CNI specification 0.1.0 had no such field)."""
LOG_FILE = "/var/log/kuma-net/cni.log"
LOG_SOCKET = "/run/kuma-net/cni.sock"
STATE_DIR = "/var/lib/cni/kuma-net"
LONGEST = 2 << 20
"""Bytes: a pod's annotations are 256 KiB at most (Kubernetes), six times that if every sign is
escaped; its result is a few thousand."""
ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
VALID_ATTACHMENTS = ("cni.dev/valid-attachments", "cni.dev/attachments")


class Netconf(Record):
    """A plugin's configuration as it arrives.

    * ``cni_version``, ``name``, ``type``: as in the specification.
    * ``prev_result``: the chain's result so far, as it was written; None where there is none.
    * ``annotations``: the pod's, by ``runtimeConfig["io.kubernetes.cri.pod-annotations"]``; None
      where the runtime did not send them, which is something else than an empty mapping.
    * ``dns_servers``: ``runtimeConfig.dns``; None where it was not sent.
    * ``kubeconfig``, ``exclude_namespaces``: Kuma's fields under ``kubernetes``; ``own_namespace``
      is the installer's, from the same place.
    * ``log_level``, ``log_file``, ``log_socket``: how the plugin logs; empty: not there.
    * ``state_dir``: where records of attachments lie, in a folder for each network.
    * ``valid_attachments``: GC: (container id, interface) pairs; None where no list was sent.
    """

    cni_version: str = DEFAULT_VERSION
    name: str = ""
    type: str = ""
    prev_result: Mapping[str, object] | None = None
    annotations: Mapping[str, str] | None = None
    dns_servers: tuple[str, ...] | None = None
    kubeconfig: str = ""
    exclude_namespaces: tuple[str, ...] = ()
    own_namespace: str = ""
    log_level: str = "info"
    log_file: str = LOG_FILE
    log_socket: str = LOG_SOCKET
    state_dir: str = STATE_DIR
    valid_attachments: tuple[tuple[str, str], ...] | None = None


def read_netconf(data: bytes) -> Netconf:
    """Return the configuration; raises CniError: 6 for what is no JSON object, 7 for the rest.

    A key that we do not know is for somebody else.
    """
    mapping = _json_object(data)
    kubernetes = object_at(mapping, "kubernetes")
    annotations, dns_servers = _runtime_config(object_at(mapping, "runtimeConfig"))
    return Netconf(
        cni_version=_version(mapping),
        name=_network_name(mapping),
        type=text_at(mapping, "type"),
        prev_result=None if mapping.get("prevResult") is None else object_at(mapping, "prevResult"),
        annotations=annotations,
        dns_servers=dns_servers,
        kubeconfig=text_at(kubernetes, "kubeconfig", within="kubernetes."),
        exclude_namespaces=texts_at(kubernetes, "exclude_namespaces", within="kubernetes."),
        own_namespace=text_at(kubernetes, "namespace", within="kubernetes."),
        log_level=text_at(mapping, "log_level", "info"),
        log_file=text_at(mapping, "log_file", LOG_FILE),
        log_socket=text_at(mapping, "log_socket", LOG_SOCKET),
        state_dir=text_at(mapping, "state_dir", STATE_DIR),
        valid_attachments=_valid_attachments(mapping),
    )


def asked_version(data: bytes) -> str:
    """Return the version that an answer should be in: the asked one, the newest if in doubt."""
    try:
        version = _version(_json_object(data))
    except CniError:
        return NEWEST
    return version if version in VERSIONS else NEWEST


def _json_object(data: bytes) -> dict[str, object]:
    if len(data) > LONGEST:
        raise _undecodable(f"it is longer than {LONGEST} bytes")
    try:
        value = parse_json(data.decode())
    except UnicodeDecodeError as error:
        raise _undecodable(f"byte {error.start} is no UTF-8") from None
    except DocumentError as error:
        raise _undecodable(str(error)) from None
    if not isinstance(value, dict):
        raise _undecodable("it is no JSON object")
    return dict(value)


def _undecodable(reason: str) -> CniError:
    return CniError(
        DECODING_FAILURE, "the network configuration on the standard input cannot be read", reason
    )


def _version(mapping: dict[str, object]) -> str:
    """Return ``cniVersion``; libcni too takes an empty one for an absent one."""
    try:
        return text_at(mapping, "cniVersion") or DEFAULT_VERSION
    except CniError as error:
        raise CniError(DECODING_FAILURE, error.msg) from None


def _network_name(mapping: dict[str, object]) -> str:
    """Return the network's name; the allowed characters are those of libcni (pkg/utils)."""
    name = text_at(mapping, "name")
    if not name:
        raise CniError(INVALID_CONFIG, "the network configuration has no name")
    if not is_word(name):
        raise CniError(
            INVALID_CONFIG,
            "the network's name is not valid",
            f"{name[:100]!r}: {WORD}",
        )
    return name


def _runtime_config(
    mapping: dict[str, object],
) -> tuple[dict[str, str] | None, tuple[str, ...] | None]:
    """Return the pod's annotations and name servers; None for what was not sent.

    containerd writes null for a pod that has no annotations: that is an answer, not its absence.
    It writes the keys of ``dns`` with capitals (``Servers``), the conventions without.
    """
    within = "runtimeConfig."
    annotations = servers = None
    if ANNOTATIONS in mapping:
        said = object_at(mapping, ANNOTATIONS, within)
        path = f"{within}{ANNOTATIONS}"
        annotations = {key: text(value, f"{path}[{key!r}]") for key, value in said.items()}
    if mapping.get("dns") is not None:
        dns = object_at(mapping, "dns", within)
        key = "Servers" if "Servers" in dns else "servers"
        servers = texts_at(dns, key, within + "dns.")
    return annotations, servers


def _valid_attachments(mapping: dict[str, object]) -> tuple[tuple[str, str], ...] | None:
    """Return GC's list, of the key that libcni once wrote where the right one is not there.

    Null is an empty list: so libcni writes one that has no entries.
    """
    key = next((key for key in VALID_ATTACHMENTS if key in mapping), None)
    if key is None:
        return None
    pairs = []
    for index, attachment in enumerate(objects_at(mapping, key)):
        within = f"{key}[{index}]."
        container = text_at(attachment, "containerID", within=within)
        pairs.append((container, text_at(attachment, "ifname", within=within)))
    return tuple(pairs)
