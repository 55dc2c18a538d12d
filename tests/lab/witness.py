"""A plugin that writes down what it is asked, for a place in a chain; it does nothing else.

Run as a program of its own (``lab.node`` makes one of this file), by any Python, isolated.  Each
call is one JSON line in ``CALLS``.  While there is a file ``GATE`` an ADD waits, so that a test
can do something in the middle of one.
"""

import json
import os
import sys
import time
from pathlib import Path

CALLS = Path("/run/witness.jsonl")
GATE = Path("/run/witness.gate")
VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def main() -> None:
    """Answer one call."""
    verb = os.environ["CNI_COMMAND"]
    network = json.load(sys.stdin)
    if verb == "VERSION":
        print(json.dumps({"cniVersion": network["cniVersion"], "supportedVersions": VERSIONS}))
        return
    names = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS")
    call = {"verb": verb, "pid": os.getpid(), "network": network}
    call |= {name: os.environ.get(name, "") for name in names}
    # In one piece: whoever reads meanwhile sees whole lines.
    with CALLS.open("ab", buffering=0) as calls:
        calls.write(json.dumps(call).encode() + b"\n")
    if verb == "ADD":
        while GATE.exists():
            time.sleep(0.01)
        print(json.dumps(network.get("prevResult", {"cniVersion": network["cniVersion"]})))


if __name__ == "__main__":
    main()
