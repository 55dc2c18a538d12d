"""CNI conformance, cell by cell: what a runtime may ask, and what a plugin must answer.

Sources: the specification 0.1.0 to 1.1.0 and libcni's own tests of its skeleton (pkg/skel) and of
its example plugin (plugins/test/noop).  A row of the table is a verb, the versions it is asked in,
what is given besides the usual, and what must come of it.  Each row and version is one cell.  All
cells are asked of the self-contained executable as a black box, with a real network namespace of a
mesh pod; of the installed program the newest version of each row.

Given: several things, joined by ``,``; what they mean is in ``lab.cni_given``.
Outcome: ``passes it on`` (the given result in the asked version), ``says nothing``, ``lists the
versions``, ``fails N: TEXT`` (the error object has that code and names that text), and behind
``;`` whether the pod has our rules afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_cni.spec.versions import NEWEST, VERSIONS, at_least
from kuma_net.netfilter.nf_tables import TABLE as OUR_TABLE
from kuma_net.record import Record
from lab.cni import Caller, bundled
from lab.cni_given import GIVEN, Asked, translated
from lab.programs import BIN

if TYPE_CHECKING:
    from lab.cni import Answered

TABLE = """
    ADD      any       no result                      -> passes it on; rules
    ADD      any       a null result                  -> passes it on; rules
    ADD      any       an empty result                -> passes it on; rules
    ADD      any       a result of 0.1.0              -> passes it on; rules
    ADD      any       a result of 0.3.1              -> passes it on; rules
    ADD      any       a result of 1.0.0              -> passes it on; rules
    ADD      any       a result of 1.1.0              -> passes it on; rules
    ADD      any       a result of IPv6 only          -> passes it on; rules
    ADD      1.0.0     after ADD                      -> passes it on; rules
    ADD      1.0.0     a result without addresses     -> passes it on; rules
    ADD      1.0.0     an interface that is not there -> passes it on; rules
    ADD      1.0.0     a result with unknown keys     -> passes it on; rules
    ADD      any       a pod of nobody                -> passes it on; no rules
    ADD      0.4.0     a pod of nobody, no namespace there -> passes it on
    ADD      1.1.0     a pod of nobody, our own namespace  -> passes it on
    ADD      1.0.0     our own namespace, it is allowed -> passes it on
    DEL      1.0.0     our own namespace, it is allowed -> says nothing
    ADD      1.0.0     the node's namespace           -> fails 8: node's
    ADD      1.0.0     the node's namespace, it is allowed -> fails 8: node's
    ADD      1.0.0     a pod of nobody, the node's namespace -> passes it on
    ADD      any       a result of 9.0.0              -> fails 7: prevResult.cniVersion; no rules
    ADD      1.0.0     a result of no shape           -> fails 7: prevResult; no rules

    DEL      any       after ADD                      -> says nothing; no rules
    DEL      any       nothing before                 -> says nothing; no rules
    DEL      any       no CNI_NETNS                   -> says nothing
    DEL      any       no namespace there             -> says nothing
    DEL      1.0.0     after ADD, after DEL, after DEL -> says nothing; no rules
    DEL      1.0.0     after ADD, another log level   -> says nothing; no rules
    DEL      1.0.0     a plain file as namespace      -> says nothing
    DEL      1.0.0     our own namespace              -> says nothing
    DEL      1.0.0     a pod of nobody                -> says nothing
    DEL      1.0.0     a result of 9.0.0              -> says nothing

    CHECK    >=0.4.0   after ADD                      -> says nothing; rules
    CHECK    >=0.4.0   after ADD, a result of 1.0.0   -> says nothing; rules
    CHECK    >=0.4.0   nothing before                 -> fails 102; no rules
    CHECK    >=0.4.0   after ADD, after DEL           -> fails 102; no rules
    CHECK    >=0.4.0   a pod of nobody                -> says nothing; no rules
    CHECK    >=0.4.0   no namespace there             -> fails 8: CNI_NETNS
    CHECK    <0.4.0    after ADD                      -> fails 1: CHECK came with 0.4.0; rules

    GC       1.1.0     valid attachments              -> says nothing
    GC       1.1.0     no valid attachments           -> says nothing
    GC       1.1.0     the older key of attachments   -> says nothing
    GC       1.1.0     null attachments               -> says nothing
    GC       1.1.0     nothing but CNI_PATH           -> says nothing
    GC       <1.1.0    valid attachments              -> fails 1: GC came with 1.1.0

    STATUS   1.1.0     nothing before                 -> says nothing
    STATUS   1.1.0     nothing but CNI_PATH           -> says nothing
    STATUS   <1.1.0    nothing before                 -> fails 1: STATUS came with 1.1.0

    VERSION  any       nothing before                 -> lists the versions
    VERSION  1.0.0     dummies                        -> lists the versions
    VERSION  1.0.0     nothing else at all            -> lists the versions
    VERSION  absent    no input                       -> lists the versions

    ADD      1.0.0     no CNI_CONTAINERID             -> fails 4: CNI_CONTAINERID
    ADD      1.0.0     no CNI_NETNS                   -> fails 4: CNI_NETNS
    ADD      1.0.0     no CNI_IFNAME                  -> fails 4: CNI_IFNAME
    ADD      1.0.0     no CNI_PATH                    -> fails 4: CNI_PATH
    ADD      1.0.0     nothing else at all            -> fails 4: CNI_CONTAINERID, CNI_NETNS, CNI
    ADD      1.0.0     no CNI_ARGS                    -> passes it on; rules
    DEL      1.0.0     no CNI_CONTAINERID             -> fails 4: CNI_CONTAINERID
    DEL      1.0.0     no CNI_IFNAME                  -> fails 4: CNI_IFNAME
    DEL      1.0.0     no CNI_PATH                    -> fails 4: CNI_PATH
    DEL      1.0.0     nothing else at all            -> fails 4: CNI_CONTAINERID, CNI_IFNAME, CNI
    CHECK    1.0.0     no CNI_NETNS                   -> fails 4: CNI_NETNS
    CHECK    1.0.0     nothing else at all            -> fails 4: CNI_CONTAINERID, CNI_NETNS, CNI
    GC       1.1.0     nothing else at all            -> fails 4: CNI_PATH
    STATUS   1.1.0     nothing else at all            -> fails 4: CNI_PATH
    ADD      1.0.0     an empty CNI_IFNAME            -> fails 4: CNI_IFNAME
    ADD      1.0.0     a container id with a slash    -> fails 4: CNI_CONTAINERID
    ADD      1.0.0     an interface with a slash      -> fails 4: CNI_IFNAME
    ADD      1.0.0     an interface with a colon      -> fails 4: CNI_IFNAME
    ADD      1.0.0     an interface with a blank      -> fails 4: CNI_IFNAME
    ADD      1.0.0     an interface called ..         -> fails 4: CNI_IFNAME
    ADD      1.0.0     an interface of 16 letters     -> fails 4: CNI_IFNAME
    add      1.0.0     nothing before                 -> fails 4: CNI_COMMAND
    PLAY     1.0.0     nothing before                 -> fails 4: CNI_COMMAND

    ADD      1.0.0     no input                       -> fails 6
    ADD      1.0.0     input that is no JSON          -> fails 6
    ADD      1.0.0     a list as input                -> fails 6
    CHECK    1.0.0     no input                       -> fails 6
    DEL      1.0.0     input that is no JSON          -> fails 6
    GC       1.1.0     no input                       -> fails 6
    STATUS   1.1.0     no input                       -> fails 6
    ADD      any       no network name                -> fails 7: name
    ADD      1.0.0     a network name with a slash    -> fails 7: name
    DEL      1.0.0     no network name                -> fails 7: name
    GC       1.1.0     no network name                -> fails 7: name
    ADD      9.0.0     nothing before                 -> fails 1: 0.1.0, 0.2.0, 0.3.0
    ADD      1.0       nothing before                 -> fails 1: '1.0'
    DEL      9.0.0     nothing before                 -> fails 1: '9.0.0'
    CHECK    9.0.0     nothing before                 -> fails 1: '9.0.0'
    GC       9.0.0     nothing before                 -> fails 1: '9.0.0'
    STATUS   9.0.0     nothing before                 -> fails 1: '9.0.0'
    ADD      absent    nothing before                 -> passes it on; rules
    DEL      absent    after ADD                      -> says nothing; no rules
    CHECK    absent    after ADD                      -> fails 1: CNI 0.1.0 has no CHECK; rules

    ADD      1.0.0     our own namespace              -> fails 8: runs in
    CHECK    1.0.0     our own namespace              -> fails 8: runs in
    CHECK    1.0.0     the node's namespace           -> fails 8: node's
    DEL      1.0.0     the node's namespace           -> says nothing
    ADD      1.0.0     no namespace there             -> fails 8: CNI_NETNS
    ADD      1.0.0     a plain file as namespace      -> fails 8: CNI_NETNS
    ADD      1.0.0     a folder as namespace          -> fails 8: CNI_NETNS
    ADD      1.0.0     another kind of namespace      -> fails 8: CNI_NETNS
    ADD      1.0.0     a link to the namespace        -> passes it on; rules
