"""How single variables are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.installer import options
from kuma_cni.installer.options import Endpoint
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD: list[tuple[Callable[[str], Any], str, object]] = [
    (options.read_bool, "True", True),
    (options.read_bool, "1", True),
    (options.read_bool, "F", False),
    (options.read_bool, "off", False),
    (options.read_seconds, "5", 5.0),
    (options.read_seconds, " 0.25 ", 0.25),
    (options.read_seconds, ".5", 0.5),
    (options.read_name, "10-calico.conflist", "10-calico.conflist"),
    (options.read_path, "/etc/cni/net.d/", "/etc/cni/net.d"),
    (options.read_path, "/", "/"),
    (options.read_path_or_none, "off", ""),
    (options.read_path_or_none, "/a", "/a"),
    (options.read_paths, "/a, /b,", ("/a", "/b")),
    (options.read_words, "kube-system, b", ("kube-system", "b")),
    (options.read_level, "WARN", "warn"),
    (options.read_protocol, "HTTP", "http"),
    (options.read_port, "443", "443"),
    (options.read_port, "", ""),
    (options.read_host, "[fd00::1]", "fd00::1"),
    (options.read_host, "api.example", "api.example"),
    (options.read_host, "", ""),
    (options.read_http, "off", None),
    (options.read_http, ":80", Endpoint("", 80)),
    (options.read_http, "127.0.0.1:80", Endpoint("127.0.0.1", 80)),
    (options.read_http, "[::1]:80", Endpoint("::1", 80)),
]
BAD: list[tuple[Callable[[str], Any], str]] = [
    (options.read_bool, "maybe"),
    (options.read_seconds, "0"),
    (options.read_seconds, "1e3"),
    (options.read_seconds, "-1"),
    (options.read_seconds, "."),
    (options.read_seconds, "1.2.3"),
    (options.read_seconds, "99999999"),
    (options.read_seconds, "\u0663"),
    (options.read_name, "a/b"),
    (options.read_name, ".."),
    (options.read_name, "a\nb"),
    (options.read_path, "relative"),
    (options.read_path, "/a/../b"),
    (options.read_path, "/a\0b"),
    (options.read_level, "loud"),
    (options.read_protocol, "ftp"),
    (options.read_port, "70000"),
    (options.read_host, "a b"),
    (options.read_host, "a/b@c"),
    (options.read_http, "19154"),
    (options.read_http, "localhost:80"),
    (options.read_http, "[::1]"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_what_is_well_written_is_read(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(("read", "text"), BAD)
def test_what_is_not_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(Malformed):
        read(text)


@pytest.mark.parametrize("option", options.OPTIONS, ids=lambda option: option.name)
def test_the_guide_has_every_variable_with_its_default_and_meaning(option: options.Option) -> None:
    guide = Path(__file__).parents[4] / "docs" / "cni.md"
    default = f"`{option.default}`" if option.default else "-"
    assert f"| `{option.name}` | {default} | {option.help} |\n" in guide.read_text()
