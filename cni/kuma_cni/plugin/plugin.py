"""The plugin's verbs: a request to what is done in the pod's network namespace.

Each verb first decides whether the pod is ours at all.  Whose pod is not, for her nothing is
opened, asked or written: not her namespace, not a folder of ours.

* ADD installs, in one transaction of the kernel; what it finds equal it leaves as it is.
* CHECK computes what ADD would install now and compares it with what the kernel holds.
* DEL takes away what is ours.  It succeeds whatever happens: a runtime would repeat it for ever,
  and what is left dies with the namespace.
* GC drops records of attachments that are gone.  Rules live in namespaces, so there is no more.
* STATUS says whether ADD could work.

A pod whose annotations had to be looked up leaves a record of them, written before anything is
installed, so that CHECK and DEL need no API server.  No record then means: not captured.
"""

from __future__ import annotations

from kuma_cni.pod.decide import LookUp, Skip, concerned, decide, decide_fetched
from kuma_cni.pod.identity import pod_identity
from kuma_cni.spec.problem import DIFFERS, NOT_AVAILABLE, CniError
from kuma_net.errors import KumaNetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal, Protocol, TypeAlias

    from kuma_cni.pod.decide import Capture, FetchedPod
    from kuma_cni.spec.netconf import Netconf
    from kuma_cni.spec.request import Request
    from kuma_net.actions.reports import InstallReport

    Told: TypeAlias = tuple[Literal["debug", "info", "warning"], str, dict[str, object]]
    """What came of a verb: how grave, which event, its fields."""

    class Log(Protocol):
        """What the verbs tell; never raises, never waits."""

        def debug(self, event: str, **fields: object) -> None:
            """Tell what is of interest to whoever looks for something."""

        def info(self, event: str, **fields: object) -> None:
            """Tell what was done."""

        def warning(self, event: str, **fields: object) -> None:
            """Tell what went wrong without harm."""

        def error(self, event: str, **fields: object) -> None:
            """Tell what made a call fail."""

    class Records(Protocol):
        """Annotations of attachments that were looked up at the API server; never raises."""

        def put(self, container_id: str, ifname: str, annotations: Mapping[str, str]) -> str:
            """Keep them; return a sentence when that cannot be."""

        def get(self, container_id: str, ifname: str) -> Mapping[str, str] | None:
            """Return them; None where there are none."""

        def drop(self, container_id: str, ifname: str) -> None:
            """Forget them."""

        def keep_only(self, valid: Iterable[tuple[str, str]]) -> int:
            """Forget all others; return how many that were."""


class KumaCni:
    """A ``spec.dispatch.Plugin``.

    ``pods`` asks the API server.  ``log`` makes a log of a configuration and of fields that are
    in every line, ``records`` the records in a folder; neither is asked to before there is
    something to tell or to keep.
    """

    def __init__(
        self,
        pods: Callable[[LookUp, Netconf], FetchedPod],
        log: Callable[..., Log],
        records: Callable[[str], Records],
    ) -> None:
        """Keep the three."""
        self._pods = pods
        self._log = log
        self._records = records

    def add(self, request: Request) -> None:
        """Capture the pod's traffic; raises CniError and KumaNetError."""
        self._tell(self._add, request)

    def check(self, request: Request) -> None:
        """Raise CniError 102 where the kernel holds something else than ADD would install."""
        self._tell(self._check, request)

    def delete(self, request: Request) -> None:
        """Take away what is ours, if the namespace is still there; raises nothing of ours."""
        self._tell(self._delete, request)

    def gc(self, request: Request) -> None:
        """Forget attachments that the runtime does not name; none where it sends no list."""
        self._tell(self._gc, request)

    def status(self, request: Request) -> None:
        """Raise CniError 50 where ADD could not work."""
        self._tell(self._status, request)

    def _tell(self, verb: Callable[[Request], Told], request: Request) -> None:
        """Do what is asked, and log what came of it: one line."""
        from time import monotonic

        began = monotonic()
        identity = pod_identity(request.args)
        log = self._log(
            request.netconf,
            verb=request.verb,
            pod=identity.name,
            namespace=identity.namespace,
            container=request.container_id[:12],
        )
        try:
            level, event, fields = verb(request)
        except Exception as error:
            log.error("failed", took_ms=_since(began), error=str(error))  # noqa: TRY400 - no logging
            raise
        getattr(log, level)(event, took_ms=_since(began), **fields)

    def _records_of(self, netconf: Netconf) -> Records:
        """Return a network's records: GC speaks of one network, and others may use us too."""
        return self._records(f"{netconf.state_dir}/{netconf.name}")

    def _add(self, request: Request) -> Told:
        netconf, identity = request.netconf, pod_identity(request.args)
        decision = decide(netconf, identity)
        notes: tuple[str, ...] = ()
        if isinstance(decision, LookUp):
            fetched = self._pods(decision, netconf)
            decision = decide_fetched(netconf, identity, fetched)
            if not isinstance(decision, Skip):
                records = self._records_of(netconf)
                kept = records.put(request.container_id, request.ifname, fetched.annotations)
                notes += (kept,) if kept else ()
        if isinstance(decision, Skip):
            return "debug", "left alone", {"reason": decision.reason}
        report = install(decision, request)
        notes += decision.notes
        event = "captured" if report.changed else "captured already"
        families = " ".join([str(family) for family in report.families])
        fields = {"families": families, **_noted((*notes, *report.notes))}
        return "warning" if notes else "info", event, fields

    def _check(self, request: Request) -> Told:
        netconf, identity = request.netconf, pod_identity(request.args)
        decision = decide(netconf, identity)
        if isinstance(decision, LookUp):
            kept = self._records_of(netconf).get(request.container_id, request.ifname)
            if kept is None:
                return "debug", "left alone", {"reason": "there is no record of it"}
            decision = decide(netconf.replace(annotations=kept), identity)
        if isinstance(decision, Skip | LookUp):
            return "debug", "left alone", {}
        drift = differences(decision, request)
        if drift:
            msg = "the pod's rules are not those that its annotations ask for"
            raise CniError(DIFFERS, msg, "\n".join(drift))
        return "debug", "as asked", {}

    def _delete(self, request: Request) -> Told:
        found = concerned(request.netconf, pod_identity(request.args))
        if isinstance(found, LookUp):
            records = self._records_of(request.netconf)
            if records.get(request.container_id, request.ifname) is None:
                found = Skip("there is no record of it")
        if isinstance(found, Skip):
            return "debug", "left alone", {"reason": found.reason}
        try:
            removed = remove(request)
        except (CniError, KumaNetError, OSError) as problem:
            return "warning", "not removed", {"error": str(problem)}
        finally:
            # Also where the namespace is gone already, after a reboot say: nobody asks again.
            if isinstance(found, LookUp):
                self._records_of(request.netconf).drop(request.container_id, request.ifname)
        return "info" if removed else "debug", "released", {"removed": "; ".join(removed)}

    def _gc(self, request: Request) -> Told:
        valid = request.netconf.valid_attachments
        if valid is None:
            return "debug", "nothing to forget", {"reason": "the runtime sent no list"}
        forgotten = self._records_of(request.netconf).keep_only(valid)
        return "info" if forgotten else "debug", "forgot records", {"count": forgotten}

    def _status(self, request: Request) -> Told:
        del request
        reason = why_not_available()
        if reason:
            raise CniError(NOT_AVAILABLE, "this node cannot capture traffic", reason)
        return "debug", "available", {}


