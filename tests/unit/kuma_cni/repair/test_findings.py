"""What a round says of a pod travels as a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.repair.findings import RIGHT, Finding, read_finding


@given(st.text(), st.text(), st.text())
def test_a_finding_is_one_line_both_ways(sandbox: str, pod: str, details: str) -> None:
    finding = Finding(sandbox, pod, RIGHT, details)
    line = finding.line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_finding(line[:-1]) == finding


@pytest.mark.parametrize("line", [b"{}", b'["a"]', b'["a", "b", "c", 4]', b"7"])
def test_anything_else_is_none(line: bytes) -> None:
    with pytest.raises(ValueError, match="no finding"):
        read_finding(line)
