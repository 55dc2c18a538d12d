"""``_ssl`` of the bundle: the real one, once its libraries have been unpacked into memory.

They are asked for by nobody but who speaks to the API server, which the plugin hardly ever does,
and take 5 MB: so they lie there compressed.  The loader finds a library that is loaded already
by its soname, wherever it was loaded from; an anonymous file in memory is as good as any.  That
file has a path in /proc alone, hence without /proc there is no TLS.

What surprised us: the loader takes a path that it has met before for the same library, so the
files are kept open until all three are loaded, or they would share one descriptor's name.
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

LIBRARIES = ("libcrypto.so.3", "libssl.so.3")
"""In this order: the second needs the first."""


def _load() -> Any:  # noqa: ANN401 - an extension module has no type
    """Load the libraries and the extension module, and return that."""
    files = [_unpacked(name) for name in (*LIBRARIES, "_ssl.so")]
    *libraries, path = [f"/proc/self/fd/{file}" for file in files]
    try:
        for library in libraries:
            CDLL(library)
        loader = ExtensionFileLoader("_ssl", path)
        spec = ModuleSpec("_ssl", loader, origin=path)
        module: Any = loader.create_module(spec)
        loader.exec_module(module)
    except OSError as problem:
        raise ImportError(f"TLS needs /proc: {problem}", name="_ssl") from problem
    finally:
        for file in files:
            os.close(file)
    module.__spec__, module.__loader__ = spec, loader
    return module


def _unpacked(name: str) -> int:
    """Unpack a file into memory; return its descriptor."""
    with open(f"{sys.prefix}/tls/{name}.z", "rb") as file:  # noqa: PTH123 - pathlib costs 10 ms
        data = zlib.decompress(file.read())
    descriptor = os.memfd_create(name)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return descriptor


sys.modules["_ssl"] = _load()
