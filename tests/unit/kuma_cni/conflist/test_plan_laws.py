"""Laws of any folder whatever: there and back, twice is once, never without a network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.conflist.chain import chain_of, without_entry
from kuma_cni.conflist.choose import choose, networks
from kuma_cni.conflist.plan import Wish, plan_install
from kuma_cni.conflist.steps import apply
from kuma_cni.conflist.undo import plan_removal

if TYPE_CHECKING:
    from kuma_cni.conflist.network import Network

ENTRY = {"type": "kuma-cni", "log_level": "info"}
OWN = "00-kuma-cni.conflist"


def one(name: str, kind: str) -> bytes:
    return json.dumps({"name": name, "cniVersion": "0.4.0", "type": kind}, indent=3).encode()


def many(name: str, kinds: list[str]) -> bytes:
    plugins = [{"type": kind, "x": {}} for kind in kinds]
    return json.dumps({"plugins": plugins, "name": name, "a": [None]}).encode()


kinds = st.sampled_from(["bridge", "calico", "multus", "portmap"])
names = st.sampled_from(["net", "other"])
contents = st.one_of(
    st.builds(one, names, kinds),
    st.builds(many, names, st.lists(kinds, min_size=1, max_size=3)),
    st.sampled_from([b"", b"{", b"[]", b'{"name": "a"}', b"\xef\xbb\xbf{}", b'{"plugins": 5}']),
)
file_names = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["05-a", "10-x", "20-y", "zz"]),
        st.sampled_from([".conf", ".conflist", ".json", ""]),
    ),
)
folders = st.dictionaries(file_names, contents, max_size=5)
wishes = st.builds(
    Wish,
    entry=st.just(ENTRY),
    chained=st.booleans(),
    conf_name=st.sampled_from(["", "10-x.conf", "10-x.conflist"]),
    own_name=st.just(""),
) | st.just(Wish(ENTRY, own_name=OWN))


@given(files=folders, wish=wishes)
def test_there_and_back_is_as_before(files: dict[str, bytes], wish: Wish) -> None:
    installed = apply(files, plan_install(files, wish).steps)
    assert apply(installed, plan_removal(installed)) == files or is_garbage_replaced(files, wish)


def is_garbage_replaced(files: dict[str, bytes], wish: Wish) -> bool:
    """Whether a network of our own took the place of what no runtime could read."""
    name = wish.conf_name or "YYY-kuma-cni.conflist"
    return not wish.chained and any(one.name == name and one.wrong for one in networks(files))


@given(files=folders, wish=wishes)
def test_twice_is_once(files: dict[str, bytes], wish: Wish) -> None:
    plan = plan_install(files, wish)
    installed = apply(files, plan.steps)
    again = plan_install(installed, wish)
    assert again.steps == ()
    assert again.target == plan.target


@given(first=wishes, second=wishes, files=folders)
def test_what_was_wished_before_makes_no_difference(
    first: Wish, second: Wish, files: dict[str, bytes]
) -> None:
    if is_garbage_replaced(files, first) or is_garbage_replaced(files, second):
        return
    direct = apply(files, plan_install(files, second).steps)
    detour = apply(files, plan_install(files, first).steps)
    detour = apply(detour, plan_install(detour, second).steps)
    removed = apply(detour, plan_removal(detour))
    assert removed == files
    if second.chained and plan_install(files, second).target:
        assert foreign_of(detour) == foreign_of(direct)


def foreign_of(files: dict[str, bytes]) -> object:
    """Return what a runtime takes, without us."""
    return said(choose(networks(files)))


def said(network: Network | None) -> object:
    return None if network is None else without_entry(chain_of(network))


@given(files=folders, wish=wishes)
def test_a_runtime_that_looks_in_between_finds_the_same_network(
    files: dict[str, bytes], wish: Wish
) -> None:
    before = foreign_of(files)
    installing = plan_install(files, wish).steps
    installed = apply(files, installing)
    removing = plan_removal(installed)
    if before is None or not wish.chained:
        return  # a network of our own may come first: Multus does not mind, and it is told
    for done in range(len(installing) + 1):
        assert foreign_of(apply(files, installing[:done])) == before
    for done in range(len(removing) + 1):
        assert foreign_of(apply(installed, removing[:done])) == before
