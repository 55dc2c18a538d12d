"""Records: construction, equality, frozenness, inheritance, copies."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import pytest

from kuma_net.record import Record


class Point(Record):
    """A value with a default."""

    x: int
    y: int = 0


class Named(Point):
    """A subclass that adds a field nobody compares."""

    note: str = ""

    LIMIT: ClassVar[int] = 3
    _incidental: ClassVar[tuple[str, ...]] = ("note",)


class Shifted(Point):
    """A subclass that gives an inherited field a default of its own."""

    y: int = 7


class Positive(Record):
    """A value that checks itself."""

    amount: int

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError(self.amount)


def test_fields_are_given_by_position_by_name_or_by_default() -> None:
    assert Point(1, 2) == Point(1, y=2) == Point(y=2, x=1)
    assert Point(1).y == 0
    assert Named(1, 2, "here").note == "here"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(TypeError, match=r"missing \['x'\]"):
        Point()  # type: ignore[call-arg]


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(TypeError, match=r"unknown \['z'\]"):
        Point(1, z=3)  # type: ignore[call-arg]


def test_a_field_given_twice_is_named() -> None:
    with pytest.raises(TypeError, match=r"twice \['x'\]"):
        Point(1, x=2)  # type: ignore[misc]


def test_too_many_positions_are_refused() -> None:
    with pytest.raises(TypeError, match="3 by position"):
        Point(1, 2, 3)  # type: ignore[call-arg]


def test_class_variables_are_no_fields() -> None:
    assert Named.__match_args__ == ("x", "y", "note")
    assert Named.LIMIT == 3


def test_a_redeclared_field_changes_its_default_only() -> None:
    assert Shifted.__match_args__ == ("x", "y")
    assert Shifted(1) == Shifted(1, 7)


def test_equality_is_of_class_and_value() -> None:
    assert Point(1, 2) != Point(2, 1)
    assert Point(1, 7) != Shifted(1, 7)
    assert Point(1, 2) != (1, 2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert len({Point(1, 2), Point(1, 2), Shifted(1, 2)}) == 2


def test_incidental_fields_make_no_other_value() -> None:
    assert Named(1, 2, "here") == Named(1, 2, "there")
    assert hash(Named(1, 2, "here")) == hash(Named(1, 2, "there"))
    assert repr(Named(1, 2, "here")) == "Named(x=1, y=2)"


def test_records_are_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is frozen: cannot set x"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Point is frozen: cannot delete x"):
        del point.x
    with pytest.raises(AttributeError):
        setattr(point, "z", 2)  # noqa: B010 - the type checker knows better
    assert not hasattr(point, "__dict__")


def test_replace_gives_a_changed_copy() -> None:
    point = Point(1, 2)
    assert point.replace(y=3) == Point(1, 3)
    assert point == Point(1, 2)
    with pytest.raises(TypeError, match=r"unknown \['z'\]"):
        point.replace(z=3)


def test_records_survive_copying_and_pickling() -> None:
    named = Named(1, 2, "here")
    for twin in (copy.copy(named), copy.deepcopy(named), pickle.loads(pickle.dumps(named))):  # noqa: S301 - our own
        assert twin == named
        assert twin.note == "here"


def test_records_are_matched_by_position() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_a_record_may_check_itself() -> None:
    assert Positive(1).amount == 1
    with pytest.raises(ValueError, match="-1"):
        Positive(-1)


def test_many_records_are_made_from_columns() -> None:
    assert Point.of_columns([1, 2], (3, 4)) == [Point(1, 3), Point(2, 4)]
    assert Named.of_columns([1], [2], ["here"])[0].note == "here"
    assert Point.of_columns([], []) == []


def test_columns_must_be_complete_and_of_one_length() -> None:
    for columns in (([1],), ([1], [2, 3]), ([1], [2], [3])):
        with pytest.raises(ValueError, match="Point takes 2 columns of one length"):
            Point.of_columns(*columns)