def _since(began: float) -> int:
    """Return whole milliseconds."""
    from time import monotonic

    return round((monotonic() - began) * 1000)


def _noted(notes: tuple[str, ...]) -> dict[str, object]:
    return {"notes": "; ".join(notes)} if notes else {}


def install(wanted: Capture, request: Request) -> InstallReport:
    """Make the pod's namespace hold what is wanted; raises CniError and KumaNetError."""
    from kuma_cni.plugin.machine import PodMachine
    from kuma_cni.plugin.namespace import PodNamespace
    from kuma_net.actions.install import install as carry_out
    from kuma_net.actions.wish import Request as Manner

    with PodNamespace(request.netns, may_be_own=request.may_be_own) as namespace:
        world = PodMachine(namespace.has_user, wanted.servers)
        return carry_out(wanted.config, world, Manner(elsewhere=True))


def differences(wanted: Capture, request: Request) -> tuple[str, ...]:
    """Return what ``install`` would change, a line each; raises CniError and KumaNetError.

    Rules for IPv6 may have been made before somebody switched IPv6 off: they are as good as none.
    """
    from kuma_cni.plugin.machine import MachineWithIpv6, PodMachine
    from kuma_cni.plugin.namespace import PodNamespace
    from kuma_net.actions.status import status
    from kuma_net.actions.wish import Request as Manner
    from kuma_net.host.links import links, why_no_ipv6

    config, servers, manner = wanted.config, wanted.servers, Manner(elsewhere=True)
    with PodNamespace(request.netns, may_be_own=request.may_be_own) as namespace:
        drift = status(config, PodMachine(namespace.has_user, servers), manner).drift
        if drift and config.ip_family_mode != "ipv4" and why_no_ipv6(links()):
            earlier = MachineWithIpv6(namespace.has_user, servers)
            drift = min(drift, status(config, earlier, manner).drift, key=len)
        return drift


def remove(request: Request) -> tuple[str, ...]:
    """Take away what is ours in the pod's namespace; raises CniError and KumaNetError."""
    if not request.netns:
        return ()
    from kuma_cni.plugin.machine import PodMachine
    from kuma_cni.plugin.namespace import PodNamespace
    from kuma_net.actions.uninstall import uninstall
    from kuma_net.actions.wish import Request as Manner
    from kuma_net.tproxy.config import Config

    with PodNamespace(request.netns, may_be_own=request.may_be_own):
        return uninstall(Config(), PodMachine(), Manner(elsewhere=True)).removed


def why_not_available() -> str:
    """Return why this node cannot serve ADD, a clause; empty where it can.

    Nothing less is told: a runtime then starts no pod at all, also none outside of the mesh.
    """
    from kuma_net.host.netns import may_enter
    from kuma_net.host.probe import kernel_facts

    if not may_enter():
        return "CAP_SYS_ADMIN is missing, without which no network namespace can be entered"
    kernel = kernel_facts()
    if not kernel.net_admin:
        return "CAP_NET_ADMIN is missing"
    if not kernel.nf_tables:
        return f"the kernel has no nf_tables: {kernel.nf_tables_reason}"
    from kuma_net.backends.nft_fallbacks import lacking
    from kuma_net.host.netlink_socket import NetlinkSocket

    with NetlinkSocket() as socket:
        missing = lacking(socket)
    return f"the kernel's nf_tables lacks {', '.join(missing)}" if missing else ""
