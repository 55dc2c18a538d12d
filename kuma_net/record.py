"""Frozen, slotted value classes that cost nothing at start-up.

A CNI plugin and an init container are one short process per pod, so what they import is
counted in milliseconds.  ``dataclasses`` imports ``inspect`` and compiles source text for
every class (some 20 ms for the classes of this project); a ``Record`` is built by one small
metaclass and costs about 15 us a class.  Type checkers treat it as a dataclass (PEP 681).

What a subclass gets:

* ``__slots__`` from its annotations, defaults from its assignments, no ``__dict__``;
* a constructor by position and by name that refuses missing and unknown fields;
* equality and hash by class and value; fields named in ``_incidental`` do not take part
  (where a value came from does not make it another value);
* ``__match_args__``, so ``case Redirect(port):`` works;
* frozenness: ``__setattr__`` raises ``AttributeError``; ``replace`` gives a changed copy.

What surprised us: ``ClassVar`` annotations are plain strings here (the modules import
``annotations`` from ``__future__``), so they are told apart by their text; and a subclass may
do work after construction in ``__post_init__``, where ``object.__setattr__`` is the only way
to write.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

    T = TypeVar("T", bound="Record")
else:

    def dataclass_transform(**_):  # noqa: ANN003, ANN201 - typing has the types
        """Stand in for typing's at run time: it leaves a class as it is."""
        return lambda cls: cls


class _RecordType(type):
    """Builds a record class: slots, defaults and match arguments from the annotations."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        inherited: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            inherited += getattr(base, "__match_args__", ())
            defaults |= getattr(base, "_defaults", {})
        own: tuple[str, ...] = ()
        for field, kind in namespace.get("__annotations__", {}).items():
            if kind[:8] != "ClassVar":
                if field in namespace:
                    defaults[field] = namespace.pop(field)
                if field not in inherited:
                    own += (field,)
        namespace["__slots__"] = own
        namespace["__match_args__"] = fields = inherited + own
        namespace["_defaults"] = defaults
        cls = super().__new__(mcs, name, bases, namespace)
        incidental = cls._incidental  # type: ignore[attr-defined]
        if incidental:
            fields = tuple([field for field in fields if field not in incidental])
        cls._compared = fields  # type: ignore[attr-defined]
        return cls


_set = object.__setattr__
_MISSING: Any = object()


@dataclass_transform(frozen_default=True)
class _Transform(_RecordType):
    """The metaclass as type checkers see it."""


class Record(metaclass=_Transform):
    """A frozen value; subclass it and annotate the fields."""

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    _compared: ClassVar[tuple[str, ...]] = ()
    _incidental: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set every field; ``TypeError`` names fields missing, unknown or given twice."""
        names = self.__match_args__
        if kwargs or len(args) != len(names):
            defaults = self._defaults
            rest = [
                kwargs.pop(field) if field in kwargs else defaults.get(field, _MISSING)
                for field in names[len(args) :]
            ]
            if kwargs or _MISSING in rest or len(args) > len(names):
                self._refuse(args, kwargs, rest)
            args += tuple(rest)
        for field, value in zip(names, args, strict=True):
            _set(self, field, value)
        self.__post_init__()

    def _refuse(self, args: tuple[Any, ...], left: dict[str, Any], rest: list[Any]) -> None:
        """Say which fields are missing, unknown or given twice."""
        names = self.__match_args__
        after = names[len(args) :]
        missing = [field for field, value in zip(after, rest, strict=True) if value is _MISSING]
        unknown = sorted(left.keys() - set(names))
        twice = sorted(left.keys() & set(names))
        message = (
            f"{type(self).__name__} takes {len(names)} fields: missing {missing}, "
            f"unknown {unknown}, twice {twice}, {len(args)} by position"
        )
        raise TypeError(message)

    def __post_init__(self) -> None:
        """Check or complete the fields; subclasses override."""

    @classmethod
    def of_columns(cls, *columns: Sequence[Any]) -> list[Self]:
        """Return many records at once: one column for each field, all of one length.

        For classes without a ``__post_init__`` of their own.  No Python code runs for a single
        record (the slots' own setters do the work): ten thousand cost 3 ms instead of 12.
        ``ValueError`` when a column is longer than another, or missing.
        """
        if len(columns) != len(cls.__match_args__) or len({len(one) for one in columns}) > 1:
            message = f"{cls.__name__} takes {len(cls.__match_args__)} columns of one length"
            raise ValueError(message)
        made = [cls.__new__(cls) for _ in columns[0]]
        for field, column in zip(cls.__match_args__, columns, strict=True):
            any(map(getattr(cls, field).__set__, made, column))  # setters return None: all run
        return made

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: records are frozen."""
        message = f"{type(self).__name__} is frozen: cannot set {name}"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        """Refuse: records are frozen."""
        message = f"{type(self).__name__} is frozen: cannot delete {name}"
        raise AttributeError(message)

    def _key(self) -> tuple[object, ...]:
        return tuple([getattr(self, field) for field in self._compared])

    def __eq__(self, other: object) -> bool:
        """Equal: same class, same compared fields."""
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        """Hash of class and compared fields."""
        return hash((type(self), self._key()))

    def __repr__(self) -> str:
        """``Class(field=value, ...)`` of the compared fields: equal values print equal text."""
        fields = ", ".join([f"{field}={getattr(self, field)!r}" for field in self._compared])
        return f"{type(self).__name__}({fields})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle and copy by position."""
        return type(self), tuple([getattr(self, field) for field in self.__match_args__])

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``; ``TypeError`` for an unknown field."""
        values = {field: getattr(self, field) for field in self.__match_args__}
        return type(self)(**(values | changes))
