"""What becomes of a pod's packets once the plugin has been called, as its annotations say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.attaching import Attached, state
from lab.cases_plugin import PODS, Pod
from lab.rows import check_rows, parse_rows
from lab.topology import Lab

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("pod", PODS, ids=str)
def test_packets_land_where_the_annotations_promise(pod: Pod, tmp_path: Path) -> None:
    with Lab() as lab:
        attached = Attached(tmp_path, lab.app, pod.annotations, dns_servers=pod.servers or None)
        attached.add()
        check_rows(lab, parse_rows(pod.rows))
        before = state(lab.app)[0]
        assert attached.drift() == ""
        attached.add()
        assert state(lab.app)[0] == before
        first = attached.lines()[0]
        assert first["level"] == ("warning" if pod.notes else "info")
        assert [word for word in pod.notes if word not in str(first.get("notes"))] == []


def test_after_del_everything_goes_where_it_was_sent(tmp_path: Path) -> None:
    with Lab() as lab:
        attached = Attached(tmp_path, lab.app, PODS[0].annotations)
        empty = state(lab.app)[1:]
        attached.add()
        attached.delete()
        assert state(lab.app)[1:] == empty
        table = """
            workload     tcp world:80        -> direct
            workload     udp world:53        -> direct
            remote       tcp self:8080       -> direct
        """
        check_rows(lab, parse_rows(table))
