"""Results of one version as those of another: nothing is lost that can be said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.spec.problem import CniError
from kuma_cni.spec.result import passed_on
from kuma_cni.spec.versions import VERSIONS, at_least

if TYPE_CHECKING:
    from collections.abc import Mapping

DNS = {"nameservers": ["192.0.2.53"], "domain": "x", "search": ["a.b"], "options": ["ndots:5"]}
BY_FAMILY: dict[str, Any] = {
    "ip4": {
        "ip": "10.1.0.5/16",
        "gateway": "10.1.0.1",
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.9"}],
    },
    "ip6": {"ip": "2001:db8::5/64", "gateway": "2001:db8::1", "routes": [{"dst": "::/0"}]},
    "dns": DNS,
}
LISTS: dict[str, Any] = {
    "interfaces": [
        {"name": "cni0", "mac": "02:00:00:00:00:01"},
        {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/x"},
    ],
    "ips": [
        {"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 1},
        {"address": "2001:db8::5/64", "gateway": "2001:db8::1", "interface": 1},
    ],
    "routes": [
        {"dst": "0.0.0.0/0"},
        {"dst": "10.9.0.0/16", "gw": "10.1.0.9"},
        {"dst": "::/0"},
    ],
    "dns": DNS,
}


def of(version: str, **changes: object) -> dict[str, Any]:
    """Return the same result in the shape of a version, with changes."""
    if not at_least(version, "0.3.0"):
        return {"cniVersion": version} | BY_FAMILY | changes
    lists = dict(LISTS)
    if not at_least(version, "1.0.0"):
        families = ("4", "6")
        lists["ips"] = [
            {"version": family} | ip for family, ip in zip(families, LISTS["ips"], strict=True)
        ]
    return {"cniVersion": version} | lists | changes


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_result_an_empty_one_of_the_asked_version_is_printed(version: str) -> None:
    assert passed_on(None, version) == {"cniVersion": version}
    assert passed_on({}, version) == {"cniVersion": version}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_result_of_the_asked_version_is_passed_on_with_whatever_it_contains(version: str) -> None:
    prev = of(version, custom={"a": [1]}, ips=[{"address": "x", "odd": 1, "interface": 99}])
    assert passed_on(prev, version) == prev


@pytest.mark.parametrize("source", VERSIONS)
@pytest.mark.parametrize("asked", VERSIONS)
def test_every_version_can_be_had_from_every_other(source: str, asked: str) -> None:
    expected = of(asked)
    if at_least(asked, "0.3.0") and not at_least(source, "0.3.0"):
        del expected["interfaces"]
        expected["ips"] = [dict(ip) for ip in expected["ips"]]
        for ip in expected["ips"]:
            del ip["interface"]
    assert passed_on(of(source), asked) == expected


def test_a_version_that_looks_the_same_keeps_unknown_keys_too() -> None:
    prev = of("0.3.0", custom=1)
    assert passed_on(prev, "0.4.0") == of("0.4.0", custom=1)


def test_another_shape_has_no_place_for_unknown_keys() -> None:
    assert passed_on(of("1.0.0", custom=1), "0.4.0") == of("0.4.0")


def test_what_only_the_newest_version_knows_is_dropped_for_older_ones() -> None:
    interface = {"name": "eth0", "mac": "m", "mtu": 1500, "socketPath": "/s", "pciID": "0:1"}
    route = {"dst": "0.0.0.0/0", "mtu": 1, "advmss": 2, "priority": 0, "table": 4, "scope": 0}
    newest = {"cniVersion": "1.1.0", "interfaces": [interface], "routes": [route]}
    assert passed_on(newest, "1.1.0") == newest
    assert passed_on(newest, "1.0.0") == {
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "eth0", "mac": "m"}],
        "routes": [{"dst": "0.0.0.0/0"}],
    }


def test_zero_is_said_and_null_is_not() -> None:
    prev = of("1.0.0", ips=[{"address": "10.0.0.1/8", "interface": 0, "gateway": None}])
    assert passed_on(prev, "0.4.0")["ips"] == [
        {"version": "4", "address": "10.0.0.1/8", "interface": 0}
    ]


def test_of_several_addresses_an_old_version_tells_the_first_of_each_family() -> None:
    ips = [{"address": f"10.0.0.{number}/8"} for number in (1, 2)]
    assert passed_on({"cniVersion": "1.0.0", "ips": ips}, "0.2.0") == {
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.0.0.1/8"},
    }


def test_a_result_without_addresses_is_nothing_to_refuse() -> None:
    prev = of("1.0.0", ips=None, dns=None)
    assert passed_on(prev, "0.1.0") == {"cniVersion": "0.1.0"}
    assert passed_on({"cniVersion": "0.2.0", "ip4": None, "ip6": {}}, "1.1.0") == {
        "cniVersion": "1.1.0"
    }


@pytest.mark.parametrize(
    ("prev", "asked", "result"),
    [
        ({"ip4": {"ip": "10.0.0.1/8"}}, "1.0.0", {"ips": [{"address": "10.0.0.1/8"}]}),
        ({"ips": [{"address": "10.0.0.1/8"}]}, "0.1.0", {"ip4": {"ip": "10.0.0.1/8"}}),
        ({"ips": [{"address": "x", "odd": 1}]}, "1.0.0", {"ips": [{"address": "x", "odd": 1}]}),
        ({"ip4": {"odd": 1}}, "0.2.0", {"ip4": {"odd": 1}}),
    ],
)
def test_a_result_that_names_no_version_has_the_one_it_looks_like(
    prev: Mapping[str, object], asked: str, result: dict[str, object]
) -> None:
    assert passed_on(prev, asked) == {"cniVersion": asked} | result


@pytest.mark.parametrize(
    ("prev", "told"),
    [
        ({"cniVersion": "9.0.0"}, "prevResult.cniVersion is no version"),
        ({"cniVersion": 1}, "prevResult.cniVersion must be a text"),
        ({"cniVersion": "1.1.0", "ips": {}}, "prevResult.ips must be a list"),
        ({"cniVersion": "1.1.0", "ips": [1]}, r"prevResult.ips\[0\] must be an object"),
        ({"cniVersion": "1.1.0", "ips": [{"address": 1}]}, r"prevResult.ips\[\].address must be"),
        ({"cniVersion": "1.1.0", "interfaces": "x"}, "prevResult.interfaces must be a list"),
        ({"cniVersion": "1.1.0", "routes": [[]]}, r"prevResult.routes\[0\] must be an object"),
        ({"cniVersion": "1.1.0", "dns": []}, "prevResult.dns must be an object"),
        ({"cniVersion": "0.2.0", "ip4": "x"}, "prevResult.ip4 must be an object"),
        ({"cniVersion": "0.2.0", "ip6": {"ip": 1}}, "prevResult.ip6.ip must be a text"),
        ({"cniVersion": "0.2.0", "ip6": {"routes": 1}}, "prevResult.ip6.routes must be a list"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_its_place(
    prev: dict[str, object], told: str
) -> None:
    with pytest.raises(CniError, match=f"^{told}") as caught:
        passed_on(prev, "0.4.0")
    assert caught.value.code == 7


def test_a_route_that_leads_nowhere_cannot_be_put_under_a_family() -> None:
    prev = of("1.0.0", routes=[{"dst": 5}])
    with pytest.raises(CniError, match=r"prevResult.routes\[\].dst must be a text"):
        passed_on(prev, "0.2.0")


ADDRESSES = st.one_of(
    st.ip_addresses(v=4).map(lambda ip: f"{ip}/24"), st.ip_addresses(v=6).map(lambda ip: f"{ip}/64")
)
NAMES = st.text("abcdefgh0123", min_size=1, max_size=8)
OPTIONAL_INT = st.integers(0, 9)
RESULTS_1_1 = st.fixed_dictionaries(
    {"cniVersion": st.just("1.1.0")},
    optional={
        "interfaces": st.lists(
            st.fixed_dictionaries(
                {"name": NAMES}, optional={"mac": NAMES, "sandbox": NAMES, "mtu": OPTIONAL_INT}
            ),
            min_size=1,
        ),
        "ips": st.lists(
            st.fixed_dictionaries(
                {"address": ADDRESSES}, optional={"interface": OPTIONAL_INT, "gateway": NAMES}
            ),
            min_size=1,
        ),
        "routes": st.lists(
            st.fixed_dictionaries(
                {"dst": ADDRESSES}, optional={"gw": NAMES, "priority": OPTIONAL_INT}
            ),
            min_size=1,
        ),
        "dns": st.fixed_dictionaries({"nameservers": st.lists(NAMES)}),
    },
)


@given(result=RESULTS_1_1, way=st.lists(st.sampled_from(VERSIONS), max_size=5))
def test_any_way_over_other_versions_ends_where_its_poorest_one_leads(
    result: dict[str, object], way: list[str]
) -> None:
    """What is lost is lost by the oldest version on the way, and by no other."""
    passed: dict[str, object] = result
    for version in way:
        passed = passed_on(passed, version)
    oldest = min([*way, "1.1.0"], key=VERSIONS.index)
    assert passed_on(passed, oldest) == passed_on(result, oldest)


@given(result=RESULTS_1_1, first=st.sampled_from(VERSIONS), second=st.sampled_from(VERSIONS))
def test_what_came_back_converts_without_further_loss(
    result: dict[str, object], first: str, second: str
) -> None:
    once = passed_on(passed_on(result, first), second)
    assert passed_on(passed_on(once, first), second) == once
