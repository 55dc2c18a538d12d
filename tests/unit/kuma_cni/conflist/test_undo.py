"""The way back: what was there before us, and what others changed meanwhile."""

from __future__ import annotations

import json

from kuma_cni.conflist.network import written
from kuma_cni.conflist.plan import Wish, plan_install
from kuma_cni.conflist.steps import apply
from kuma_cni.conflist.undo import changed_lists, plan_removal

OURS = {"type": "kuma-cni"}
LIST = b'{"name": "a",   "plugins": [{"type": "bridge"}]}'
SINGLE = b'{"name": "a",   "type": "bridge"}'


def installed(files: dict[str, bytes]) -> dict[str, bytes]:
    return apply(files, plan_install(files, Wish(OURS)).steps)


def removed(files: dict[str, bytes]) -> dict[str, bytes]:
    return apply(files, plan_removal(files))


def test_a_plugin_that_was_added_meanwhile_stays() -> None:
    files = installed({"10-a.conflist": LIST})
    content = json.loads(files["10-a.conflist"])
    content["plugins"].append({"type": "tuning"})
    files["10-a.conflist"] = written(content)
    left = removed(files)
    assert list(left) == ["10-a.conflist"]
    assert json.loads(left["10-a.conflist"])["plugins"] == [{"type": "bridge"}, {"type": "tuning"}]


def test_a_list_made_of_a_conf_stays_a_list_when_it_was_changed_meanwhile() -> None:
    files = installed({"10-a.conf": SINGLE})
    files["10-a.conflist"] = files["10-a.conflist"].replace(b'"bridge"', b'"macvlan"')
    left = removed(files)
    assert list(left) == ["10-a.conflist"]
    assert json.loads(left["10-a.conflist"])["plugins"] == [{"type": "macvlan"}]


def test_what_the_owner_wrote_again_without_us_stays_as_she_wrote_it() -> None:
    files = installed({"10-a.conflist": LIST})
    files["10-a.conflist"] = LIST.replace(b"bridge", b"ptp")
    assert removed(files) == {"10-a.conflist": LIST.replace(b"bridge", b"ptp")}


def test_a_list_that_says_something_else_than_its_original_is_told() -> None:
    files = installed({"10-a.conf": SINGLE, "20-b.conflist": LIST})
    assert changed_lists(files) == ()
    files["10-a.conf.before-kuma-cni"] = SINGLE.replace(b"bridge", b"ptp")
    assert changed_lists(files) == (("10-a.conflist", "10-a.conf"),)


def test_a_kept_file_that_somebody_spoilt_is_not_put_back() -> None:
    files = installed({"10-a.conflist": LIST})
    files["10-a.conflist.before-kuma-cni"] = b"{"
    left = removed(files)
    assert list(left) == ["10-a.conflist"]
    assert json.loads(left["10-a.conflist"]) == json.loads(LIST)


def test_without_the_kept_file_our_entry_alone_goes() -> None:
    files = installed({"10-a.conflist": LIST})
    del files["10-a.conflist.before-kuma-cni"]
    assert json.loads(removed(files)["10-a.conflist"]) == json.loads(LIST)


def test_a_list_that_somebody_took_away_is_not_brought_back() -> None:
    files = installed({"10-a.conf": SINGLE})
    del files["10-a.conflist"]
    assert removed(files) == {}


def test_a_list_in_a_conf_becomes_a_list_of_another_name_where_that_is_taken() -> None:
    mislabelled = b'{"name": "a", "plugins": [{"type": "ptp"}, {"type": "kuma-cni"}]}'
    left = removed({"10-a.conf": mislabelled, "10-a.conflist": LIST})
    assert json.loads(left.pop("10-a.conf.conflist"))["plugins"] == [{"type": "ptp"}]
    assert left == {"10-a.conflist": LIST}
