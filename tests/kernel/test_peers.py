"""Other meshes' questions, asked of our rules by packets, all backends."""

from __future__ import annotations

import pytest

from lab.case import Case
from lab.installing import BACKENDS, config_of, install_here
from lab.peers import LINKERD, PEERS
from lab.rows import check_rows, parse_rows
from lab.topology import Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Kind

every_backend = pytest.mark.parametrize("backend", BACKENDS)


def install(lab: Lab, case: Case, backend: Kind) -> bool:
    for path, text in case.files.items():
        lab.app.write(path, text)
    return lab.app.call(install_here, config_of({**case.options, "backend": backend})).changed


@every_backend
@pytest.mark.parametrize("case", PEERS, ids=str)
def test_packets_land_as_another_mesh_would_have_it(case: Case, backend: Kind) -> None:
    with Lab() as lab:
        install(lab, case, backend)
        check_rows(lab, parse_rows(case.rows))


def test_a_pod_without_rules_is_reached_and_reaches_directly() -> None:
    """Linkerd's first pod: without its init container nothing is captured."""
    table = """
        remote     tcp self:8080      -> direct
        workload   tcp world:80       -> direct
        workload   udp nameserver:53  -> direct
        guest      tcp world:80       -> direct
    """
    with Lab() as lab:
        check_rows(lab, parse_rows(table))


@every_backend
def test_a_pod_with_existing_rules_is_set_up_again(backend: Kind) -> None:
    """Linkerd runs its init container twice: the pod must become ready."""
    (redirects_all, *_) = LINKERD
    with Lab() as lab:
        assert [install(lab, redirects_all, backend) for _ in range(2)] == [True, False]
        check_rows(lab, parse_rows(redirects_all.rows))
