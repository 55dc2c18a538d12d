"""What the repair of pods needs to know."""

from __future__ import annotations

from kuma_cni.spec.netconf import Netconf
from kuma_net.record import Record


class RepairSettings(Record):
    """How to find this node's pods and what their rules are.

    * ``interval``: seconds from the end of a round to the next one; ``patience``: seconds after
      which a round is given up.
    * ``endpoint``: the runtime's socket, a path of the node or ``unix://PATH``; empty: looked for.
    * ``host``: the folder under which the node's ``/run`` (and ``/proc``) are mounted; empty: this
      process sees the node's own.
    * ``node``: this node's name in the API; without it, or without ``netconf.kubeconfig``, the API
      server is never asked.
    * ``netconf``: what the plugin is configured with, its paths as this process sees them.
    """

    interval: float = 15.0
    patience: float = 60.0
    endpoint: str = ""
    host: str = ""
    node: str = ""
    netconf: Netconf = Netconf()
