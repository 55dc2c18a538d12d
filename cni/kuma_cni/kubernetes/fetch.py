"""A pod for the plugin's decision, from the API server that a kubeconfig names."""

from __future__ import annotations

from kuma_cni.pod.decide import FetchedPod
from kuma_cni.spec.problem import INVALID_CONFIG, TRY_AGAIN_LATER, CniError
from kuma_net.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.kubernetes.api import Api
    from kuma_cni.pod.decide import LookUp
    from kuma_cni.spec.netconf import Netconf
    from kuma_net.documents import Plain


def fetch_pod(lookup: LookUp, netconf: Netconf) -> FetchedPod:
    """Ask for a pod; raises CniError.

    INVALID_CONFIG for a kubeconfig that cannot mean anything.  TRY_AGAIN_LATER for everything
    else, a refusal included: the pod may be one of the mesh, so it must not start without rules,
    and what keeps us from knowing (a server that is down, a token that is being renewed, a file
    that is being written) is expected to pass.
    """
    from kuma_cni.kubernetes.api import ApiError

    try:
        return pod_facts(_api(netconf.kubeconfig).pod(lookup.namespace, lookup.name))
    except ApiError as problem:
        told = f"cannot tell whether {lookup.namespace}/{lookup.name} belongs to the mesh"
        raise CniError(TRY_AGAIN_LATER, told, str(problem)) from problem


def _api(kubeconfig: str) -> Api:
    from kuma_cni.kubernetes.api import Api
    from kuma_cni.kubernetes.kubeconfig import load_kubeconfig

    if not kubeconfig:
        told = "the runtime sent no annotations, and no kubeconfig is named to look them up"
        raise CniError(INVALID_CONFIG, told, "kubernetes.kubeconfig is empty")
    try:
        return Api(load_kubeconfig(kubeconfig))
    except ConfigError as problem:
        told = "the kubeconfig cannot be used"
        raise CniError(INVALID_CONFIG, told, str(problem)) from problem
    except OSError as problem:
        told = "the kubeconfig cannot be read"
        raise CniError(TRY_AGAIN_LATER, told, f"{kubeconfig}: {problem.strerror}") from problem


def pod_facts(pod: Mapping[str, Plain]) -> FetchedPod:
    """Return what the decision needs of a pod as the API writes it."""
    metadata, spec = pod.get("metadata"), pod.get("spec")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    kept = annotations.items() if isinstance(annotations, dict) else ()
    return FetchedPod(
        annotations={key: value for key, value in kept if isinstance(value, str)},
        containers=_names(spec, "containers"),
        init_containers=_names(spec, "initContainers"),
    )


def _names(spec: Plain, key: str) -> tuple[str, ...]:
    listed = spec.get(key) if isinstance(spec, dict) else None
    entries = listed if isinstance(listed, list) else []
    names = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    return tuple([name for name in names if isinstance(name, str)])
