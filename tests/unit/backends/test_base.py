"""The stamp: text both ways, and what is no stamp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.backends.base import Stamp, parse_stamp

hexadecimal = st.text("0123456789abcdef", min_size=16, max_size=16)
versions = st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}([a-z][0-9])?", fullmatch=True)


@given(versions, hexadecimal, hexadecimal)
def test_a_stamp_is_read_from_what_it_prints(version: str, config: str, rules: str) -> None:
    stamp = Stamp(version, config, rules)
    assert parse_stamp(str(stamp)) == stamp


def test_a_stamp_fits_the_user_data_of_a_table() -> None:
    longest = Stamp("999.999.999.dev999999", "f" * 16, "f" * 16)
    assert len(str(longest)) < 128


@pytest.mark.parametrize(
    "text",
    [
        "",
        "managed by somebody",
        "kuma-net 0.1.0",
        "kuma-net 0.1.0 config=1",
        "kuma-net 0.1.0 config=1 rules=2 more",
        "kuma-cni 0.1.0 config=1 rules=2",
        "kuma-net 0.1.0 rules=1 config=2",
        "kuma-net 0.1.0 config=1 digest=2",
    ],
)
def test_other_texts_are_no_stamps(text: str) -> None:
    assert parse_stamp(text) is None


def test_rules_made_alike_by_another_configuration_may_stay() -> None:
    wanted = Stamp("0.1.0", "1" * 16, "2" * 16)
    assert wanted.is_kept_by(wanted.replace(config="3" * 16))


@pytest.mark.parametrize("change", [{"version": "0.0.9"}, {"rules": "3" * 16}])
def test_another_program_or_other_rules_may_not(change: dict[str, str]) -> None:
    wanted = Stamp("0.1.0", "1" * 16, "2" * 16)
    assert not wanted.is_kept_by(wanted.replace(**change))
    assert not wanted.is_kept_by(None)
