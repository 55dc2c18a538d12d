"""Connections that slip through while the rules are replaced again and again.

A client connects without pause to a neighbour; the sidecar's stand-in answers ``c``, the
neighbour itself ``r``.  Meanwhile the rules are replaced by ones of another configuration, a
hundred times or more.  Whatever is not answered by ``c`` was not captured.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections import Counter

from connections import RESET_ON_CLOSE
from measuring import OUTBOUND_PORT, enter_namespace, install, milliseconds, report
from walk import remote

CONNECTS = 100_000
INSTALLS = 100
REMOTE_PORT = 8080


def answering(address: tuple[str, int], answer: bytes, namespace: int = 0) -> int:
    """Start a process that answers every connection with one byte; return its id."""
    ready, wait = os.pipe()
    pid = os.fork()
    if pid == 0:
        if namespace:
            enter(namespace)
        listener = socket.create_server(address, backlog=4096)
        os.write(wait, b".")
        while True:
            connection, _ = listener.accept()
            try:
                connection.send(answer)
            finally:
                connection.close()
    os.read(ready, 1)
    return pid


def enter(pid: int) -> None:
    """Enter the network namespace of a process (setns(2))."""
    import ctypes

    with open(f"/proc/{pid}/ns/net") as namespace:  # noqa: PTH123 - a descriptor is all we want
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def installing(done: int) -> int:
    """Start a process that replaces the rules until told to stop, and often enough."""
    pid = os.fork()
    if pid == 0:
        going = True

        def stop(*_: object) -> None:
            nonlocal going
            going = False

        signal.signal(signal.SIGTERM, stop)
        count = 0
        while going or count < INSTALLS:
            milliseconds(install("--exclude-outbound-ports", str(9000 + count % 7)))
            count += 1
        os.write(done, str(count).encode())
        os._exit(0)
    return pid


def connect() -> str:
    """Connect once and say who answered."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        connection.settimeout(5)
        try:
            connection.connect(("203.0.113.2", REMOTE_PORT))
            return {b"c": "captured", b"r": "not captured"}[connection.recv(1)]
        except OSError as error:
            return f"failed: {error.strerror or error}"


def main() -> int:
    """Connect while rules are replaced; return 1 when one connection was not captured."""
    enter_namespace()
    reader, writer = os.pipe()
    seen: Counter[str] = Counter()
    with remote() as pid:
        servers = [
            answering(("127.0.0.1", OUTBOUND_PORT), b"c"),
            answering(("203.0.113.2", REMOTE_PORT), b"r", pid),
        ]
        try:
            before = connect()
            milliseconds(install())
            replacer = installing(writer)
            while os.waitpid(replacer, os.WNOHANG) == (0, 0):
                seen[connect()] += 1
                if sum(seen.values()) == CONNECTS:
                    os.kill(replacer, signal.SIGTERM)
        finally:
            for server in servers:
                os.kill(server, signal.SIGKILL)
                os.waitpid(server, 0)
    installs = int(os.read(reader, 20))
    slipped = sum(seen.values()) - seen["captured"]
    what = f"uncaptured among {sum(seen.values()):,} connects during {installs} installs"
    remark = f"Without rules a connect is {before}. During: {dict(seen)}."
    good = slipped == 0 and before == "not captured" and installs >= INSTALLS
    return report([(what, "0", str(slipped), good)], remark)


if __name__ == "__main__":
    sys.exit(main())
