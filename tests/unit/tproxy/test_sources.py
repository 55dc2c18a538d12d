"""Sources merge in Kuma's order and say where values came from; all that is wrong is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.errors import ConfigError, Violation
from kuma_net.tproxy.config import Config, OwnerExclusion
from kuma_net.tproxy.flags import parse_flags
from kuma_net.tproxy.legacy import FLAGS
from kuma_net.tproxy.option import ENV_PREFIX
from kuma_net.tproxy.options import BY_FLAG, BY_PATH, OPTIONS
from kuma_net.tproxy.sources import Loaded, Sources, key_tree, load
from kuma_net.values import L4_PROTOS, L4Proto, Network, PortSet

UIDS = "redirect.outbound.excludePortsForUIDs"


def from_line(line: str, *files: str, environ: dict[str, str] | None = None) -> Loaded:
    """Load a command line over files and the environment."""
    arguments = parse_flags(line.split())
    named = tuple((f"{number}.yaml", text) for number, text in enumerate(files, 1))
    variables = {ENV_PREFIX + name: text for name, text in (environ or {}).items()}
    return load(
        Sources(
            files=named,
            environ=variables,
            flags=arguments.options,
            violations=arguments.violations,
        )
    )


def from_files(*files: str) -> Config:
    """Load documents alone."""
    return from_line("", *files).config


def from_environment(**environ: str) -> Config:
    """Load the environment alone."""
    return from_line("", environ=environ).config


def refused(line: str, *files: str, environ: dict[str, str] | None = None) -> list[str]:
    """Return the lines of the refusal."""
    with pytest.raises(ConfigError) as caught:
        from_line(line, *files, environ=environ)
    return str(caught.value).splitlines()


# --- precedence -------------------------------------------------------------------------------


def test_nothing_said_gives_the_defaults() -> None:
    loaded = load(Sources())
    assert loaded == Loaded(Config())
    assert loaded.config.source_of("wait") == "default"


def test_each_source_wins_over_those_before_it() -> None:
    files = ("wait: 1\nwaitInterval: 1\nlog: {level: 1}\nretry: {maxRetries: 1}", "wait: 2")
    config = from_files(*files)
    assert (config.wait, config.wait_interval, config.log.level) == (2, 1, 1)
    loaded = load(
        Sources(
            files=(("a", files[0]), ("b", files[1])),
            annotations=(("pod", {"traffic.kuma.io/transparent-proxy-config": "wait: 3"}),),
        )
    )
    assert loaded.config.wait == 3
    environ = {"WAIT": "4", "WAIT_INTERVAL": "4"}
    config = from_line("--wait 5", *files, environ=environ).config
    assert (config.wait, config.wait_interval, config.log.level) == (5, 4, 1)
    assert config.source_of("wait") == "flag --wait"
    assert config.source_of("waitInterval") == "env KUMA_TRANSPARENT_PROXY_WAIT_INTERVAL"
    assert config.source_of("log.level") == "file 1.yaml"
    assert config.source_of("verbose") == "default"
    assert config.origins["wait"].text == "5"


def test_the_environment_counts_without_any_document() -> None:
    assert from_environment(REDIRECT_INBOUND_PORT="81").redirect.inbound.port == 81


def test_lists_are_replaced_whole() -> None:
    one = "redirect: {inbound: {excludePorts: [1, 2], excludePortsForIPs: [10.0.0.1]}}"
    two = "redirect: {inbound: {excludePorts: [3]}}"
    inbound = from_files(one, two).redirect.inbound
    assert inbound.exclude_ports == PortSet.of(3)
    assert inbound.exclude_ips == (Network.parse("10.0.0.1"),)
    config = from_line("--exclude-inbound-ports=4", one, two).config
    assert config.redirect.inbound.exclude_ports == PortSet.of(4)


def test_an_empty_variable_clears_a_list_and_else_says_nothing() -> None:
    file = "wait: 7\nredirect: {inbound: {excludePorts: [1]}}"
    environ = {"REDIRECT_INBOUND_EXCLUDE_PORTS": "", "WAIT": " "}
    config = from_line("", file, environ=environ).config
    assert (config.redirect.inbound.exclude_ports, config.wait) == (PortSet(), 7)
    assert (
        from_line("--exclude-inbound-ports=", file).config.redirect.inbound
        == Config().redirect.inbound
    )


def test_null_in_a_document_says_nothing() -> None:
    assert from_files("wait: 7\n", "wait:\nredirect:\n") == Config(wait=7)
    assert from_files("", "# nothing") == Config()


def test_programs_are_merged_name_by_name() -> None:
    file = "iptablesExecutables: {iptables: /a, iptables-save: /b, ip6tables: ''}"
    config = from_line(
        "--iptables-executables iptables:/c --iptables-executables ip6tables:/d,ip6tables-save:/e",
        file,
    ).config
    assert dict(config.iptables_executables) == {
        "iptables": "/c",
        "iptables-save": "/b",
        "ip6tables": "/d",
        "ip6tables-save": "/e",
    }
    assert from_environment(IPTABLES_EXECUTABLES="iptables:/x, iptables-save:/y") == Config(
        iptables_executables=(("iptables", "/x"), ("iptables-save", "/y"))
    )


def test_what_a_program_sets_wins_over_everything() -> None:
    overrides = {"wait": 9, "redirect.inbound.excludePorts": [80, "443"], "verbose": True}
    loaded = load(Sources(flags=(("--wait", "5"),), overrides=overrides))
    assert loaded.config.wait == 9
    assert loaded.config.redirect.inbound.exclude_ports == PortSet.of(80, 443)
    assert loaded.config.source_of("wait") == "override"
    with pytest.raises(ConfigError) as caught:
        load(Sources(overrides={"wiat": 9, "verbose": "maybe"}))
    assert str(caught.value).splitlines() == [
        "wiat (from override): unknown key; did you mean wait?",
        "verbose: 'maybe' (from override): not a boolean; write true or false",
    ]


# --- spellings --------------------------------------------------------------------------------


def test_uses_of_a_repeatable_flag_add_up_and_of_others_the_last_counts() -> None:
    line = "--exclude-outbound-ips 10.0.0.1 --exclude-outbound-ips=10.0.0.2,10.0.0.3"
    assert len(from_line(line).config.redirect.outbound.exclude_ips) == 3
    line = "--exclude-inbound-ports 1,2 --exclude-inbound-ports 3"
    assert from_line(line).config.redirect.inbound.exclude_ports == PortSet.of(3)
    file = "redirect: {outbound: {excludePortsForIPs: [10.0.0.9]}}"
    found = from_line("--exclude-outbound-ips 10.0.0.1", file).config.redirect.outbound.exclude_ips
    assert found == (Network.parse("10.0.0.1"),)


@pytest.mark.parametrize(
    "value", ["[1, '2-3', 5]", '"1,2-3,5"', "[ '1,2', 3, 5 ]", "\n    - 1\n    - 2-3\n    - 5"]
)
def test_lists_in_documents_may_be_lists_texts_or_numbers(value: str) -> None:
    config = from_files(f"redirect:\n  inbound:\n    excludePorts: {value}\n")
    assert config.redirect.inbound.exclude_ports == PortSet.of((1, 3), 5)
    assert from_files("redirect: {inbound: {excludePorts: 1}}").redirect.inbound.exclude_ports


def test_numbers_among_the_rules_of_a_document_are_users() -> None:
    config = from_files('redirect: {outbound: {excludePortsForUIDs: [1, "2-3:4-5"]}}')
    assert config.redirect.outbound.exclude_for_uids == (
        OwnerExclusion(L4_PROTOS, PortSet.ALL, (1, 1)),
        OwnerExclusion(L4_PROTOS, PortSet.of((2, 3)), (4, 5)),
    )


def test_rules_in_one_variable_are_divided_by_semicolons() -> None:
    config = from_environment(REDIRECT_OUTBOUND_EXCLUDE_PORTS_FOR_UIDS="tcp:80,443:1; 5 ;")
    assert config.redirect.outbound.exclude_for_uids == (
        OwnerExclusion((L4Proto.TCP,), PortSet.of(80, 443), (1, 1)),
        OwnerExclusion(L4_PROTOS, PortSet.ALL, (5, 5)),
    )


def test_modes_are_read_whatever_their_case() -> None:
    assert from_files("ipFamilyMode: IPv4").ip_family_mode == "ipv4"
    assert from_line("--ip-family-mode=").config.ip_family_mode == "dualstack"


def test_durations_are_read_alike_everywhere() -> None:
    assert from_line("--sleep-between-retries 2s").config.retry.sleep == 2
    assert from_files("retry: {sleepBetweenRetries: 1m30s}").retry.sleep == 90
    assert from_files("retry: {sleepBetweenRetries: 3000000000}").retry.sleep == 3
    assert from_environment(RETRY_SLEEP_BETWEEN_RETRIES="300ms").retry.sleep == 0.3


def test_a_document_may_be_json() -> None:
    config = from_files('{"redirect": {"dns": {"captureAll": true}}, "kumaDPUser": 5678}')
    assert config.redirect.dns.capture_all
    assert config.kuma_dp_user == "5678"


def test_capturing_all_dns_enables_dns() -> None:
    file = "redirect: {dns: {captureAll: true, enabled: false}}"
    dns = from_files(file).redirect.dns
    assert (dns.enabled, dns.capture_all) == (True, True)
    config = from_line("--redirect-all-dns-traffic").config
    assert config.redirect.dns.enabled
    assert config.source_of("redirect.dns.enabled") == "flag --redirect-all-dns-traffic"
    both = from_files("redirect: {dns: {captureAll: true, enabled: true}}")
    assert both.origins["redirect.dns.enabled"].text == "true"
    assert not from_line("--redirect-all-dns-traffic=false").config.redirect.dns.enabled


def test_one_dns_flag_may_differ_from_the_document() -> None:
    file = "redirect: {dns: {enabled: true}}"
    assert from_line("--redirect-all-dns-traffic", file).config.redirect.dns.capture_all
    line = "--redirect-dns --redirect-all-dns-traffic=false"
    assert from_line(line).config.redirect.dns.enabled


# --- older names ------------------------------------------------------------------------------


def test_older_flags_work_and_say_what_to_write() -> None:
    loaded = from_line(
        "--kuma-dp-uid 1 --exclude-outbound-tcp-ports-for-uids 443:1234 --ipv6-disabled "
        "--exclude-outbound-ports-for-uids 1 --exclude-outbound-udp-ports-for-uids 53:1234 "
        "--experimental-transparent-proxy-engine --redirect-inbound-port-v6 15010 "
        "--exclude-outbound-udp-ports-for-uids 54:1234"
    )
    config = loaded.config
    assert config.kuma_dp_user == "1"
    assert config.ip_family_mode == "ipv4"
    assert config.redirect.inbound.port_ipv6 == 15010
    assert [str(rule.ports) for rule in config.redirect.outbound.exclude_for_uids] == [
        "443",
        "0-65535",
        "53",
        "54",
    ]
    assert config.source_of(UIDS) == "flag --exclude-outbound-tcp-ports-for-uids"
    assert len(loaded.notes) == 6
    assert all("is deprecated" in note for note in loaded.notes)


def test_no_port_for_ipv6_meant_no_ipv6() -> None:
    config = from_line("--redirect-inbound-port-v6=0").config
    assert config == Config(ip_family_mode="ipv4")


def test_the_last_of_old_and_new_names_counts() -> None:
    config = from_line("--kuma-dp-uid 1 --kuma-dp-user envoy").config
    assert config.kuma_dp_user == "envoy"
    assert config.source_of("kumaDPUser") == "flag --kuma-dp-user"


def test_switched_off_ebpf_is_ignored_and_switched_on_is_refused() -> None:
    off = "ebpf: {enabled: false, bpffsPath: /sys/fs/bpf}"
    assert from_line("", off, "ebpf:", environ={"EBPF_ENABLED": "false"}).config == Config()
    assert from_line("", environ={"EBPF_INSTANCE_IP": "10.0.0.1"}).notes == ()
    for found in (
        refused("", "ebpf: {enabled: true}"),
        refused("", environ={"EBPF_ENABLED": "true"}),
    ):
        assert len(found) == 1
        assert found[0].startswith("ebpf.enabled: ")
        assert "use --backend nftables" in found[0]


def test_whoever_only_looks_may_take_unknown_keys_of_a_file_as_notes() -> None:
    text = '{"redirect": {"inbound": {"port": 16006, "prot": 1}}}'
    with pytest.raises(ConfigError, match=r"redirect\.inbound\.prot .*: unknown key"):
        from_files(text)
    loaded = load(Sources(files=(("pod.json", text),), lenient=True))
    assert loaded.config.redirect.inbound.port == 16006
    [note] = loaded.notes
    assert "redirect.inbound.prot (from file pod.json): unknown key, without effect" in note


def test_an_unknown_variable_is_told_but_no_error() -> None:
    loaded = from_line("", environ={"WIAT": "5", "ENTIRELY_SOMETHING_ELSE_OF_SOMEBODY": "1"})
    assert loaded.notes == (
        "env KUMA_TRANSPARENT_PROXY_ENTIRELY_SOMETHING_ELSE_OF_SOMEBODY has no effect",
        "env KUMA_TRANSPARENT_PROXY_WIAT has no effect; did you mean KUMA_TRANSPARENT_PROXY_WAIT?",
    )
    assert load(Sources(environ={"PATH": "/bin"})) == Loaded(Config())


# --- refusals ---------------------------------------------------------------------------------


def test_all_violations_are_told_at_once_with_path_value_source_and_remedy() -> None:
    found = refused(
        "--wait x --redirect-inbound-port 0 --unknown",
        "redirect:\n  inbound:\n    prt: 1\n    excludePorts: [1, 0, 5-3]\n",
        "a: [",
        environ={"REDIRECT_DNS_PORT": "99999"},
    )
    right_port = "a port is a whole number from 1 to 65535"
    right_seconds = "a number of seconds is a whole number from 0 to 4294967295"
    path = "redirect.inbound.excludePorts"
    variable = f"env {ENV_PREFIX}REDIRECT_DNS_PORT"
    assert found[:4] == [
        "--unknown (from command line): unknown flag",
        "redirect.inbound.prt (from file 1.yaml): unknown key; did you mean port?",
        f"{path}[1]: '0' (from file 1.yaml): no such port; {right_port}",
        f"{path}[2]: '5-3' (from file 1.yaml): the range runs backwards; write 3-5",
    ]
    assert found[4].startswith("line 2, column 1 (from file 2.yaml): not YAML")
    port = "redirect.inbound.port"
    assert found[5:] == [
        f"redirect.dns.port: '99999' (from {variable}): no such port; {right_port}",
        f"wait: 'x' (from flag --wait): not a number of seconds; {right_seconds}",
        f"{port}: '0' (from flag --redirect-inbound-port): no such port; {right_port}",
    ]


def test_what_a_later_source_replaces_is_checked_too() -> None:
    assert len(refused("--wait 5 --wait=y", "wait: x")) == 2


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("- a", "document: \"['a']\" (from file 1.yaml): must hold keys; such as kumaDPUser"),
        ("redirect: 5", "redirect: '5' (from file 1.yaml): must hold keys; such as inbound"),
        ("redirect: {inbound: [1]}", "redirect.inbound: '[1]' (from file 1.yaml): must hold keys"),
        ("wait: [1]", "wait: '[1]' (from file 1.yaml): not of the right type; write 0 to"),
        ("wait: {a: 1}", "not of the right type"),
        ("wait: 1.5", "wait: '1.5' (from file 1.yaml): not a number of seconds"),
        ("redirect: {inbound: {excludePorts: [[1]]}}", "excludePorts: '[1]' (from file 1.yaml)"),
        ("redirect: {inbound: {excludePorts: {a: 1}}}", "write ports and ranges: 80,8000-8999"),
        (
            "redirect: {outbound: {excludePortsForUIDs: ['']}}",
            "[0] (from file 1.yaml): the id part",
        ),
        (
            "redirect: {outbound: {excludePortsForUIDs: [null]}}",
            "[0] (from file 1.yaml): the id part",
        ),
        (
            "redirect: {outbound: {excludePortsForUIDs: [5, '53:']}}",
            "[1]: '53:' (from file 1.yaml)",
        ),
        ("iptablesExecutables: {nft: /x}", "'nft:/x' (from file 1.yaml): not an iptables program"),
        ("wait: " + "[1, " * 30 + "]" * 30, "wait: '[1, [1, [1"),
        (
            "waitIntervl: 1",
            "waitIntervl (from file 1.yaml): unknown key; did you mean waitInterval?",
        ),
        ("WAIT: 1", "did you mean wait?"),
        ("kumaDpUser: x", "did you mean kumaDPUser?"),
        (
            "excludePorts: 1",
            "did you mean redirect.inbound.excludePorts or redirect.outbound.excludePorts?",
        ),
        ("redirect: {captureAll: true}", "did you mean redirect.dns.captureAll?"),
        ("redirect: {dns: {upstreamTargetChain: x}}", "redirect.dns.upstreamTargetChain (from"),
        ("inbound: {port: 1}", "unknown key; did you mean redirect.inbound?"),
        (
            "redirect: {inbound: {excludePortsForUIDs: [5]}}",
            "use redirect.inbound.excludePortsForIPs",
        ),
        (
            "verbose: maybe",
            "verbose: 'maybe' (from file 1.yaml): not a boolean; write true or false",
        ),
        ("ipFamilyMode: ipv6", "write one of dualstack, ipv4"),
        ("kumaDPUser: *", "put the text in quotes to mean a star"),
        ("a: 1\na: 2", "line 2, column 1 (from file 1.yaml): the key 'a' stands twice"),
    ],
)
def test_wrong_documents_say_where_and_what_would_be_right(document: str, message: str) -> None:
    found = refused("", document)
    assert len(found) == 1
    assert message in found[0]


def test_an_empty_list_of_what_is_refused_asks_for_nothing() -> None:
    assert from_files("redirect: {inbound: {excludePortsForUIDs: []}}") == Config()
    environ = {"REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_UIDS": ""}
    assert from_line("", environ=environ).config == Config()
    environ = {"REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_UIDS": "5"}
    assert "use redirect.inbound.excludePortsForIPs" in refused("", environ=environ)[0]


@pytest.mark.parametrize("line", ["--redirect-dns", "--redirect-dns=false"])
def test_both_dns_flags_together_are_refused(line: str) -> None:
    found = refused(f"{line} --redirect-all-dns-traffic")
    assert len(found) == 1
    assert found[0].startswith("redirect.dns (from command line): only one of --redirect-dns and ")
    assert "leave out --redirect-dns, which --redirect-all-dns-traffic implies" in found[0]


def test_what_the_parser_did_not_understand_comes_first() -> None:
    first = Violation("--x", "", "command line", "unknown flag")
    with pytest.raises(ConfigError) as caught:
        load(Sources(files=(("a", "b: 1"),), violations=(first,)))
    assert [violation.path for violation in caught.value.violations] == ["--x", "b"]


# --- laws -------------------------------------------------------------------------------------


def test_the_tree_holds_every_option_once() -> None:
    def leaves(node: object) -> int:
        return sum(map(leaves, node.values())) if isinstance(node, dict) else 1

    assert leaves(key_tree()) == len(OPTIONS)


texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["true", "80", "1-5", "tcp:443:1234", "10.0.0.0/8", "br+:fd00::/8", "2s", "ipv4"]
    ),
)
flags = st.tuples(st.sampled_from([*BY_FLAG, *FLAGS]), texts)
environs = st.dictionaries(
    st.sampled_from(
        [ENV_PREFIX + option.env for option in OPTIONS] + [f"{ENV_PREFIX}EBPF_ENABLED"]
    ),
    texts,
    max_size=4,
)
plain = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Draw a document of known keys with any values, as YAML in JSON's spelling."""
    root: dict[str, object] = {}
    for path in draw(st.lists(st.sampled_from(sorted(BY_PATH)), max_size=4)):
        node = root
        *branches, leaf = path.split(".")
        for branch in branches:
            deeper = node.setdefault(branch, {})
            assert isinstance(deeper, dict)
            node = deeper
        node[leaf] = draw(plain)
    return spelled(root)


def spelled(value: object) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"? {spelled(k)} : {spelled(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    if isinstance(value, str):
        return "'" + "".join(c if c.isprintable() else "?" for c in value).replace("'", "''") + "'"
    return "null" if value is None else str(value).lower()


@given(
    st.lists(st.one_of(documents(), st.text(max_size=30)), max_size=2),
    environs,
    st.lists(flags, max_size=4),
)
def test_any_input_gives_a_configuration_or_a_refusal_and_always_the_same(
    files: list[str], environ: dict[str, str], given_flags: list[tuple[str, str]]
) -> None:
    sources = Sources(
        files=tuple((str(number), text) for number, text in enumerate(files)),
        environ=environ,
        flags=tuple(given_flags),
    )
    outcomes = []
    for _ in range(2):
        try:
            loaded = load(sources)
            outcomes.append(repr(loaded))
        except ConfigError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@given(st.dictionaries(st.text(max_size=8), plain, max_size=3))
def test_unknown_keys_never_break_anything(content: dict[str, object]) -> None:
    with contextlib.suppress(ConfigError):
        load(Sources(files=(("x", spelled(content)),)))
