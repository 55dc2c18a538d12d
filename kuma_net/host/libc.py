"""Calls of the C library that Python 3.11 has no function for: setns(2), some of ioctl(2).

``ctypes`` would do it and costs 9 ms of start-up (it makes classes for every type of C); its C
half, ``_ctypes``, makes these two calls for one.  A variadic function such as ioctl is called
like any other with whole numbers as arguments, on every machine that Linux calls them by
registers.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
"""include/uapi/linux/sched.h."""
NS_GET_USERNS = 0xB701
"""Descriptor of the user namespace that owns a namespace (include/uapi/linux/nsfs.h)."""
SIOCGSKNS = 0x894C
"""Descriptor of the network namespace of a socket (include/uapi/linux/sockios.h, Linux 4.9)."""


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace of a descriptor; raises OSError."""
    _call("setns", descriptor, kind)


def ioctl(descriptor: int, request: int) -> int:
    """Return what an ioctl without an argument answers; raises OSError."""
    return _call("ioctl", descriptor, request)


def _call(name: str, *numbers: int) -> int:
    """Return what a function of the C library returns; -1 becomes the OSError of its errno."""
    from posix import strerror

    function, errno = _function(name)
    answer = function(*numbers)
    if answer == -1:
        number = errno()
        raise OSError(number, strerror(number))
    return answer


def _function(name: str) -> tuple[Callable[..., int], Callable[[], int]]:
    """Return a function of the C library that returns an int, and what tells its errno."""
    import _ctypes

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO

    library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None: what is loaded already
    return Function(_ctypes.dlsym(library, name)), _ctypes.get_errno
