"""The recipe for init containers that need the network before any proxy listens.

Two annotations of a pod, and a process of the user they name reaches port 443 and its name
servers, while every other user's connections wait for a sidecar that is not there yet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lab.host import call_as
from lab.names import resolve, serve_names
from lab.senders import REFUSED, Probe, send_all
from lab.servers import Door, Landing
from lab.topology import ADDRESSES, Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

KUMA_INIT = str(Path(sys.executable).parent / "kuma-init")
INIT, OTHER = 1234, 1235

ANNOTATIONS = {
    "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids": "443:1234",
    "traffic.kuma.io/exclude-outbound-udp-ports-for-uids": "53:1234",
}
DOWNWARD_API = "".join(f'{key}="{value}"\n' for key, value in ANNOTATIONS.items())
"""The form in which Kubernetes writes metadata.annotations into a volume."""
DOCUMENT = "".join(f'{key}: "{value}"\n' for key, value in ANNOTATIONS.items())
VAULT = "vault.example. IN A {}\nvault.example. IN AAAA {}\n".format(*ADDRESSES["world"])
FORMS = {"downward-API": DOWNWARD_API, "YAML": DOCUMENT, "JSON": json.dumps(ANNOTATIONS)}


@pytest.fixture(params=list(FORMS.values()), ids=list(FORMS))
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Capture by the annotations, DNS too, with no sidecar on the application's host."""
    with Lab() as built:
        built.remote.call(serve_names, VAULT)
        built.listen("remote", [Door("tcp", 443), Door("tcp", 80)])
        built.app.write("/run/lab/annotations", request.param)
        arguments = ("--annotations", "/run/lab/annotations", "--redirect-dns")
        built.app.run((KUMA_INIT, *arguments))
        yield built


def connect(lab: Lab, uid: int, port: int) -> list[tuple[str, int] | str]:
    """Connect to the world over both families from a process of a user; say where that landed."""
    probes = [Probe("tcp", (address, port), uid, uid) for address in ADDRESSES["world"]]
    outcomes = lab.app.call(call_as_user, uid, probes)
    return [(o.host, o.port) if isinstance(o, Landing) else o for o in outcomes]


def call_as_user(uid: int, probes: list[Probe]) -> tuple[Landing | str, ...]:
    """Send the probes in a process that has become the user."""
    return call_as(uid, send_all, [probe.replace(uid=uid, gid=uid) for probe in probes])


def test_the_user_of_the_annotations_reaches_443_and_resolves_and_no_other_does(lab: Lab) -> None:
    assert connect(lab, INIT, 443) == [("remote", 443)] * 2
    assert lab.app.call(call_as, INIT, resolve, "vault.example") == sorted(ADDRESSES["world"])

    assert connect(lab, OTHER, 443) == [REFUSED] * 2
    failure = lab.app.call(call_as, OTHER, resolve, "vault.example")
    assert isinstance(failure, str), failure

    # At any other port the init container's user is captured as well.
    assert connect(lab, INIT, 80) == [REFUSED] * 2
