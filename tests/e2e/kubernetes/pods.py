"""Pods as Kuma's injector leaves them, and others; their containers are ours.

Two generations: the injector of Kuma 2 wrote an annotation for each setting, that of Kuma 3 writes
the whole configuration into one; each writes what ``kuma-init`` would be told, though with CNI
there is none.  In both the container ``kuma-validation`` proves the capture before anything else
starts, and the sidecar is an init container that stays (Kubernetes 1.29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from e2e.kubernetes.node import WORKLOAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIDECAR = 5678
APPLICATION, EXCLUDED_INBOUND, EXCLUDED_OUTBOUND = 8080, 9999, 3306

BOTH = {
    "k8s.v1.cni.cncf.io/networks": "kuma-cni",
    "kubectl.kubernetes.io/default-container": "app",
    "kuma.io/application-probe-proxy-port": "9001",
    "kuma.io/envoy-admin-port": "9901",
    "kuma.io/sidecar-injected": "true",
    "kuma.io/transparent-proxying-ip-family-mode": "dualstack",
    "kuma.io/virtual-probes": "disabled",
    "traffic.kuma.io/exclude-outbound-ports": f"{EXCLUDED_OUTBOUND}",
}
SINGLE = BOTH | {
    "kuma.io/builtin-dns": "enabled",
    "kuma.io/builtin-dns-logging": "false",
    "kuma.io/builtin-dns-port": "15053",
    "kuma.io/sidecar-uid": f"{SIDECAR}",
    "kuma.io/transparent-proxying": "enabled",
    "kuma.io/transparent-proxying-inbound-port": "15006",
    "kuma.io/transparent-proxying-outbound-port": "15001",
    "traffic.kuma.io/exclude-inbound-ports": f"{EXCLUDED_INBOUND},9902",
}
"""The annotations of Kuma 2, with a port excluded on each side."""
DOCUMENT = f"""\
cniMode: true
dropInvalidPackets: false
ipFamilyMode: dualstack
kumaDPUser: "{SIDECAR}"
log:
  enabled: false
  level: 7
redirect:
  dns:
    captureAll: true
    enabled: true
    port: 15053
    resolvConfigPath: /etc/resolv.conf
    skipConntrackZoneSplit: false
  inbound:
    enabled: true
    excludePorts:
    - {EXCLUDED_INBOUND}
    - 9001
    - 9902
    port: 15006
  outbound:
    enabled: true
    excludePorts:
    - {EXCLUDED_OUTBOUND}
    port: 15001
retry:
  maxRetries: 4
  sleepBetweenRetries: 2s
wait: 5
waitInterval: 0
"""
WHOLE = BOTH | {
    "traffic.kuma.io/exclude-inbound-ports": f"{EXCLUDED_INBOUND}",
    "traffic.kuma.io/transparent-proxy-config": DOCUMENT,
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
                        "fieldRef": {
                            "fieldPath": "metadata.annotations"
                            "['traffic.kuma.io/transparent-proxy-config']"
                        },
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
    if "traffic.kuma.io/transparent-proxy-config" in annotations:
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