"""


class Cell(Record):
    """One call and what must come of it; ``line`` is where its row stands in the table."""

    verb: str
    version: str
    given: str
    outcome: str

    def __str__(self) -> str:
        """Return the cell as pytest shows it."""
        return f"{self.verb} {self.version}: {self.given} -> {self.outcome}".replace(" ", "-")


def cells() -> list[Cell]:
    """Return the table's cells: each row in each of its versions."""
    found = []
    for line in filter(None, map(str.strip, TABLE.splitlines())):
        asked, outcome = line.split(" -> ")
        verb, versions, given = asked.split(None, 2)
        found += [
            Cell(verb, version, given.strip(), outcome.strip()) for version in named(versions)
        ]
    return found


def newest(found: list[Cell]) -> list[Cell]:
    """Return the last cell of each row."""
    return list({(cell.verb, cell.given, cell.outcome): cell for cell in found}.values())


def named(versions: str) -> tuple[str, ...]:
    """Return the versions that a word of the table means."""
    if versions == "any":
        return VERSIONS
    if versions.startswith(">="):
        return tuple([version for version in VERSIONS if at_least(version, versions[2:])])
    if versions.startswith("<"):
        return tuple([version for version in VERSIONS if not at_least(version, versions[1:])])
    return (versions,)


def test_the_table_has_all_verbs_in_all_versions() -> None:
    found = cells()
    assert len(found) >= 120
    for verb in ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"):
        asked = {cell.version for cell in found if cell.verb == verb}
        assert set(VERSIONS) <= asked, verb
    assert len(found) == len(set(found)), "a cell stands twice"


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_conformance_of_the_bundle(caller: Caller, cell: Cell) -> None:
    conform(caller, bundled(), cell)


