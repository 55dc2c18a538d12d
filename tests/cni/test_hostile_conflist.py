"""A folder of network configurations in which somebody else writes as we read: nothing is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kuma_cni.conflist.plan import Wish, plan_install
from kuma_cni.conflist.steps import apply
from kuma_cni.conflist.undo import plan_removal
from lab.conf_scenarios import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "10-primary.conflist"
WHOLE = json.dumps(
    {
        "cniVersion": "0.3.1",
        "name": "k8s-pod-network",
        "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}, {"type": "portmap"}],
    },
    indent=2,
).encode()
OTHER = b'{"cniVersion": "0.3.1", "name": "other", "plugins": [{"type": "ptp"}]}'


def test_a_list_cut_off_anywhere_is_waited_for_and_left_as_it_is() -> None:
    for length in range(len(WHOLE)):
        files = {NAME: WHOLE[:length], "20-other.conflist": OTHER}
        plan = plan_install(files, Wish(entry=OURS, conf_name=NAME))
        assert plan.waiting, length
        assert apply(files, plan.steps) == files, length
        assert apply(files, plan_removal(files)) == files, length


def test_once_the_rest_has_come_it_is_as_if_it_had_always_been_there() -> None:
    wish = Wish(entry=OURS, conf_name=NAME)
    whole = apply({NAME: WHOLE}, plan_install({NAME: WHOLE}, wish).steps)
    for length in range(0, len(WHOLE), 7):
        files = {NAME: WHOLE[:length]}
        files = apply(files, plan_install(files, wish).steps) | {NAME: WHOLE}
        assert apply(files, plan_install(files, wish).steps) == whole


SINGLE = b'{"cniVersion": "0.4.0", "name": "single", "type": "ptp"}'
JUNK = st.one_of(
    st.sampled_from([WHOLE, OTHER, SINGLE]),
    st.binary(max_size=40),
    st.sampled_from([WHOLE, OTHER, b"", b"{}", b"[]", b"null", b"\xef\xbb\xbf" + WHOLE]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "type", "plugins", "cniVersion", "disableCheck"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
NAMES = st.sampled_from(
    ["00-a.conf", "05-b.conflist", NAME, "10-primary.conf", "99-c.json", "readme", "d.conflist.new"]
)
FOLDERS = st.dictionaries(NAMES, JUNK, max_size=5)
WISHES = st.builds(
    Wish,
    entry=st.just(OURS),
    chained=st.booleans(),
    conf_name=st.sampled_from(["", NAME, "10-primary.conf", "kuma.conf"]),
    own_name=st.sampled_from(["", "00-kuma-cni.conflist"]),
)


def plain(files: Mapping[str, bytes]) -> dict[str, object]:
    """Return what files mean, where they mean anything: white space is nobody's loss."""
    return {name: _meaning(text) for name, text in files.items()}


def _meaning(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


@settings(max_examples=200)
@given(files=FOLDERS, wish=WISHES)
def test_whatever_lies_there_is_there_again_after_installation_and_removal(
    files: dict[str, bytes], wish: Wish
) -> None:
    assume(wish.chained or wish.conf_name not in files)  # then the file is ours, by its name
    installed = apply(files, plan_install(files, wish).steps)
    left = apply(installed, plan_removal(installed))
    assert plain(left) == plain(files)


@settings(max_examples=200)
@given(files=FOLDERS, wish=WISHES)
def test_a_second_installation_changes_nothing(files: dict[str, bytes], wish: Wish) -> None:
    once = apply(files, plan_install(files, wish).steps)
    assert apply(once, plan_install(once, wish).steps) == once
