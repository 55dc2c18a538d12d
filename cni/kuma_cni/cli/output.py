"""Writing to the standard streams when nothing can be taken for granted.

A runtime may have closed them, a locale may know no more than ASCII, a reader may have gone.
"""

from __future__ import annotations


def put(descriptor: int, text: str) -> bool:
    """Write all of a text, in ASCII; whether that was possible."""
    import posix

    left = text.encode("ascii", "backslashreplace")
    try:
        while left:
            left = left[posix.write(descriptor, left) :]
    except OSError:
        return False
    return True


def plain(text: str) -> str:
    """Return one line of a text as a terminal may show it, whatever signs somebody put into it."""
    return "".join([sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text])
