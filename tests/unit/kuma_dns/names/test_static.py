"""NAME=IP."""

from __future__ import annotations

import pytest

from kuma_dns.names.static import SOURCE, check_record, read_records
from kuma_dns.wire.name import key_of
from kuma_net.values import Malformed


def test_a_record_is_a_name_and_an_address() -> None:
    assert check_record(" Web.mesh = 240.0.0.1 ") == ("Web.mesh", b"\xf0\0\0\1")
    assert check_record("web.mesh=fd00::1")[1] == b"\xfd" + bytes(14) + b"\1"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("web.mesh", "no = in it"),
        ("=240.0.0.1", "a label is empty"),
        ("web.mesh=", "not an IP address"),
        ("w b=1.2.3.4", "not the label of a host"),
    ],
)
def test_anything_else_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_record(text)
    assert refused.value.wrong == wrong


def test_several_records_of_one_name_are_several_addresses() -> None:
    names = read_records(["a.mesh=1.2.3.4", "A.mesh=1.2.3.5", "a.mesh=::1", "nonsense"])
    assert names.records == [
        (key_of("a.mesh"), b"\1\2\3\4\1\2\3\5", bytes(15) + b"\1"),
    ]
    (told,) = names.complaints.violations
    assert (names.source, told.path, told.source) == (SOURCE, "nonsense", SOURCE)
