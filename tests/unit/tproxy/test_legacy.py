"""Names of older Kumas become options of today."""

from __future__ import annotations

import pytest

from kuma_net.tproxy.legacy import (
    ANNOTATIONS,
    FLAGS,
    REFUSED_ENV,
    REFUSED_KEYS,
    deprecation,
    translate,
)
from kuma_net.tproxy.options import BY_FLAG, BY_PATH

UIDS = "redirect.outbound.excludePortsForUIDs"
TCP = "--exclude-outbound-tcp-ports-for-uids"
UDP = "--exclude-outbound-udp-ports-for-uids"


@pytest.mark.parametrize(
    ("flag", "text", "path", "texts"),
    [
        ("--kuma-dp-uid", "5678", "kumaDPUser", ["5678"]),
        (TCP, "443:1234", UIDS, ["tcp:443:1234"]),
        (UDP, "53:1234;;54:1235-1240", UIDS, ["udp:53:1234", "udp:54:1235-1240"]),
        (
            TCP,
            "1900,1000-2000:103,106-108",
            UIDS,
            ["tcp:1900,1000-2000:103", "tcp:1900,1000-2000:106-108"],
        ),
        (TCP, "1234", UIDS, ["tcp:*:1234"]),
        (TCP, "", UIDS, ["tcp::"]),
        (TCP, "443:", UIDS, ["tcp:443:"]),
        ("--redirect-inbound-port-v6", "15010", "redirect.inbound.portIPv6", ["15010"]),
        ("--redirect-inbound-port-v6", "0", "ipFamilyMode", ["ipv4"]),
        ("--ipv6-disabled", "true", "ipFamilyMode", ["ipv4"]),
        ("--ipv6-disabled", "false", "ipFamilyMode", []),
        ("--config-file", "/tmp/.kumactl", "", []),
        ("--experimental-transparent-proxy-engine", "true", "", []),
        ("--skip-resolv-conf", "true", "", []),
        ("--redirect-dns-upstream-target-chain", "DOCKER_OUTPUT", "", []),
    ],
)
def test_texts_of_older_flags_become_texts_of_options(
    flag: str, text: str, path: str, texts: list[str]
) -> None:
    found_path, found = translate(FLAGS[flag], text)
    assert (found_path, list(found)) == (path, texts)


def test_older_names_stand_for_options_that_exist() -> None:
    for legacy in (*FLAGS.values(), *ANNOTATIONS.values()):
        assert legacy.option in {"", *BY_PATH}
        assert legacy.name not in BY_FLAG


def test_the_line_says_since_when_and_what_instead() -> None:
    said = deprecation(FLAGS["--kuma-dp-uid"])
    assert said == "--kuma-dp-uid is deprecated since Kuma 2.9: use --kuma-dp-user"
    assert deprecation(FLAGS["--skip-resolv-conf"]).startswith("--skip-resolv-conf is deprecated: ")


def test_every_refused_variable_has_its_reason() -> None:
    assert set(REFUSED_ENV.values()) == set(REFUSED_KEYS)
