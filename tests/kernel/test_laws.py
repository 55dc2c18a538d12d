"""Laws that hold for every configuration and every backend, whatever the rules say."""

from __future__ import annotations

import re

import pytest

from kuma_net.netfilter.compare import compare
from kuma_net.netfilter.digest import digest
from lab.case import PLAIN, Case
from lab.cases import CASES
from lab.foreign import everything, preload
from lab.host import ETC, Host
from lab.installing import (
    BACKENDS,
    apply_here,
    config_of,
    install_here,
    read_here,
    remove_here,
    ruleset_here,
    stamp_of,
    uninstall_here,
)
from lab.rows import check_rows, listing, parse_rows
from lab.senders import REFUSED, Probe, send_all
from lab.topology import Lab, quiet_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kuma_net.backends.base import Kind

every_backend = pytest.mark.parametrize("backend", BACKENDS)

LARGE = next(case for case in CASES if case.name == "everything at once")
SMALL = {"redirect.outbound.excludePorts": "443"}


@pytest.fixture
def quiet() -> Iterator[Host]:
    """Return a host on which no packet moves a counter unless a test sends one."""
    host = quiet_host()
    yield host
    host.stop()


@pytest.fixture(scope="module")
def whole_lab() -> Iterator[Lab]:
    """One lab for the many tests that leave no rule behind."""
    with Lab() as built:
        yield built


@pytest.fixture
def shared_lab(whole_lab: Lab) -> Iterator[Lab]:
    yield whole_lab
    for kind in BACKENDS:
        whole_lab.app.call(remove_here, kind)
    whole_lab.app.write("/etc/resolv.conf", ETC["resolv.conf"])


@every_backend
def test_installing_twice_is_installing_once(quiet: Host, backend: Kind) -> None:
    config = config_of({**LARGE.options, "backend": backend})
    assert quiet.call(install_here, config).changed
    assert quiet.call(send_all, [Probe("tcp", ("127.0.0.1", 9))]) == (REFUSED,)
    once = listing(quiet)
    assert not quiet.call(install_here, config).changed
    assert listing(quiet) == once, "counters included: nothing was sent"


@every_backend
def test_another_configuration_replaces_the_first(lab: Lab, backend: Kind) -> None:
    for options in (LARGE.options, SMALL, LARGE.options):
        config = config_of({**options, "backend": backend})
        assert lab.app.call(install_here, config).changed
        found = lab.app.call(read_here, backend)
        assert found is not None
        asked = lab.app.call(ruleset_here, config, backend)
        assert str(compare(asked, found.ruleset)) == ""


@every_backend
def test_another_backend_replaces_the_first(lab: Lab, backend: Kind) -> None:
    for other in BACKENDS:
        lab.app.call(install_here, config_of({"backend": other}))
        lab.app.call(install_here, config_of({"backend": backend}))
        holding = [kind for kind in BACKENDS if lab.app.call(read_here, kind) is not None]
        assert holding == [backend]
    check_rows(lab, parse_rows(PLAIN))


@every_backend
def test_uninstalling_leaves_nothing(lab: Lab, backend: Kind) -> None:
    lab.app.call(install_here, config_of({**LARGE.options, "backend": backend}))
    lab.app.call(uninstall_here, config_of({}))
    left = [line for line in everything(lab.app).splitlines() if "-A " in line or "KUMA" in line]
    assert left == []
    assert lab.app.run(("ip", "-6", "address", "show", "dev", "lo")).stdout.count("::6/128") == 0
    check_rows(lab, parse_rows("workload tcp world:80 -> direct\nremote tcp self:8080 -> direct"))


def whatever_stays(backend: Kind) -> Callable[[Host], str]:
    """Return what lists all that must stay.

    iptables-legacy sets the counter of a chain's policy, which is no rule, to zero whenever
    anybody adds or deletes a rule of that chain; no text that restore reads can prevent it.
    """
    if backend != "iptables-legacy":
        return everything
    policy = re.compile(r"^(:[A-Z]+ ACCEPT) .*$", re.MULTILINE)
    return lambda host: policy.sub(r"\1", everything(host))


@every_backend
def test_uninstalling_leaves_foreign_rules_byte_equal_with_their_counters(
    quiet: Host, backend: Kind
) -> None:
    preload(quiet)
    everything_foreign = whatever_stays(backend)
    before = everything_foreign(quiet)
    assert before.count("-A ") == 9 * 4
    for options in (LARGE.options, SMALL):
        quiet.call(install_here, config_of({**options, "backend": backend}))
        assert everything_foreign(quiet) != before
    quiet.call(uninstall_here, config_of({}))
    assert everything_foreign(quiet) == before


@every_backend
def test_installing_keeps_foreign_rules_and_their_counters(quiet: Host, backend: Kind) -> None:
    preload(quiet)
    foreign = [line for line in everything(quiet).splitlines() if "-A " in line]
    quiet.call(install_here, config_of({**LARGE.options, "backend": backend}))
    after = everything(quiet).splitlines()
    assert [line for line in foreign if line not in after] == []


@every_backend
def test_uninstalling_what_is_not_there_changes_nothing(quiet: Host, backend: Kind) -> None:
    preload(quiet)
    before = everything(quiet)
    assert not quiet.call(remove_here, backend).changed
    assert quiet.call(uninstall_here, config_of({})).removed == ()
    assert everything(quiet) == before


@every_backend
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_read_is_what_was_applied(shared_lab: Lab, case: Case, backend: Kind) -> None:
    for path, text in case.files.items():
        shared_lab.app.write(path, text)
    options = {path: value for path, value in case.options.items() if path != "dryRun"}
    options.pop("iptablesExecutables", None)
    ruleset = shared_lab.app.call(ruleset_here, config_of(options), backend)
    assert shared_lab.app.call(apply_here, backend, ruleset).changed
    found = shared_lab.app.call(read_here, backend)
    assert found is not None
    assert str(compare(ruleset, found.ruleset)) == ""
    assert found.strange == ()
    silent = "comments.disabled" in case.options and backend != "nftables"
    assert found.stamp == (None if silent else stamp_of(ruleset)), "the stamp is a comment"
    assert digest(found.ruleset) == digest(ruleset)
    assert not shared_lab.app.call(apply_here, backend, ruleset).changed
    assert shared_lab.app.call(remove_here, backend).changed
    assert shared_lab.app.call(read_here, backend) is None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_iptables_read_the_same_back(shared_lab: Lab, case: Case) -> None:
    options = {path: value for path, value in case.options.items() if path != "dryRun"}
    options.pop("iptablesExecutables", None)
    ruleset = shared_lab.app.call(ruleset_here, config_of(options), "iptables-nft")
    found = []
    for kind in ("iptables-nft", "iptables-legacy"):
        shared_lab.app.call(apply_here, kind, ruleset)
        installed = shared_lab.app.call(read_here, kind)
        assert installed is not None
        found.append(installed.ruleset)
        shared_lab.app.call(remove_here, kind)
    assert found[0] == found[1]
