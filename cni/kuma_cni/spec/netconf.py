"""The network configuration that a runtime writes to a plugin's standard input."""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_VERSION = "0.1.0"
"""Of a configuration that names none (CNI specification 0.1.0 had no such field)."""
LOG_FILE = "/var/log/kuma-net/cni.log"
LOG_SOCKET = "/run/kuma-net/cni.sock"
STATE_DIR = "/var/lib/cni/kuma-net"


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
    * ``state_dir``: where records of attachments lie.
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
