"""Errors: what each says to a person, and the exit code of each branch of the tree."""

from __future__ import annotations

import pytest

from kuma_net.errors import (
    CommandError,
    CommandTimeout,
    ConfigError,
    DriftError,
    HostError,
    InputError,
    KumaNetError,
    MissingExecutable,
    NetlinkError,
    NoBackend,
    PermissionDenied,
    VerificationError,
    Violation,
)


def test_a_violation_reads_as_one_line() -> None:
    violation = Violation(
        path="redirect.inbound.port",
        value="70000",
        source="flag --redirect-inbound-port",
        wrong="no such port",
        right="a port is a whole number from 0 to 65535",
    )
    assert str(violation) == (
        "redirect.inbound.port: '70000' (from flag --redirect-inbound-port): no such port; "
        "a port is a whole number from 0 to 65535"
    )


def test_a_violation_leaves_out_what_it_does_not_know() -> None:
    assert str(Violation("kumaDPUser", "", "", "is missing")) == "kumaDPUser: is missing"


def test_a_config_error_has_a_line_for_each_violation() -> None:
    error = ConfigError([Violation("a", "1", "", "bad"), Violation("b", "2", "", "bad too")])
    assert str(error) == "a: '1': bad\nb: '2': bad too"
    assert len(error.violations) == 2


SAYS = {
    "a missing program": (
        MissingExecutable("nft", ["/usr/sbin", "/sbin"]),
        "nft is not installed (looked in /usr/sbin, /sbin)",
    ),
    "a program that failed": (
        CommandError(["nft", "-f", "-"], 1, "Error: syntax\n"),
        "nft -f - ended with status 1: Error: syntax",
    ),
    "a program that failed silently": (
        CommandError(["nft"], 1, " \n"),
        "nft ended with status 1: it said nothing",
    ),
    "a program that was killed": (
        CommandError(["nft"], -9, ""),
        "nft was ended by signal 9: it said nothing",
    ),
    "a program that took too long": (
        CommandTimeout(["nft", "list"], 2.5),
        "nft list did not end within 2.5 s and was stopped",
    ),
    "a refused message": (
        NetlinkError(2, "No such file or directory", "the rule for DNS"),
        "the kernel refused the rule for DNS: No such file or directory",
    ),
    "a refused message, explained": (
        NetlinkError(22, "Invalid argument", "the rule", 3, "bad zone"),
        "the kernel refused the rule: Invalid argument (bad zone)",
    ),
    "no backend at all": (
        NoBackend({"nftables": "no nf_tables", "iptables-nft": "not installed"}),
        "no backend can be used here: nftables: no nf_tables; iptables-nft: not installed",
    ),
    "a missing capability": (
        PermissionDenied("CAP_NET_ADMIN", "installing rules"),
        "installing rules needs CAP_NET_ADMIN: run as root or grant that capability",
    ),
}


@pytest.mark.parametrize(("error", "text"), SAYS.values(), ids=SAYS)
def test_an_error_of_the_machine_says(error: HostError, text: str) -> None:
    assert str(error) == text
    assert error.exit_code == 1


def test_exit_codes_tell_who_can_mend_it() -> None:
    assert (InputError.exit_code, ConfigError.exit_code) == (2, 2)
    assert DriftError.exit_code == 3
    assert VerificationError.exit_code == 1
    assert KumaNetError.exit_code == 1


def test_errors_keep_their_data() -> None:
    error = NetlinkError(22, "Invalid argument", "the rule", 3, "bad zone")
    assert (error.errno, error.strerror, error.what) == (22, "Invalid argument", "the rule")
    assert (error.message_index, error.explanation) == (3, "bad zone")
    missing = MissingExecutable("nft", ["/sbin"])
    assert (missing.name, missing.searched) == ("nft", ("/sbin",))
    failed = CommandError(["nft"], 1, "no")
    assert (failed.argv, failed.status, failed.stderr) == (("nft",), 1, "no")
    late = CommandTimeout(["nft"], 2)
    assert (late.argv, late.seconds) == (("nft",), 2)
    denied = PermissionDenied("CAP_NET_ADMIN", "it")
    assert (denied.capability, denied.what) == ("CAP_NET_ADMIN", "it")
    assert NoBackend({"a": "b"}).reasons == {"a": "b"}
