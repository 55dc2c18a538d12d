"""Command lines as kumactl reads them, without its silences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.tproxy.flags import SOURCE_FLAGS, Arguments, Flag, document_paths, parse_flags
from kuma_net.tproxy.legacy import FLAGS
from kuma_net.tproxy.options import BY_FLAG

NETNS = Flag("--netns", "Work in this network namespace.", "PATH")
JSON = Flag("--json", "Print JSON.", short="-j")
EXTRAS = (*SOURCE_FLAGS, NETNS, JSON)


def parse(line: str) -> Arguments:
    """Parse words divided by blanks."""
    return parse_flags(line.split(), EXTRAS)


def said(line: str) -> list[str]:
    """Return what is said about a wrong command line."""
    return [str(violation) for violation in parse(line).violations]


def test_values_follow_an_equals_sign_or_a_blank() -> None:
    found = parse("--wait=7 --wait 8 --kuma-dp-user= --redirect-inbound=false --verbose")
    assert found.options == (
        ("--wait", "7"),
        ("--wait", "8"),
        ("--kuma-dp-user", ""),
        ("--redirect-inbound", "false"),
        ("--verbose", "true"),
    )
    assert found.violations == ()
    assert not found.help


def test_values_may_look_like_anything_but_our_flags() -> None:
    found = parse_flags(["--kuma-dp-user", "-5", "--exclude-inbound-ports", "a=b", "--vnet", "--x"])
    assert found.options == (
        ("--kuma-dp-user", "-5"),
        ("--exclude-inbound-ports", "a=b"),
        ("--vnet", "--x"),
    )


def test_flags_of_the_command_are_kept_apart() -> None:
    found = parse("--netns /a --wait 1 --netns=/b -j --config x --config=y,z")
    assert found.options == (("--wait", "1"),)
    assert found.every("--netns") == ("/a", "/b")
    assert found.last("--netns") == "/b"
    assert found.last("--annotations", "none") == "none"
    assert found.switched("--json")
    assert not parse("--json=false").switched("--json")
    assert not parse("").switched("--json")


@pytest.mark.parametrize("line", ["-h", "--help", "--wait 1 -h", "--nonsense --help"])
def test_help_is_seen_wherever_it_stands(line: str) -> None:
    assert parse(line).help


def test_older_flags_take_values_as_they_did() -> None:
    found = parse("--kuma-dp-uid 5678 --experimental-transparent-proxy-engine --config-file /x")
    assert found.options == (
        ("--kuma-dp-uid", "5678"),
        ("--experimental-transparent-proxy-engine", "true"),
        ("--config-file", "/x"),
    )


@pytest.mark.parametrize(
    ("line", "messages"),
    [
        ("--wait", ["--wait (from command line): needs a value"]),
        ("--wait --verbose", ["--wait (from command line): needs a value"]),
        ("--netns", ["--netns (from command line): needs a value"]),
        ("--wiat=5", ["--wiat (from command line): unknown flag; did you mean --wait?"]),
        ("--nets=5", ["--nets (from command line): unknown flag; did you mean --netns?"]),
        ("-x", ["-x (from command line): unknown flag"]),
        ("--a-name-like-nothing-else-in-here", ["--a-name-like-nothing-else-in-here (from"]),
        ("--redirect-inbound false", ["false (from command line): not understood; a switch is"]),
        (
            "-- --wait 1",
            ["--wait (from command line): not understood", "1 (from command line): not"],
        ),
        ("--", []),
    ],
)
def test_what_is_not_understood_is_said(line: str, messages: list[str]) -> None:
    found = said(line)
    assert len(found) == len(messages)
    for sentence, message in zip(found, messages, strict=True):
        assert sentence.startswith(message)


def test_the_value_of_a_misspelt_flag_is_no_second_mistake() -> None:
    arguments = parse_flags(["--exclude-inbound-port", "80", "--verbos", "--redirect-dns"])
    assert [violation.path for violation in arguments.violations] == [
        "--exclude-inbound-port",
        "--verbos",
    ]
    assert arguments.options == (("--redirect-dns", "true"),)


def test_a_flag_after_a_missing_value_still_counts() -> None:
    arguments = parse_flags(["--kuma-dp-user", "--redirect-dns"])
    assert [violation.wrong for violation in arguments.violations] == ["needs a value"]
    assert arguments.options == (("--redirect-dns", "true"),)


def test_ebpf_is_refused_in_one_sentence() -> None:
    found = said("--ebpf-enabled --ebpf-instance-ip 10.0.0.1 --ebpf-bpffs-path=/sys/fs/bpf")
    assert len(found) == 1
    assert "removed from Kuma" in found[0]
    assert "use --backend nftables" in found[0]


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("", ()),
        (
            "--config a.yaml --config - --config=b.yaml,c.yaml, ",
            ("a.yaml", "-", "b.yaml", "c.yaml"),
        ),
        ("--config-file /etc/capture.yaml", ("/etc/capture.yaml",)),
        ("--config-file=/tmp/.kumactl", ()),
        ("--config-file=/root/.kumactl/config", ()),
    ],
)
def test_documents_are_read_in_the_order_given(line: str, paths: tuple[str, ...]) -> None:
    assert document_paths(parse(line)) == paths


words = st.one_of(
    st.sampled_from([*BY_FLAG, *FLAGS, "--netns", "-j", "--", "--help", "--ebpf-enabled"]),
    st.sampled_from(list(BY_FLAG)).map(lambda flag: f"{flag}=1"),
    st.text(max_size=8),
)


@given(st.lists(words, max_size=8))
def test_any_words_are_arguments_or_violations(argv: list[str]) -> None:
    found = parse_flags(argv, EXTRAS)
    assert found == parse_flags(argv, EXTRAS)
    for flag, _ in found.options:
        assert flag in BY_FLAG or flag in FLAGS
