"""``config show`` and ``config schema``."""

from __future__ import annotations

import sys

from kuma_net.cli.inputs import gather, refuse
from kuma_net.cli.json_text import json_text
from kuma_net.cli.speech import say
from kuma_net.host.environment import environment
from kuma_net.tproxy.options import BY_PATH
from kuma_net.tproxy.sources import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.tproxy.flags import Arguments


def show_command(arguments: Arguments) -> int:
    """Print the configuration that all sources make, on request with their names."""
    from kuma_net.tproxy.reference import effective, show

    loaded = load(gather(arguments, environment()))
    say(*loaded.notes)
    origins = arguments.switched("--origin")
    if not arguments.switched("--json"):
        text = show(loaded.config, origins=origins)
    elif origins:
        text = json_text({path: loaded.config.source_of(path) for path in BY_PATH})
    else:
        text = json_text(effective(loaded.config))
    sys.stdout.write(text)
    return 0


def schema_command(arguments: Arguments) -> int:
    """Print the JSON Schema of a document."""
    from kuma_net.tproxy.schema import json_schema

    refuse(list(arguments.violations))
    sys.stdout.write(json_text(json_schema()))
    return 0
