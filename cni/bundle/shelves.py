"""What lies on the shelves: the modules of each lean program's usual run, in order.

The order is that in which their imports end; a test holds these lists to what a run loads.
"""

from __future__ import annotations

import sys

from contents import ROOT

sys.path.insert(0, str(ROOT))
from kuma_net.cli.shelf import MODULES as INIT_MODULES  # found by the line above

KUMA_INIT = [
    "__future__",
    "kuma_net",
    "kuma_net.cli",
    "kuma_net.cli.init",
    "kuma_net.cli.speech",
    *INIT_MODULES,
]

SHELVES = {"kuma-init": KUMA_INIT, "kuma-cni": []}
"""Names of shelves, and what lies on them."""
