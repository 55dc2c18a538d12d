"""``_ssl`` of the bundle: the real one, once its libraries have been unpacked into memory.

They are asked for by nobody but who speaks to the API server, which the plugin hardly ever does,
and take 5 MB: so they lie there compressed.  The loader finds a library that is loaded already
by its soname, wherever it was loaded from; an anonymous file in memory is as good as any.  That
file has a path in /proc alone, hence without /proc there is no TLS.
"""

from __future__ import annotations

import os
import sys
import zlib
from ctypes import CDLL
from importlib.machinery import ExtensionFileLoader, ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FOLDER = f"{sys.prefix}/tls"


def _unpacked(name: str) -> str:
    """Unpack a file of the folder into memory; return the path it has there."""
    with open(f"{_FOLDER}/{name}.z", "rb") as file:  # noqa: PTH123 - pathlib costs 10 ms
        data = zlib.decompress(file.read())
    descriptor = os.memfd_create(name)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return f"/proc/self/fd/{descriptor}"


for _name in ("libcrypto.so.3", "libssl.so.3"):
    _path = _unpacked(_name)
    CDLL(_path)
    os.close(int(_path.rpartition("/")[2]))
_path = _unpacked("_ssl.so")
_loader = ExtensionFileLoader("_ssl", _path)
_spec = ModuleSpec("_ssl", _loader, origin=_path)
_real: Any = _loader.create_module(_spec)
_loader.exec_module(_real)
_real.__spec__, _real.__loader__ = _spec, _loader
sys.modules["_ssl"] = _real
