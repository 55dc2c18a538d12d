"""``config show`` and ``config schema``."""

from __future__ import annotations

import json
import sys

from kuma_net.actions.world import environment
from kuma_net.cli.inputs import gather, refuse
from kuma_net.cli.speech import say
from kuma_net.tproxy.sources import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.tproxy.flags import Arguments


def show_command(arguments: Arguments) -> int:
    """Print the configuration that all sources make, on request with their names."""
    from kuma_net.tproxy.reference import show

    loaded = load(gather(arguments, environment()))
    say(*loaded.notes)
    sys.stdout.write(show(loaded.config, origins=arguments.switched("--origin")))
    return 0


def schema_command(arguments: Arguments) -> int:
    """Print the JSON Schema of a document."""
    from kuma_net.tproxy.schema import json_schema

    refuse(list(arguments.violations))
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0
