"""The nftables backend and the real kernel: transactions, fallbacks, refusals, other writers."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from kuma_net.backends import nft_reading
from kuma_net.backends.base import Applied, Installed, Stamp
from kuma_net.backends.nft_fallbacks import probe
from kuma_net.backends.nftables import Nftables, generation_of_rules
from kuma_net.errors import NetlinkError
from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.netfilter.contract import canonical, restrict
from kuma_net.netfilter.lower import lower
from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.nf_tables import TABLE, Features, Table, Verdict
from kuma_net.netfilter.nf_tables import Chain as NftChain
from kuma_net.netfilter.nf_tables import Rule as NftRule
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.netlink.message import Request
from kuma_net.netlink.nftables import OWNER_FLAG, add_table, batch, list_tables, make_table
from kuma_net.netlink.tables import decode_table
from kuma_net.values import (
    BOTH_FAMILIES,
    Family,
    IdSet,
    InterfacePattern,
    L4Proto,
    Network,
    PortSet,
)
from lab.host import Host

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Owner

ONE = "KUMA_MESH_ONE"
TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
STAMP = Stamp("1.0", "c0ffee", "beef")
LOCALHOST = tuple(map(Network.parse, ("127.0.0.1", "::1")))
NETWORKS = tuple(map(Network.parse, ("10.0.0.0/8", "10.1.0.0/16", "192.168.0.1", "fd00::/8")))
LO = OutInterface(InterfacePattern("lo"))
BRIDGES = InInterface(InterfacePattern("br", wildcard=True))
BOXES = [(6, 1, 1, 80, 80), (6, 5, 9, 443, 445), (17, 7, 7, 0, 65535), (6, 70000, 4294967294, 1, 2)]
FORMS = {
    "everything": Features(),
    "two tables": Features(inet_nat=False),
    "stamp in a rule": Features(table_userdata=False),
    "no ranges in concatenated sets": Features(concat_intervals=False),
    "no ranges in sets": Features(interval_sets=False, concat_intervals=False),
    "next to nothing": Features(
        inet_nat=False, table_userdata=False, interval_sets=False, concat_intervals=False
    ),
}


def ruleset(port: int = 15001, *more: Rule) -> Ruleset:
    """Return a ruleset with every kind of question and action."""
    hooks = (
        HookChain("raw", "PREROUTING", (Rule((UDP, SourcePort(PortSet.of(53))), CtZone(1), "z"),)),
        HookChain("mangle", "PREROUTING", (Rule((CtState("INVALID"),), Drop(), "invalid"),)),
        HookChain(
            "nat",
            "PREROUTING",
            (
                Rule((BRIDGES, TCP, Not(Destination(NETWORKS[:1]))), Redirect(port), "vnet"),
                Rule((Not(Source(NETWORKS)), TCP), Log("seen:", 7), "log"),
            ),
        ),
        HookChain(
            "nat",
            "OUTPUT",
            (
                *more,
                Rule((exclusions("uid", BOXES),), Return(), "users", "redirect.excludeForUIDs"),
                Rule((exclusions("gid", BOXES[:1]),), Return(), "groups"),
                Rule((Destination(NETWORKS),), Return(), "networks", "redirect.excludeIPs"),
                Rule((TCP,), Jump(ONE), "in"),
            ),
        ),
    )
    chain = (
        Rule((TCP, DestinationPort(PortSet.of(22, (8000, 9000)))), Return(), "ports"),
        Rule((TCP, Not(DestinationPort(PortSet.of((1, 60000))))), Return(), "not these"),
        Rule((Source(LOCALHOST), LO), Return(), "a"),
        Rule((TCP, LO, OwnerUid(IdSet.of(5678))), Return(), "b"),
        Rule((TCP, LO), Return(), "c"),
        Rule((TCP, OwnerUid(IdSet.of(5678, (6000, 6009)))), Return(), "sidecars"),
        Rule((TCP, OwnerGid(IdSet.of((7000, 7009)))), Return(), "group"),
        Rule((Destination(LOCALHOST),), Return(), "local"),
        Rule((TCP,), Redirect(port), "captured", "redirect.outbound.port"),
    )
    return canonical(Ruleset(BOTH_FAMILIES, hooks, (Chain("nat", ONE, chain),)))


def apply(wanted: Ruleset, features: Features, stamp: Stamp = STAMP) -> Applied:
    return Nftables(features=features).apply(wanted, stamp)


def read() -> Installed | None:
    return Nftables().read()


def remove() -> Applied:
    return Nftables().remove()


def installed(host: Host) -> Installed:
    found = host.call(read)
    assert found is not None
    return found


def nft(host: Host, *words: str) -> str:
    return host.run(["nft", *words]).stdout


@pytest.mark.parametrize("form", FORMS)
def test_what_is_applied_is_read_back_and_applied_again_for_nothing(host: Host, form: str) -> None:
    features = FORMS[form]
    done = host.call(apply, ruleset(), features)
    assert done == Applied(changed=True, families=BOTH_FAMILIES)
    found = installed(host)
    assert (found.ruleset, found.stamp, found.strange) == (ruleset(), STAMP, ())
    before = nft(host, "list", "ruleset")
    assert not host.call(apply, ruleset(), features).changed
    assert nft(host, "list", "ruleset") == before
    assert host.call(remove).changed
    assert nft(host, "list", "ruleset") == ""


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", ["everything", "next to nothing"])
def test_any_form_takes_the_place_of_any_other(host: Host, first: str, second: str) -> None:
    host.call(apply, ruleset(), FORMS[first])
    newer = Stamp("2.0", "c0ffee", "beef")
    assert host.call(apply, ruleset(15002), FORMS[second], newer).changed
    found = installed(host)
    assert (found.ruleset, found.stamp, found.strange) == (ruleset(15002), newer, ())


@pytest.mark.parametrize("form", FORMS)
def test_nft_lists_what_we_wrote_and_takes_its_own_listing_back(host: Host, form: str) -> None:
    host.call(apply, ruleset(), FORMS[form])
    listed = nft(host, "-s", "list", "ruleset")
    for unreadable in ("unknown", "@nh", "@th", "0x"):
        assert unreadable not in listed
    nft(host, "flush", "ruleset")
    host.run(["nft", "-f", "-"], stdin=listed)
    assert nft(host, "-s", "list", "ruleset") == listed


def test_text_loaded_by_nft_is_not_taken_for_ours(host: Host) -> None:
    host.call(apply, ruleset(), Features())
    listed = nft(host, "-s", "list", "ruleset")
    nft(host, "flush", "ruleset")
    host.run(["nft", "-f", "-"], stdin=listed)
    found = installed(host)
    assert found.stamp == STAMP
    assert len(found.strange) > 10
    assert host.call(apply, ruleset(), Features()).changed
    assert installed(host).strange == ()


def handles(host: Host) -> dict[str, str]:
    """Return the handles of the base chains."""
    lines = nft(host, "-a", "list", "chains").splitlines()
    return {
        line.split()[1]: line.split()[-1]
        for line, following in pairwise(lines)
        if "hook" in following
    }


def test_hooks_stay_where_they_are_when_rules_are_exchanged(host: Host) -> None:
    host.call(apply, ruleset(), Features())
    before = handles(host)
    assert len(before) == 4
    assert host.call(apply, ruleset(15002), Features()).changed
    assert handles(host) == before
    without = ruleset().replace(hooks=ruleset().hooks[2:])
    host.call(apply, without, Features())
    assert handles(host) == {name: before[name] for name in ("nat_prerouting", "nat_output")}


def test_maps_stay_with_the_chains_they_lead_to_when_rules_are_exchanged(host: Host) -> None:
    def marks() -> list[str]:
        lines = nft(host, "-a", "list", "table", "inet", TABLE).splitlines()
        return [line for line in lines if line.startswith(("\tmap ", f"\tchain {ONE}"))]

    host.call(apply, ruleset(), Features())
    before = marks()
    assert f"\tmap {ONE} {{" in "".join(before)
    assert "handle" in "".join(before)
    assert host.call(apply, ruleset(15002), Features()).changed
    assert marks() == before


def test_a_table_changed_by_somebody_is_told_and_mended(host: Host) -> None:
    host.call(apply, ruleset(), Features())
    nft(host, "add", "rule", "inet", TABLE, "nat_output", "limit rate 5/second counter accept")
    nft(host, "insert", "rule", "inet", TABLE, f"{ONE}.ipv4", "tcp dport 99 accept")
    nft(host, "add", "chain", "inet", TABLE, "theirs")
    told = "\n".join(installed(host).strange)
    assert "a rule of chain nat_output: expression limit" in told
    assert f"rule 0 of chain {ONE}.ipv4: none of ours" in told
    assert host.call(apply, ruleset(), Features()).changed
    assert installed(host).strange == ()
    nft(host, "flush", "chain", "inet", TABLE, f"{ONE}.ipv6")
    assert installed(host).strange != ()
    assert host.call(apply, ruleset(), Features()).changed
    found = installed(host)
    assert (found.ruleset, found.strange) == (ruleset(), ())


def test_a_sleeping_table_is_made_anew(host: Host) -> None:
    host.call(apply, ruleset(), Features())
    host.run(["nft", "-f", "-"], stdin=f"table inet {TABLE} {{ flags dormant; }}")
    assert "dormant" in installed(host).strange[0]
    host.call(apply, ruleset(), Features())
    assert installed(host).strange == ()


def many(count: int, width: int) -> Ruleset:
    """Return a ruleset with so many exclusions, each of so many ports."""
    boxes = [(6, 1000 + n, 1000 + n, n % 60000, n % 60000 + width - 1) for n in range(count)]
    excluded = Rule((exclusions("uid", boxes),), Return(), "many")
    return ruleset(15001, excluded)


@pytest.mark.parametrize("width", [1, 3])
def test_ten_thousand_exclusions_are_applied_and_read_back(host: Host, width: int) -> None:
    wanted = many(10_000, width)
    assert host.call(apply, wanted, Features()).changed
    found = installed(host)
    assert (found.ruleset == wanted, found.strange) == (True, ())
    assert not host.call(apply, wanted, Features()).changed
    assert nft(host, "list", "set", "inet", TABLE, "tcp_uids").count(" . ") > 10_000


def elements(host: Host, name: str) -> set[str]:
    """Return the elements of a set as nft lists them."""
    listed = nft(host, "list", "set", "inet", TABLE, name).partition("elements = {")[2]
    return {each.strip() for each in listed.partition("}")[0].split(",")}


@pytest.mark.parametrize("owner", ["uid", "gid"])
def test_nft_lists_the_owners_that_were_asked_for(host: Host, owner: Owner) -> None:
    points = [(6, 1000 + n, 1000 + n, 80 + n, 80 + n) for n in range(200)]
    single = IdSet.of(1000, 5678, 70000, 4294967294)
    alone = OwnerUid(single) if owner == "uid" else OwnerGid(single)
    wanted = ruleset(
        15001,
        Rule((exclusions(owner, points),), Return(), "points", "points"),
        Rule((TCP, alone), Return(), "alone", "alone"),
        Rule((exclusions(owner, [*points, (6, 1, 9, 1, 1)]),), Return(), "ranges", "ranges"),
    )
    host.call(apply, wanted, Features())
    single_pairs = {f"{1000 + n} . {80 + n}" for n in range(200)}
    assert elements(host, "points_tcp") == single_pairs
    assert elements(host, f"alone_{owner}s") == {"1000", "5678", "70000", "4294967294"}
    # Many single ports of single owners are a set of their own beside the ranges.
    assert elements(host, "ranges_tcp") == single_pairs
    assert elements(host, "ranges_tcp_2") == {"1-9 . 1"}
    found = installed(host)
    assert (found.ruleset, found.strange) == (wanted, ())
    listing = nft(host, "list", "ruleset")
    host.run(["nft", "-f", "-"], stdin=f"flush ruleset\n{listing}")
    assert elements(host, "points_tcp") == single_pairs


# Packets


def link(host: Host) -> None:
    """Give a machine a way out that leads nowhere."""
    for words in (
        "link add out0 type veth peer name out1",
        "link set out0 up",
        "link set out1 up",
        "address add 198.51.100.1/24 dev out0",
        "address add 2001:db8:1::1/64 dev out0 nodad",
        "route add default dev out0",
        "-6 route add default dev out0",
    ):
        host.run(["ip", *words.split()])


def captured(destination: str, port: int, uid: int = 1000) -> bool:
    """Whether a connection of a user arrives at our port instead."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    with socket.create_server(("", 15001), family=family) as server:
        server.settimeout(5)
        child = os.fork()
        if child == 0:
            os.setresuid(uid, uid, uid)
            with socket.socket(family) as client:
                client.settimeout(0.3)
                os._exit(client.connect_ex((destination, port)) != 0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("form", FORMS)
def test_packets_fare_the_same_in_every_form(host: Host, form: str) -> None:
    link(host)
    host.call(apply, ruleset(), FORMS[form])
    for far in ("203.0.113.9", "2001:db8:2::9"):
        assert host.call(captured, far, 80)
        assert not host.call(captured, far, 80, 1), "an excluded user and port"
        assert host.call(captured, far, 81, 1), "another port of that user"
        assert not host.call(captured, far, 444, 7), "a range of users and ports"
        assert not host.call(captured, far, 8080), "an excluded port"
        assert not host.call(captured, far, 60001), "a port outside a range"
        assert not host.call(captured, far, 80, 6005), "a sidecar"
    assert not host.call(captured, "10.7.7.7", 80), "an excluded network"
    assert not host.call(captured, "fd00::7", 80), "an excluded network"
    (count,) = [
        seen
        for seen in installed(host).counts
        if (seen.chain, seen.position) == (ONE, len(ruleset().chains[0].rules) - 1)
    ]
    assert count.packets >= 4


# Refusals


def refusal(wanted: Ruleset, features: Features) -> tuple[int, str, str]:
    try:
        apply(wanted, features)
    except NetlinkError as refused:
        return refused.errno, refused.what, refused.explanation
    raise AssertionError(wanted)


def test_a_refused_rule_is_named_with_its_setting(host: Host) -> None:
    wrong = Rule((TCP,), Redirect(1), "redirect where there is no nat", "some.setting")
    raw = Ruleset(BOTH_FAMILIES, (HookChain("raw", "OUTPUT", (wrong,)),), ())
    errno, what, _ = host.call(refusal, raw, Features())
    assert errno == 95
    assert what == 'rule "redirect where there is no nat [some.setting]" of chain raw_output'
    long = Rule((TCP,), Log("x" * 200, 7), "log", "log.enabled")
    nat = Ruleset(BOTH_FAMILIES, (HookChain("nat", "OUTPUT", (long,)),), ())
    assert host.call(refusal, nat, Features()) == (
        34,
        'rule "log [log.enabled]" of chain nat_output',
        "at its expression log",
    )
    assert nft(host, "list", "ruleset") == ""


def test_a_refused_change_leaves_what_was_there(host: Host) -> None:
    host.call(apply, ruleset(), Features())
    before = nft(host, "list", "ruleset")
    host.call(refusal, ruleset(15001, Rule((), Log("x" * 200, 7), "log")), Features())
    assert nft(host, "list", "ruleset") == before


def features_here() -> tuple[Features, int, int]:
    kernel = NetlinkSocket()
    before = generation_of_rules(kernel)
    return probe(kernel), before, generation_of_rules(kernel)


def test_asking_for_features_leaves_nothing_behind(host: Host) -> None:
    found, before, after = host.call(features_here)
    assert found == Features()
    assert before == after
    assert nft(host, "list", "ruleset") == ""


def as_nobody() -> list[str]:
    """Try every verb without any capability; return the errors' names."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        names = []
        backend = Nftables()
        for verb in (backend.read, backend.remove, lambda: backend.apply(ruleset(), STAMP)):
            try:
                verb()
            except Exception as error:  # noqa: BLE001 - the name is the result
                names.append(f"{type(error).__name__}: {error}")
        os.write(writer, "\n".join(names).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reader, 4096).decode().splitlines()


def test_without_the_capability_every_verb_says_so(host: Host) -> None:
    told = host.call(as_nobody)
    assert len(told) == 3
    assert all(line.startswith("PermissionDenied:") for line in told)
    assert all("needs CAP_NET_ADMIN" in line for line in told)


def while_owned() -> tuple[int, str, str]:
    with NetlinkSocket() as owner:
        owner.commit(batch([make_table("inet", TABLE, OWNER_FLAG)]))
        return refusal(ruleset(), Features())


def test_a_table_that_another_process_owns_stays(host: Host) -> None:
    errno, what, _ = host.call(while_owned)
    assert errno == 1
    assert "table inet kuma_net" in what
    assert host.call(apply, ruleset(), Features()).changed


def too_much() -> tuple[int, str]:
    rule = NftRule((Verdict("accept"),), "x" * 200)
    chain = NftChain("c", None, (rule,) * 2)
    requests = batch(add_table(Table("ip", "x", "", (), (), (chain,))))
    with NetlinkSocket() as kernel:
        try:
            kernel.commit([*requests[:-1], Request(0xA55, 0, bytes(8), "nonsense"), requests[-1]])
        except NetlinkError as refused:
            return refused.errno, refused.what
    raise AssertionError(rule)


def test_the_message_that_was_refused_is_named_among_many(host: Host) -> None:
    assert host.call(too_much) == (22, "nonsense")
    assert nft(host, "list", "ruleset") == ""


# Other writers


def crowd(count: int) -> tuple[int, Installed | None]:
    """Have several threads install and read different rulesets; return how often any failed."""
    wanted = [ruleset(15001 + number) for number in range(4)]

    def work(number: int) -> int:
        failures = 0
        for turn in range(count):
            apply(wanted[(number + turn) % 4], Features())
            found = read()
            failures += found is None or found.ruleset not in wanted or bool(found.strange)
        return failures

    with ThreadPoolExecutor(4) as threads:
        failures = sum(threads.map(work, range(4)))
    return failures, read()


def test_writers_at_the_same_time_leave_the_wish_of_one(host: Host) -> None:
    failures, last = host.call(crowd, 10)
    assert failures == 0
    assert last is not None
    assert last.ruleset in [ruleset(15001 + number) for number in range(4)]


def foreign_writes(count: int) -> list[str]:
    """Add foreign tables while installing; return those that are there."""

    def others(number: int) -> None:
        with NetlinkSocket() as kernel:
            kernel.commit(batch([make_table("ip", f"theirs{number}")]))

    with ThreadPoolExecutor(2) as threads:
        written = [threads.submit(others, number) for number in range(count)]
        for number in range(count):
            apply(ruleset(15001 + number % 2), Features())
        for future in written:
            future.result()
    with NetlinkSocket() as kernel:
        return [decode_table(message).name for message in kernel.dump(list_tables())]


def test_tables_of_others_survive(host: Host) -> None:
    found = host.call(foreign_writes, 30)
    assert sorted(found) == sorted([TABLE, *(f"theirs{number}" for number in range(30))])


def test_one_family_alone_has_a_table_of_its_own(host: Host) -> None:
    for family, name in ((Family.IPV4, "ip"), (Family.IPV6, "ip6")):
        wanted = restrict(ruleset(), (family,))
        assert host.call(apply, wanted, Features()).families == (family,)
        assert nft(host, "list", "tables") == f"table {name} {TABLE}\n"
        assert installed(host).ruleset == wanted


def test_the_objects_read_are_the_objects_written(host: Host) -> None:
    host.call(apply, ruleset(), Features(), STAMP)
    (written,) = lower(ruleset(), stamp=str(STAMP))
    assert host.call(tables_here) == (written,)


def tables_here() -> tuple[Table, ...]:
    with NetlinkSocket() as kernel:
        listed = [decode_table(message) for message in kernel.dump(list_tables())]
        return nft_reading.read(kernel, listed).tables
