"""Kubeconfigs: where the server is, how it is known, how we are; and every mistake in one."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.kubernetes.kubeconfig import (
    LARGEST,
    Access,
    Credentials,
    Server,
    Trust,
    load_kubeconfig,
    read_kubeconfig,
)
from kuma_net.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
DATA = b64encode(PEM.encode()).decode()
INSTALLED = f"""
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: https://[fd00::1]:6443
    certificate-authority-data: {DATA}
users:
- name: kuma-cni
  user:
    token: "eyJhbGciOi.x-y_z"
contexts:
- name: kuma-cni-context
  context:
    cluster: local
    user: kuma-cni
current-context: kuma-cni-context
"""
"""As an installer of Kuma writes it."""


def kubeconfig(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **changes: Any
) -> str:
    """Return a kubeconfig with this cluster and user."""
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://api"} | (cluster or {})}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    return json.dumps(document | changes)


def test_what_an_installer_writes_is_read() -> None:
    assert read_kubeconfig(INSTALLED, "/etc/cni/net.d") == Access(
        Server("https://[fd00::1]:6443", "fd00::1", 6443),
        Trust(data=PEM),
        Credentials(token="eyJhbGciOi.x-y_z"),  # noqa: S106 - nobody's
    )


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://api", ("api", 443, True, "")),
        ("https://10.0.0.1:6443/", ("10.0.0.1", 6443, True, "")),
        ("https://proxy/k8s/clusters/c1/", ("proxy", 443, True, "/k8s/clusters/c1")),
        ("http://localhost:8080", ("localhost", 8080, False, "")),
        ("http://localhost", ("localhost", 80, False, "")),
    ],
)
def test_addresses_of_servers(url: str, server: tuple[str, int, bool, str]) -> None:
    assert read_kubeconfig(kubeconfig({"server": url}), "/").server == Server(url, *server)


def test_paths_are_relative_to_the_file_and_data_wins_over_files() -> None:
    cluster = {"certificate-authority": "ca.pem", "tls-server-name": "kubernetes"}
    user = {"tokenFile": "/run/token", "token": "x", "client-certificate": "../c.pem"}
    user |= {"client-key": "k.pem", "client-key-data": DATA}
    access = read_kubeconfig(kubeconfig(cluster, user), "/etc/k")
    assert access.server.name == "kubernetes"
    assert access.trust == Trust(file="/etc/k/ca.pem")
    assert access.credentials == Credentials(
        token_file="/run/token",  # noqa: S106 - nobody's
        certificate_file="/etc/k/../c.pem",
        key_data=PEM,
    )


def test_a_context_without_a_user_asks_as_nobody() -> None:
    contexts = [{"name": "x", "context": {"cluster": "c"}}]
    text = kubeconfig({"insecure-skip-tls-verify": True}, contexts=contexts)
    assert read_kubeconfig(text, "/") == Access(
        Server("https://api", "api", 443), Trust(insecure=True)
    )


@pytest.mark.parametrize(
    ("text", "path", "wrong"),
    [
        ("", "kubeconfig", "not a mapping"),
        ("[1]", "kubeconfig", "not a mapping"),
        ("a: [", "kubeconfig", "line "),
        ("{}", "current-context", "missing"),
        (kubeconfig(contexts=[]), "contexts", "no entry"),
        (kubeconfig(contexts="x"), "contexts", "no entry"),
        (kubeconfig(contexts=[{"name": "x"}]), "contexts[x].context", "no mapping"),
        (kubeconfig(clusters=[]), "clusters", "no entry"),
        (kubeconfig(users=[]), "users", "no entry"),
        (kubeconfig({"server": ""}), "clusters[c].cluster.server", "missing"),
        (kubeconfig({"server": 7}), "clusters[c].cluster.server", "missing"),
        (kubeconfig({"server": "api:6443"}), "clusters[c].cluster.server", "not an address"),
        (kubeconfig({"server": "ftp://api"}), "clusters[c].cluster.server", "not an address"),
        (kubeconfig({"server": "https://"}), "clusters[c].cluster.server", "not an address"),
        (kubeconfig({"server": "https://a\r\nb"}), "clusters[c].cluster.server", "not an address"),
        (kubeconfig({"server": "https://a/b c"}), "clusters[c].cluster.server", "not an address"),
        (kubeconfig({"server": "https://ä"}), "clusters[c].cluster.server", "not an address"),
        (kubeconfig({"server": "https://.."}), "clusters[c].cluster.server", "no name"),
        (kubeconfig({"server": f"https://{'a' * 64}"}), "clusters[c].cluster.server", "no name"),
        (kubeconfig({"tls-server-name": ".x"}), "clusters[c].cluster.tls-server-name", "no name"),
        (kubeconfig({"server": "https://a:x"}), "clusters[c].cluster.server", "Port"),
        (kubeconfig({"server": "https://[::1"}), "clusters[c].cluster.server", "IPv6"),
        (kubeconfig({"server": "https://u:p@a"}), "clusters[c].cluster.server", "has a user"),
        (kubeconfig({"server": "https://a?b"}), "clusters[c].cluster.server", "has a user"),
        (kubeconfig({"server": "http://a"}, {"token": "t"}), "clusters[c].cluster.server", "token"),
        (kubeconfig({"proxy-url": "http://p"}), "clusters[c].cluster.proxy-url", "proxy"),
        (
            kubeconfig({"certificate-authority-data": "%"}),
            "clusters[c].cluster.certificate-authority-data",
            "PEM",
        ),
        (
            kubeconfig({"certificate-authority-data": b64encode(b"x").decode()}),
            "clusters[c].cluster.certificate-authority-data",
            "PEM",
        ),
        (
            kubeconfig({"insecure-skip-tls-verify": "true"}),
            "clusters[c].cluster.insecure-skip-tls-verify",
            "neither",
        ),
        (
            kubeconfig({"insecure-skip-tls-verify": True, "certificate-authority": "x"}),
            "clusters[c].cluster.insecure-skip-tls-verify",
            "authority",
        ),
        (kubeconfig(user={"exec": {"command": "aws"}}), "users[u].user.exec", "program"),
        (kubeconfig(user={"auth-provider": {"name": "gcp"}}), "users[u].user.auth-provider", ""),
        (kubeconfig(user={"username": "root"}), "users[u].user.username", "password"),
        (kubeconfig(user={"as": "admin"}), "users[u].user.as", "impersonation"),
        (kubeconfig(user={"client-key": "k"}), "users[u].user", "belong together"),
        (kubeconfig(user={"token": "a b"}), "users[u].user.token", "characters"),
        (kubeconfig(user={"token": "a\r\nHost: b"}), "users[u].user.token", "characters"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, path: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_kubeconfig(text, "/", "/etc/kubeconfig")
    (violation,) = caught.value.violations
    assert violation.path == path
    assert wrong in violation.wrong
    assert violation.source == "/etc/kubeconfig"


def test_all_mistakes_are_told_at_once_and_no_secret_with_them() -> None:
    user = {"exec": {}, "as": "x", "token": "secret token", "client-key-data": "secret%"}
    with pytest.raises(ConfigError) as caught:
        read_kubeconfig(kubeconfig({"server": "nowhere", "proxy-url": "p"}, user), "/")
    paths = [violation.path for violation in caught.value.violations]
    assert paths == [
        "clusters[c].cluster.server",
        "clusters[c].cluster.proxy-url",
        "users[u].user.as",
        "users[u].user.client-key-data",
        "users[u].user.token",
    ]
    assert "secret" not in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
_KEYS = st.sampled_from(["server", "token", "certificate-authority-data", "exec", "client-key"])


@given(st.dictionaries(_KEYS, _JSON), st.dictionaries(_KEYS, _JSON), _JSON)
def test_whatever_stands_in_it_the_answer_is_access_or_mistakes(
    cluster: dict[str, Any], user: dict[str, Any], contexts: object
) -> None:
    for text in (kubeconfig(cluster, user), kubeconfig(cluster, user, contexts=contexts)):
        try:
            access = read_kubeconfig(text, "/")
        except ConfigError:
            continue
        assert access.server.host


def test_a_file_is_read_from_its_own_folder(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig({"certificate-authority": "ca.pem"}), encoding="utf-8")
    assert load_kubeconfig(str(file)).trust.file == f"{tmp_path}/ca.pem"


@pytest.mark.parametrize(
    ("raw", "wrong"), [(b"x" * (LARGEST + 1), "longer"), (b"\xff", "no UTF-8 at byte 0")]
)
def test_a_file_that_cannot_be_one_is_named(tmp_path: Path, raw: bytes, wrong: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_bytes(raw)
    with pytest.raises(ConfigError, match=wrong) as caught:
        load_kubeconfig(str(file))
    assert str(file) in str(caught.value)
