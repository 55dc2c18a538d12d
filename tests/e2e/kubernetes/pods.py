"""Pods as Kuma's injector leaves them, and others; their containers are ours.

Both generations of injectors (``lab.injected``) write what ``kuma-init`` would be told, though with
CNI there is none.  In the pods of both the container ``kuma-validation`` proves the capture before
anything else starts, and the sidecar is an init container that stays (Kubernetes 1.29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from e2e.kubernetes.node import WORKLOAD
from lab.host import SIDECAR
from lab.injected import BOTH, DOCUMENT, OUTBOUND_PORT, document, single

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

APPLICATION, EXCLUDED_INBOUND, EXCLUDED_OUTBOUND = 8080, 9999, 3306

SINGLE = single(
    f"traffic.kuma.io/exclude-inbound-ports={EXCLUDED_INBOUND},9902",
    f"traffic.kuma.io/exclude-outbound-ports={EXCLUDED_OUTBOUND}",
)
"""The annotations of Kuma 2, with a port excluded on each side."""
WHOLE = BOTH | {
    "traffic.kuma.io/exclude-inbound-ports": f"{EXCLUDED_INBOUND}",
    "traffic.kuma.io/exclude-outbound-ports": f"{EXCLUDED_OUTBOUND}",
    DOCUMENT: document(
        ("ipFamilyMode:", "dropInvalidPackets: false\nipFamilyMode:"),
        ("redirect:\n", "log:\n  enabled: false\n  level: 7\nredirect:\n"),
        ("    - 9001\n", f"    - {EXCLUDED_INBOUND}\n    - 9001\n"),
        (OUTBOUND_PORT, f"    excludePorts:\n    - {EXCLUDED_OUTBOUND}\n{OUTBOUND_PORT}"),
    ),
}
"""The annotations of Kuma 3, the same configuration."""
GENERATIONS = {"single": SINGLE, "whole": WHOLE}


def plain_pod(name: str, command: Sequence[str], namespace: str = "default") -> dict[str, Any]:
    """Return a pod outside the mesh that runs the workload's verb ``command`` once."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [container("app", command)],
        },
    }


def mesh_pod(
    name: str,
    command: Sequence[str],
    annotations: Mapping[str, str] = SINGLE,
    before: Sequence[dict[str, Any]] = (),
    validated_by: str = "",
) -> dict[str, Any]:
    """Return a pod of the mesh.

    ``before`` are init containers that come before all others; ``validated_by`` is the image of
    ``kuma-validation``, which is left out without one.
    """
    pod = plain_pod(name, command)
    pod["metadata"]["annotations"] = dict(annotations)
    pod["metadata"]["labels"] = {"kuma.io/mesh": "default"}
    validation = [_validation(validated_by, annotations)] if validated_by else []
    pod["spec"]["initContainers"] = [*before, *validation, _sidecar()]
    pod["spec"]["volumes"] = [
        {"name": "kuma-sidecar-tmp", "emptyDir": {"sizeLimit": "10M"}},
        {
            "name": "transparent-proxy-base",
            "downwardAPI": {
                "items": [
                    {
                        "path": "config.yaml",
                        "fieldRef": {"fieldPath": f"metadata.annotations['{DOCUMENT}']"},
                    }
                ]
            },
        },
    ]
    return pod


def container(name: str, command: Sequence[str], user: int | None = None) -> dict[str, Any]:
    """Return a container of the workload's image."""
    words = ["/workload", *command]
    made: dict[str, Any] = {"name": name, "image": WORKLOAD, "command": words}
    if user is not None:
        made["securityContext"] = {"runAsUser": user, "runAsGroup": user}
    return made


def _unprivileged() -> dict[str, Any]:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": SIDECAR,
        "runAsUser": SIDECAR,
    }


def _validation(image: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"mountPath": "/tmp", "name": "kuma-sidecar-tmp"}]
    args = ["--config-file=/tmp/.kumactl"]
    if DOCUMENT in annotations:
        base = "/tmp/transparent-proxy/base"
        mounts.append({"mountPath": base, "name": "transparent-proxy-base", "readOnly": True})
        args.append(f"--transparent-proxy-config={base}/config.yaml")
    else:
        args += ["--ip-family-mode=dualstack", "--validation-server-port=15006"]
    return {
        "name": "kuma-validation",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/kumactl", "install", "transparent-proxy-validator"],
        "args": args,
        "securityContext": _unprivileged(),
        "resources": {
            "limits": {"memory": "50M"},
            "requests": {"cpu": "20m", "memory": "20M"},
        },
        "volumeMounts": mounts,
    }


def _sidecar() -> dict[str, Any]:
    ready = {"httpGet": {"path": "/ready", "port": 9902}, "periodSeconds": 1}
    return {
        **container("kuma-sidecar", ["sidecar"]),
        "restartPolicy": "Always",
        "securityContext": _unprivileged(),
        "readinessProbe": ready,
        "startupProbe": ready | {"failureThreshold": 30},
    }
