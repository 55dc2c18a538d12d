"""The records that describe options."""

from __future__ import annotations

from kuma_net.tproxy.option import ENV_PREFIX, Given, Legacy, Option


def test_what_is_not_said_of_an_option_is_nothing() -> None:
    option = Option("wait", "seconds", "5", "Wait.", "wait")
    assert (option.flag, option.env, option.annotations, option.repeatable) == ("", "", (), False)
    assert ENV_PREFIX == "KUMA_TRANSPARENT_PROXY_"


def test_older_names_take_values_and_given_values_replace() -> None:
    assert Legacy("--x", "wait", "same", "2.9", "use --wait").takes_value
    assert not Given("wait", "5", "env X").extend
