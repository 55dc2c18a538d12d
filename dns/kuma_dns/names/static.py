"""Names given one by one: ``NAME=IP``, as often as there are addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.names.addresses import packed
from kuma_dns.names.gathering import Gathering, checked_key
from kuma_dns.names.source import Names
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE: Final = "flag --record"
"""What names say they come from."""


def check_record(text: str) -> tuple[str, bytes]:
    """Return a name and its packed address; ``Malformed`` if the text is no ``NAME=IP``."""
    name, equals, address = text.strip().partition("=")
    if not equals:
        raise Malformed(text, "no = in it", "write NAME=IP, for example web.mesh=240.0.0.1")
    checked_key(name.strip())
    return name.strip(), packed(address.strip())


def read_records(texts: Iterable[str], source: str = SOURCE) -> Names:
    """Return what some records say; those that are none are left out with a complaint."""
    names = Names(source)
    gathered = Gathering(names.complaints)
    for text in texts:
        try:
            name, address = check_record(text)
        except Malformed as problem:
            names.complaints.tell_malformed(text, problem)
        else:
            gathered.add(text, name, address)
    names.records = gathered.records()
    return names