@pytest.mark.parametrize("cell", newest(cells()), ids=str)
def test_conformance_of_the_installed_program(caller: Caller, cell: Cell) -> None:
    conform(caller, str(BIN / "kuma-cni"), cell)


def conform(caller: Caller, program: str, cell: Cell) -> None:
    """Ask a cell of a program, and judge the answer."""
    pod = caller.new_pod()
    try:
        asked = Asked(cell.verb, cell.version, pod)
        for given in cell.given.split(", "):
            GIVEN[given](asked)
        if asked.environ.get("CNI_NETNS") == "/run/link":
            caller.run(["ln", "-sfn", pod, "/run/link"])
        for verb in asked.before:
            earlier = caller.ask(program, asked.environ | {"CNI_COMMAND": verb}, asked.input_of())
            assert earlier.code == 0, earlier
        answered = caller.ask(program, asked.environ, asked.input_of())
        told, _, rules = cell.outcome.partition("; ")
        judge(told, asked, answered)
        if rules:
            assert caller.tables(pod) == ([OUR_TABLE] if rules == "rules" else [])
    finally:
        caller.drop_pod(pod)


def judge(told: str, asked: Asked, answered: Answered) -> None:
    """Compare what came of a call with what the table says."""
    version = asked.config.get("cniVersion", "0.1.0")
    if told.startswith("fails "):
        code, _, text = told.removeprefix("fails ").partition(": ")
        error = answered.error
        assert error["code"] == int(code), error
        assert text in f"{error['msg']} {error.get('details', '')}"
        readable = asked.stdin is None and version in VERSIONS
        assert error["cniVersion"] == (version if readable else NEWEST)
        return
    assert (answered.code, answered.stderr) == (0, ""), answered
    match told:
        case "says nothing":
            assert answered.stdout == b""
        case "passes it on":
            assert answered.printed == translated(asked.config.get("prevResult"), version)
        case "lists the versions":
            asked_version = NEWEST if asked.stdin == b"" else version
            assert answered.printed == {
                "cniVersion": asked_version, "supportedVersions": list(VERSIONS),
            }  # fmt: skip
        case _:
            pytest.fail(f"the table says {told!r}")
