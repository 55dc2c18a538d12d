"""The plugin's kubeconfig: how it reaches the API server where a runtime sends no annotations.

Cluster, user and context have Kuma's names.  It is written as JSON, which every reader of
kubeconfigs takes (YAML contains it) and which costs the plugin nothing to read.

The token of a projected volume is rotated (when 80 % of its hour are over); with an old one the
plugin is refused.  So the file is written anew whenever the token's file changes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuma_cni.installer.files import as_host_error
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from kuma_cni.installer.files import Folder
    from kuma_cni.installer.settings import Settings

LARGEST_TOKEN: Final = 1 << 16


def read_token(settings: Settings) -> str:
    """Return the service account's token; raises HostError."""
    with (
        as_host_error(f"the token {settings.token_file}"),
        Path(settings.token_file).open() as file,
    ):
        token = file.read(LARGEST_TOKEN).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise HostError(f"the token {settings.token_file}: is none")
    return token


def kubeconfig_text(settings: Settings, token: str, authority: bytes) -> bytes:
    """Return the file's bytes."""
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    cluster = {
        "server": f"{settings.api_protocol}://{host}:{settings.api_port}",
        "certificate-authority-data": b64encode(authority).decode(),
    }
    context = {"cluster": "local", "user": "kuma-cni"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "kuma-cni", "user": {"token": token}}],
        "contexts": [{"name": "kuma-cni-context", "context": context}],
        "current-context": "kuma-cni-context",
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def refresh_kubeconfig(settings: Settings, folder: Folder) -> bool:
    """Write the kubeconfig unless it says all this already; whether it was written.

    Raises HostError: no token, no authority, no room.  Without an API server there is none.
    """
    if not settings.api_host:
        return False
    token = read_token(settings)
    with as_host_error(f"the authority {settings.ca_file}"):
        authority = Path(settings.ca_file).read_bytes()
    text = kubeconfig_text(settings, token, authority)
    if folder.read(settings.kubeconfig_name) == text:
        return False
    with as_host_error(f"{folder.path}/{settings.kubeconfig_name}"):
        folder.write(settings.kubeconfig_name, text)
    return True
