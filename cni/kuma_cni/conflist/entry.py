"""Our entry in a list of plugins: Kuma's fields, and ours beside them.

Kuma's Helm chart hands the entry over as JSON (``CNI_NETWORK_CONFIG``), with placeholders for what
only the installer knows.  They are replaced inside the texts of the parsed value, never in the
raw text: what is put in cannot end a string.  What the chart does not know is added, what it says
is kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kuma_cni.conflist.network import PLUGIN
from kuma_net.record import Record
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.conflist.network import Content

KUBECONFIG: Final = "__KUBECONFIG_FILEPATH__"
TOKEN: Final = "__SERVICEACCOUNT_TOKEN__"  # noqa: S105 - a placeholder, no secret
CAPABILITIES: Final = {"io.kubernetes.cri.pod-annotations": True, "dns": True}
"""What we want a runtime to send: the pod's annotations (containerd >= 1.6, CRI-O), its DNS."""
_RIGHT: Final = 'write an object of JSON with "type": "kuma-cni"'


class Facts(Record):
    """What goes into an entry.  Paths are the node's; an empty text leaves its key out.

    But for ``log_file`` and ``log_socket``: without the key the plugin takes its own default, so
    none is said.
    """

    kubeconfig: str = ""
    token: str = ""
    namespace: str = ""
    exclude_namespaces: tuple[str, ...] = ()
    bin_dir: str = ""
    log_level: str = "info"
    log_file: str = ""
    log_socket: str = ""
    state_dir: str = ""


def default_entry(facts: Facts) -> Content:
    """Return the entry where nobody hands one over."""
    kubernetes = {"kubeconfig": facts.kubeconfig, "cni_bin_dir": facts.bin_dir}
    entry = {
        "name": PLUGIN,
        "type": PLUGIN,
        "kubernetes": {key: value for key, value in kubernetes.items() if value},
    }
    return _completed(entry, facts)


def given_entry(text: str, facts: Facts) -> Content:
    """Return the entry that Kuma's chart gives, completed; raises ``Malformed``."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(_piece(text), f"not JSON: {error}", _RIGHT) from None
    if not isinstance(entry, dict) or entry.get("type") != PLUGIN:
        raise Malformed(_piece(text), "not an entry of our plugin", _RIGHT)
    for key in ("kubernetes", "capabilities"):
        if not isinstance(entry.get(key, {}), dict):
            raise Malformed(_piece(text), f'its "{key}" is no object', _RIGHT)
    filled: dict[str, Any] = _filled(entry, {KUBECONFIG: facts.kubeconfig, TOKEN: facts.token})
    return _completed(filled, facts)


def _piece(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= 40 else f"{text[:40]}..."  # noqa: PLR2004 - enough to find it


def _filled(value: Any, texts: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON is of any type
    """Return a value with the placeholders in its texts replaced."""
    if isinstance(value, dict):
        return {key: _filled(one, texts) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, texts) for one in value]
    if isinstance(value, str):
        for placeholder, text in texts.items():
            value = value.replace(placeholder, text)
    return value


def _completed(entry: Mapping[str, Any], facts: Facts) -> Content:
    """Add what is not said; what is said counts."""
    ours = {
        "log_level": facts.log_level,
        "log_file": facts.log_file,
        "log_socket": facts.log_socket,
    }
    if facts.state_dir:
        ours["state_dir"] = facts.state_dir
    added = {key: text for key, text in ours.items() if key not in entry}
    kubernetes = dict(entry.get("kubernetes", {}))
    if facts.exclude_namespaces:
        kubernetes.setdefault("exclude_namespaces", list(facts.exclude_namespaces))
    if facts.namespace:
        kubernetes.setdefault("namespace", facts.namespace)
    capabilities = CAPABILITIES | entry.get("capabilities", {})
    return {**entry, "capabilities": capabilities, "kubernetes": kubernetes, **added}
