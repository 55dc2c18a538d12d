"""Reports as JSON: the fields of the record by their names, families and stamps as text."""

from __future__ import annotations

from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None


def plain(value: object) -> Plain:
    """Return a value made of what JSON knows; anything unknown becomes its text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Family():
            return str(value)
        case Record():
            return {name: plain(getattr(value, name)) for name in value.__match_args__}
        case tuple() | list():
            return [plain(item) for item in value]
        case dict():
            return {str(name): plain(item) for name, item in value.items()}
        case _:
            return str(value)


def json_text(value: object) -> str:
    """Return JSON with a newline at the end."""
    import json

    return json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n"
