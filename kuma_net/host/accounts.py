"""The sidecar's account: a numeric user id, which is all that a rule ever holds.

``/etc/passwd`` is read first and NSS is asked only for what is not in it: NSS may go to the
network (LDAP, cloud log-ins), and a pod whose traffic is just being captured then waits for a
minute.  What both find is the same account, as ``files`` comes first in every usual
nsswitch.conf(5).
"""

from __future__ import annotations

from kuma_net.tproxy.facts import Account
from kuma_net.tproxy.plan import USERADD
from kuma_net.values import HIGHEST_ID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.host.commands import CommandResult

DEFAULT_UID = 5678
DEFAULT_NAME = "kuma-dp"
LONGEST_NUMBER = len(str(HIGHEST_ID))
PASSWD = "/etc/passwd"  # noqa: S105 - a file of accounts without passwords


def find(user: str, *, lenient: bool = False, passwd: str = PASSWD) -> Account | None:
    """Return the account that ``user`` (a name, a number, or empty) means, or None.

    Empty: user id 5678, then the name ``kuma-dp``.  With ``lenient`` (dry run) a number needs no
    account, and empty means 5678 where neither exists.
    """
    text = _read(passwd)
    if user:
        uid = _number(user)
        if uid is None:
            return _by_name(user, text)
        return _by_uid(uid, text) or (Account(uid, "number given") if lenient else None)
    found = _by_uid(DEFAULT_UID, text) or _by_name(DEFAULT_NAME, text)
    if found is None and lenient:
        return Account(DEFAULT_UID, "default number")
    return found


def verbatim(user: str, passwd: str = PASSWD) -> Account | None:
    """Return what ``user`` means to a CNI plugin: a number as it is, empty always 5678.

    The accounts of the node are not those of the pod, so only a name is looked up there.
    """
    uid = DEFAULT_UID if not user else _number(user)
    if uid is None:
        return find(user, passwd=passwd)
    return Account(uid, "number given" if user else "default number")


def create(run: Callable[[list[str]], CommandResult], passwd: str = PASSWD) -> Account | None:
    """Make the account ``kuma-dp`` by useradd(8) unless it exists; return it.

    Raises MissingExecutable and CommandError as ``run`` does.
    """
    found = find("", passwd=passwd)
    if found is None:
        run(USERADD.split())
        found = find("", passwd=passwd)
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as passwd:  # noqa: PTH123 - lean
            return passwd.read()
    except OSError:
        return ""


def _number(user: str) -> int | None:
    digits = user.isascii() and user.isdigit() and len(user) <= LONGEST_NUMBER
    return int(user) if digits and int(user) <= HIGHEST_ID else None


def _by_uid(uid: int, passwd: str) -> Account | None:
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(uid):  # noqa: PLR2004 - name:password:uid
            return Account(uid, f"UID {uid} ({fields[0]})")
    import pwd

    try:
        return Account(uid, f"UID {uid} ({pwd.getpwuid(uid).pw_name})")
    except KeyError:
        return None


def _by_name(name: str, passwd: str) -> Account | None:
    for line in passwd.splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 2 and fields[2].isdigit():  # noqa: PLR2004 - as above
            return Account(int(fields[2]), f"user {name}")
    import pwd

    try:
        return Account(pwd.getpwnam(name).pw_uid, f"user {name}")
    except (KeyError, ValueError):  # ValueError: a zero byte in the name
        return None
