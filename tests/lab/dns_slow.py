"""A name server of the loopback interface that answers when it is told to."""

from __future__ import annotations

from kuma_dns.resolve.servers import Server
from kuma_dns.server.listening import listen


class SlowServer:
    """Answers one query at a time, each when ``answer_one`` is called."""

    def __init__(self) -> None:
        """Listen at a free port."""
        self._bound = listen([Server("127.0.0.1", 0)], asked=True).bound[0]
        self._bound.udp.settimeout(10)
        self.place = str(self._bound.place)

    def answer_one(self) -> None:
        """Answer the next query: there is no such name."""
        asked, peer = self._bound.udp.recvfrom(2000)
        header = asked[:2] + bytes((asked[2] | 0x80, 0x83)) + asked[4:]
        self._bound.udp.sendto(header, peer)

    def close(self) -> None:
        """Close both sockets."""
        self._bound.udp.close()
        self._bound.tcp.close()
