"""resolv.conf: the name servers in it, and kumactl's backup of it.

What counts as a name server line is what resolv.conf(5) and glibc (resolv/res_init.c) say: the
keyword at the very start of a line, blanks, an address; anything after the address is ignored,
and so are ``#`` and ``;`` lines.  An address with a zone (``fe80::1%eth0``) loses the zone: a rule
knows networks only.  All servers are kept, although glibc asks the first three only, as other
resolvers ask more.
"""

from __future__ import annotations

from kuma_net.tproxy.facts import DnsServers
from kuma_net.values import Malformed, Network

RESOLV_CONF = "/etc/resolv.conf"
BACKUP = "/etc/resolv.conf.kuma-backup"
"""Written by installers of old that changed resolv.conf; whoever uninstalls puts it back."""
KEYWORD = "nameserver"


def name_servers(text: str) -> tuple[Network, ...]:
    """Return the name servers in file order, each once; lines that are no address are skipped."""
    servers: list[Network] = []
    for line in text.splitlines():
        if not line.startswith(KEYWORD) or line[len(KEYWORD) :][:1] not in {" ", "\t"}:
            continue
        address = line[len(KEYWORD) :].split(maxsplit=1)
        if not address or "/" in address[0]:
            continue
        try:
            server = Network.parse(address[0].partition("%")[0])
        except Malformed:
            continue
        if server not in servers:
            servers.append(server)
    return tuple(servers)


def read(path: str = RESOLV_CONF) -> DnsServers:
    """Return the name servers of a file; where it cannot be read, ``error`` says why."""
    try:
        with open(path, encoding="utf-8", errors="replace") as resolv:  # noqa: PTH123 - lean
            return DnsServers(path, name_servers(resolv.read()))
    except OSError as problem:
        return DnsServers(path, (), problem.strerror or str(problem))


def restore_backup(backup: str = BACKUP, path: str = RESOLV_CONF, *, pretend: bool = False) -> bool:
    """Write the backup, if there is one, back over resolv.conf and remove it; True if done.

    ``pretend``: only say whether there is one.

    The contents are written into the file that is there, not renamed over it: in a container
    resolv.conf is a bind mount, which rename(2) refuses.  Raises OSError; the backup is
    removed only after the contents are safely in place.
    """
    import os

    try:
        with open(backup, "rb") as kept:  # noqa: PTH123 - lean
            contents = kept.read()
    except FileNotFoundError:
        return False
    if pretend:
        return True
    with open(path, "wb") as resolv:  # noqa: PTH123 - lean
        resolv.write(contents)
        resolv.flush()
        os.fsync(resolv.fileno())
    os.unlink(backup)  # noqa: PTH108 - lean
    return True
