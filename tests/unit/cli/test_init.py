"""``kuma-init`` and ``kumactl`` as functions: what they understand, before any machine is asked."""

from __future__ import annotations

import pytest

from kuma_net import __version__
from kuma_net.cli.init import ONLY, main


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for words, program in (
        (["--version"], "kuma-init"),
        (["--version"], "kumactl"),
        (["version"], "kumactl"),
    ):
        assert main(words, program) == 0
        assert capsys.readouterr().out == f"kuma-net {__version__}\n"


@pytest.mark.parametrize(
    ("words", "program", "usage"),
    [
        (["--help"], "kuma-init", "kuma-init [FLAGS]"),
        (["-h"], "kuma-init", "kuma-init [FLAGS]"),
        (["install", "transparent-proxy", "-h"], "kuma-init", "kuma-init [FLAGS]"),
        (["install", "transparent-proxy", "-h"], "kumactl", "kumactl install transparent-proxy"),
        (
            ["--log-level", "info", "install", "--no-config", "transparent-proxy", "--help"],
            "kumactl",
            "kumactl install transparent-proxy",
        ),
        (
            ["uninstall", "transparent-proxy", "--help"],
            "kumactl",
            "kumactl uninstall transparent-proxy",
        ),
        (
            ["uninstall", "transparent-proxy", "--help"],
            "kuma-init",
            "kuma-init uninstall transparent-proxy",
        ),
        (
            ["install", "transparent-proxy-validator", "--help"],
            "kumactl",
            "kumactl install transparent-proxy-validator",
        ),
        (
            ["install", "transparent-proxy-validator", "--help"],
            "kuma-init",
            "kuma-init install transparent-proxy-validator",
        ),
    ],
)
def test_help_is_printed(
    words: list[str], program: str, usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words, program) == 0
    assert capsys.readouterr().out.startswith(f"Usage: {usage}")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["install"],
        ["install", "control-plane"],
        ["uninstall", "transparent-proxy-validator"],
        ["get", "meshes"],
        ["--config-file", "install", "transparent-proxy"],
        ["transparent-proxy", "install"],
    ],
)
def test_kumactls_other_commands_are_refused_in_one_sentence(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words, "kumactl") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [f"kuma-net: {ONLY}"]


def test_all_mistakes_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--exclude-inbound-port=1",
        "--redirect-dns-port=x",
        "--config=/no/such/file",
        "--confirm=never",
        "stray",
    ]
    assert main(words, "kuma-init") == 2
    told = capsys.readouterr().err
    assert "5 mistakes, nothing was changed" in told
    for piece in (
        "did you mean --exclude-inbound-ports?",
        "redirect.dns.port: 'x' (from flag --redirect-dns-port)",
        "'/no/such/file' (from flag --config): cannot be read",
        "--confirm: 'never'",
        "stray",
    ):
        assert piece in told


def test_uninstall_takes_no_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["uninstall", "transparent-proxy", "--redirect-dns", "--config=x", "--verbose"]
    for program in ("kumactl", "kuma-init"):
        assert main([*words, "--config-file=/root/.kumactl"], program) == 2
        told = capsys.readouterr().err
        assert "--redirect-dns: 'true' (from command line): has no effect on uninstall" in told
        assert "--config (from command line): unknown flag" in told
        assert "2 mistakes" in told


def test_the_validator_tells_all_mistakes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--validation-server-port=0",
        "--transparent-proxy-config=/no/such/file",
        "--ip-family-mode=ipv6",
        "--config=x",
    ]
    for program in ("kumactl", "kuma-init"):
        assert main(["install", "transparent-proxy-validator", *words], program) == 2
        told = capsys.readouterr().err
        assert "4 mistakes, nothing was changed" in told
        assert "--validation-server-port: '0' (from command line): no such port" in told
        assert "'/no/such/file' (from flag --transparent-proxy-config): cannot be read" in told
        assert "--config (from command line): unknown flag" in told


def test_the_validator_lists_only_flags_that_make_a_difference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["install", "transparent-proxy-validator", "-h"], "kumactl") == 0
    printed = capsys.readouterr().out
    assert "--validation-server-port PORT" in printed
    assert "--ip-family-mode" in printed
    assert "--store-firewalld" not in printed
    assert max(len(line) for line in printed.splitlines()) <= 80
