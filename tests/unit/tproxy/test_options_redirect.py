"""The options below ``redirect``."""

from __future__ import annotations

from kuma_net.tproxy.options import OPTIONS
from kuma_net.tproxy.options_redirect import DNS, INBOUND, NEIGHBOURS, OUTBOUND


def test_all_keys_lie_below_redirect_and_their_own_group() -> None:
    for group, prefix in ((INBOUND, "inbound."), (OUTBOUND, "outbound."), (DNS, "dns.")):
        assert all(option.path.startswith(f"redirect.{prefix}") for option in group)
    assert all(option.path.startswith("redirect.") for option in NEIGHBOURS)


def test_the_table_holds_all_of_them_once() -> None:
    for option in (*INBOUND, *OUTBOUND, *DNS, *NEIGHBOURS):
        assert OPTIONS.count(option) == 1


def test_both_directions_are_spelled_alike() -> None:
    inbound = {option.path.rpartition(".")[2]: option.kind for option in INBOUND}
    outbound = {option.path.rpartition(".")[2]: option.kind for option in OUTBOUND}
    for leaf in inbound.keys() & outbound.keys():
        assert inbound[leaf] == outbound[leaf]
    assert inbound.keys() - outbound.keys() == {"portIPv6"}
