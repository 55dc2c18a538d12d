"""kuma-net: transparent-proxy capture for service meshes.

Begin with ``docs/architecture.md``; values flow from ``tproxy.sources`` to ``backends``.
"""

__version__ = "0.1.0"
