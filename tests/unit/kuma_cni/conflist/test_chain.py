"""Lists: our entry in and out, nothing else touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.conflist.chain import (
    COPY_OF,
    alone,
    chain_of,
    entry_of,
    with_entry,
    without_entry,
)
from kuma_cni.conflist.network import Network

OURS = {"type": "kuma-cni", "cniVersion": "0.3.1", "log_level": "info"}
PUT_IN = {"type": "kuma-cni", "log_level": "info"}
others = st.lists(
    st.dictionaries(st.sampled_from(["type", "mtu", "ipam"]), st.text(max_size=3)), max_size=4
)


def test_a_single_plugin_hands_name_and_version_to_its_list() -> None:
    single = {"cniVersion": "0.3.1", "name": "net", "type": "bridge", "ipam": {"type": "dhcp"}}
    assert chain_of(Network("a.conf", single)) == {
        "cniVersion": "0.3.1",
        "name": "net",
        "plugins": [{"type": "bridge", "ipam": {"type": "dhcp"}}],
    }


def test_no_version_is_invented_for_one_that_has_none() -> None:
    made = chain_of(Network("a.conf", {"name": "net", "type": "bridge"}))
    assert made == {"name": "net", "plugins": [{"type": "bridge"}]}


def test_a_list_is_its_own_chain() -> None:
    content = {"name": "net", "plugins": [{"type": "bridge"}], "disableCheck": True}
    assert chain_of(Network("a.conflist", content)) is content


def test_our_entry_is_put_last_without_a_version_of_its_own() -> None:
    assert with_entry({"plugins": [{"type": "a"}]}, OURS) == {"plugins": [{"type": "a"}, PUT_IN]}


@given(before=others, after=others)
def test_in_and_out_is_as_before(before: list[object], after: list[object]) -> None:
    plain = {"name": "net", "plugins": [*before, *after], "x": 1}
    assert without_entry(with_entry(plain, OURS)) == plain
    old = {"plugins": [*before, {"type": "kuma-cni"}, *after]}
    assert with_entry(old, OURS) == {"plugins": [*before, PUT_IN, *after]}


def test_what_marks_a_list_of_our_own_goes_with_our_entry() -> None:
    chain = {"plugins": [{"type": "a"}, PUT_IN], COPY_OF: "10-a.conflist"}
    assert without_entry(chain) == {"plugins": [{"type": "a"}]}


def test_our_entry_is_found_where_it_is() -> None:
    assert entry_of({"plugins": [{"type": "a"}, PUT_IN]}) is PUT_IN
    assert entry_of({"plugins": ["kuma-cni"]}) is None


def test_alone_we_are_a_network_with_a_name_and_a_version() -> None:
    assert alone(OURS, as_list=False) == {"cniVersion": "0.3.1", "name": "kuma-cni", **PUT_IN}
    assert alone(PUT_IN, as_list=True) == {
        "cniVersion": "0.4.0",
        "name": "kuma-cni",
        "plugins": [PUT_IN],
    }
