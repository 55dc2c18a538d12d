"""Where runtimes put their sockets."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from kuma_cni.cri.places import USUAL, on_node, socket_path

if TYPE_CHECKING:
    from pathlib import Path


def test_an_operators_word_is_taken_as_it_is() -> None:
    assert socket_path("unix:///run/x.sock") == "/run/x.sock"
    assert socket_path("/run/x.sock") == "/run/x.sock"
    assert socket_path("unix:///var/run/x.sock", "/host/") == "/host/run/x.sock"


@pytest.mark.parametrize("usual", USUAL)
def test_the_usual_places_are_looked_at_under_a_prefix(tmp_path: Path, usual: str) -> None:
    place = tmp_path / usual.lstrip("/")
    place.parent.mkdir(parents=True)
    os.mknod(place, stat.S_IFSOCK)  # bind(2) takes a hundred letters, and this path has more
    assert socket_path("", str(tmp_path)) == str(place)


def test_what_is_no_socket_is_passed_over(tmp_path: Path) -> None:
    first = tmp_path / USUAL[0].lstrip("/")
    first.parent.mkdir(parents=True)
    first.write_text("", encoding="ascii")
    assert socket_path("", str(tmp_path)) is None


def test_a_nodes_own_paths_stay_and_links_of_it_are_followed_by_hand() -> None:
    assert on_node("/var/run/netns/x", "") == "/var/run/netns/x"
    assert on_node("/var/run/netns/x", "/host") == "/host/run/netns/x"
    assert on_node("/var/running", "/host") == "/host/var/running"
