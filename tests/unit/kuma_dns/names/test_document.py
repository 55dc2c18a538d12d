"""Kuma's DNS document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.addresses import each_text
from kuma_dns.names.document import LONGEST_EXTRA_LABEL, MOST_EXTRA_LABELS, read_document
from kuma_dns.names.source import Names
from kuma_dns.names.table import MOST_ADDRESSES
from kuma_dns.wire.name import key_of, text_of
from kuma_net.errors import ConfigError
from lab.messages import keys

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "ips", "records", "ttl", "x"]), inner)
    ),
    max_leaves=8,
)


def read(value: object) -> Names:
    return read_document(json.dumps(value), "file x")


def refusals(text: str) -> list[str]:
    """Return why a text is refused, each as path and what is wrong."""
    with pytest.raises(ConfigError) as refused:
        read_document(text, "file x")
    assert {violation.source for violation in refused.value.violations} == {"file x"}
    return [f"{violation.path}: {violation.wrong}" for violation in refused.value.violations]


def complaints(names: Names) -> list[str]:
    return [f"{told.path}: {told.wrong}" for told in names.complaints.violations]


def test_a_document_gives_names_ttl_and_labels() -> None:
    names = read(
        {
            "records": [
                {"name": "X.mesh.", "ips": ["240.0.0.0", "::ffff:f000:0"]},
                {"ips": None, "name": "y.mesh", "unknown": [{"name": 1}]},
            ],
            "ttl": 60,
            "extraLabels": {"zone": "east"},
            "unknown": {"records": 3},
        }
    )
    assert names.records == [
        (key_of("x.mesh"), b"\xf0\0\0\0", bytes(10) + b"\xff\xff\xf0\0\0\0"),
        (key_of("y.mesh"), b"", b""),
    ]
    assert (names.ttl, names.labels, complaints(names)) == (60, {"zone": "east"}, [])


@pytest.mark.parametrize(
    "text", ['{"records":null}', '{"records":[],"ttl":null,"extraLabels":null}']
)
def test_null_is_an_empty_list_as_go_writes_it(text: str) -> None:
    names = read_document(text, "file x")
    assert (names.records, names.ttl, names.labels) == ([], None, {})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "document: not JSON: Expecting value at line 1, column 1"),
        ('{"records": [\n[3', "document: not JSON: Expecting ',' delimiter at line 2, column 3"),
        ("[]", "document: a list, not an object"),
        ("null", "document: null, not an object"),
        ('{"records": [], "ttl": NaN}', "document: not JSON: NaN is no value"),
        ("[" * 100_000, "document: nested too deeply"),
        ("{}", "records: missing"),
        ('{"records": {}}', "records: an object, not a list"),
        ('{"records": [], "ttl": true}', "ttl: no number of seconds"),
        ('{"records": [], "ttl": -1}', "ttl: no number of seconds"),
        ('{"records": [], "ttl": 2147483648}', "ttl: no number of seconds"),
        ('{"records": [], "ttl": 30.5}', "ttl: no number of seconds"),
        ('{"records": [], "extraLabels": []}', "extraLabels: a list, not an object"),
        ('{"records": [], "extraLabels": {"a": 1}}', "extraLabels['a']: a number, not a text"),
        ('{"records": [], "records": []}', "document: the key 'records' stands in it twice"),
    ],
)  # fmt: skip
def test_a_document_of_another_shape_is_refused(text: str, wrong: str) -> None:
    assert refusals(text) == [wrong]


def test_a_number_of_thousands_of_digits_is_no_json() -> None:
    (told,) = refusals(f'{{"records": [], "ttl": {"9" * 5000}}}')
    assert told.startswith("document: not JSON: Exceeds the limit")


def test_all_violations_of_the_shape_are_told_with_index_and_key() -> None:
    text = """{"ttl": "30", "records": [
        {"name": "a.mesh", "ips": ["240.0.0.1"]}, 3, {"ips": []}, {"name": false, "ips": "x"},
        {"name": "b.mesh", "ips": ["240.0.0.1", 7, null]}, {"name": "c", "name": "d"}, "e", [null]
    ]}"""
    assert refusals(text) == [
        "ttl: no number of seconds",
        "records[1]: a number, not an object",
        "records[2].name: missing",
        "records[3].ips: a text, not a list",
        "records[3].name: true or false, not a text",
        "records[4].ips[1]: a number, not a text",
        "records[4].ips[2]: null, not a text",
        "records[5]: the key 'name' stands in it twice",
        "records[6]: a text, not an object",
        "records[7]: a list, not an object",
    ]


def test_names_and_addresses_that_are_none_are_left_out_and_told() -> None:
    names = read(
        {
            "records": [
                {"name": "good.mesh", "ips": ["240.0.0.1", "240.0.0.256", "::ffff:1.2.3.4", ""]},
                {"name": "b d.mesh", "ips": ["240.0.0.2"]},
                {"name": "\ud800.mesh", "ips": ["240.0.0.3"]},
                {"name": ".".join("a" * 33), "ips": []},
            ]
        }
    )
    assert names.records == [(key_of("good.mesh"), b"\xf0\0\0\1", b"")]
    assert complaints(names) == [
        "records[0].ips[1]: not an IP address",
        "records[0].ips[2]: with dots in it, it is taken for IPv4",
        "records[0].ips[3]: not an IP address",
        "records[1].name: not the label of a host",
        "records[2].name: not the label of a host",
        "records[3].name: more than 32 labels",
    ]


def test_of_too_many_addresses_as_many_are_served_as_there_is_room_for() -> None:
    ips = [f"10.0.{number // 256}.{number % 256}" for number in range(MOST_ADDRESSES + 2)]
    names = read({"records": [{"name": "a.mesh", "ips": [*ips, "::1"]}]})
    ((_, ipv4, _),) = names.records
    assert len(ipv4) == 4 * MOST_ADDRESSES
    assert complaints(names) == ["records[0].ips[255]: more than 255 of one family"]


def test_labels_that_no_metric_can_carry_are_left_out_and_told() -> None:
    labels = {"good_1": "grün", "bad-name": "x", "ü": "x", "bad": "a\nb", "long": "x" * 1025}
    labels |= {"n" * (LONGEST_EXTRA_LABEL + 1): "x"}
    names = read({"records": [], "extraLabels": labels})
    assert names.labels == {"good_1": "grün"}
    told = [violation.wrong for violation in names.complaints.violations]
    assert sorted(told) == ["no name of a label"] * 3 + ["no text of a label"] * 2


def test_too_many_labels_refuse_the_document() -> None:
    labels = {f"label{number}": "" for number in range(MOST_EXTRA_LABELS + 1)}
    text = json.dumps({"records": [], "extraLabels": labels})
    assert refusals(text) == ["extraLabels: 65 of them"]


def test_a_document_that_looks_like_a_record_is_a_document() -> None:
    names = read({"name": "x", "ips": [], "records": [{"name": "a.mesh", "ips": ["1.2.3.4"]}]})
    assert names.records == [(key_of("a.mesh"), b"\1\2\3\4", b"")]


@given(
    st.lists(
        st.tuples(
            keys(),
            st.lists(st.binary(min_size=4, max_size=4), max_size=10).map(b"".join),
            st.lists(st.binary(min_size=16, max_size=16), max_size=10).map(b"".join),
        )
    ),
    st.booleans(),
)
def test_records_come_back_as_they_were_written(
    records: list[tuple[bytes, bytes, bytes]], upper: bool
) -> None:
    written = [{"name": text_of(key), "ips": each_text(ipv4, ipv6)} for key, ipv4, ipv6 in records]
    text = json.dumps({"records": written})
    names = read_document(
        text.upper().replace("RECORDS", "records").replace("NAME", "name").replace("IPS", "ips")
        if upper
        else text,
        "file x",
    )
    assert names.records == records


def is_read(text: str) -> bool:
    """Whether a document is read; the only other way out is that it is refused, with reasons."""
    try:
        names = read_document(text, "file x")
    except ConfigError as refused:
        if not refused.violations:
            raise
        return False
    return names.source == "file x"


@given(plain)
def test_any_json_is_read_or_refused_but_never_an_error(value: object) -> None:
    for document in (value, {"records": value}, {"records": [value], "ttl": value}):
        is_read(json.dumps(document))
    assert is_read(json.dumps({"records": [], "x": value}))


@given(st.text(alphabet='{}[]":,recodsnamip0123. \\', max_size=60))
def test_any_text_is_read_or_refused_but_never_an_error(text: str) -> None:
    is_read(text)
