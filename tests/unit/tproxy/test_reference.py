"""The made pages: a configuration shown is a document that gives it back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from kuma_net.documents import load_document
from kuma_net.documents.events import read_events
from kuma_net.tproxy.config import Config, Dns, Inbound, Origin, Redirect
from kuma_net.tproxy.legacy import ANNOTATIONS, FLAGS
from kuma_net.tproxy.options import OPTIONS
from kuma_net.tproxy.reference import effective, options_markdown, show
from kuma_net.tproxy.sources import Sources, load
from lab.configs import configs

ROOT = Path(__file__).parents[3]


def reread(text: str) -> Config:
    """Read a document as the only source."""
    return load(Sources(files=(("shown.yaml", text),))).config


@given(configs())
def test_what_is_shown_reads_back_as_the_same_configuration(config: Config) -> None:
    for origins in (False, True):
        text = show(config, origins=origins)
        assert reread(text) == config
        assert load_document(text) == read_events(text)


@given(configs())
def test_what_is_shown_as_plain_values_reads_back_from_json(config: Config) -> None:
    assert reread(json.dumps(effective(config))) == config


def test_every_value_tells_where_it_came_from() -> None:
    config = Config(
        redirect=Redirect(inbound=Inbound(port=1), dns=Dns(resolv_conf="/a b")),
        origins={
            "redirect.inbound.port": Origin("env X"),
            "redirect.dns.resolvConfigPath": Origin("file a\nb"),
        },
    )
    text = show(config, origins=True)
    assert "    port: 1  # env X\n" in text
    assert '    resolvConfigPath: "/a b"  # file a?b\n' in text
    assert "    includePorts: []  # default\n" in text
    assert "#" not in show(config)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/etc/resolv.conf", "/etc/resolv.conf"),
        ("/a:", '"/a:"'),
        ("/a: b", '"/a: b"'),
        ('/"\\', '"/\\"\\\\"'),
        ("/\x7f", '"/\\U0000007f"'),
        ("~", '"~"'),
        ("no", '"no"'),
        ("1", '"1"'),
        ("null", '"null"'),
        ("dead:12", '"dead:12"'),
    ],
)
def test_texts_are_quoted_where_a_reader_could_mistake_them(path: str, written: str) -> None:
    config = Config(redirect=Redirect(dns=Dns(resolv_conf=path)))
    assert f"resolvConfigPath: {written}\n" in show(config)
    assert reread(show(config)) == config


def test_the_page_names_every_option_flag_variable_annotation_and_older_name() -> None:
    page = options_markdown()
    for option in OPTIONS:
        assert f"| `{option.path}` |" in page
        assert option.env in page
        assert f"`{option.flag}" in page or not option.flag
        assert all(f"`{key}`" in page for key in option.annotations)
    for name in (*FLAGS, *ANNOTATIONS):
        assert f"| `{name}` |" in page


def test_the_page_in_the_repository_is_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "docs/generate.py"), "--check"]
    subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
