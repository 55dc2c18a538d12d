"""The environment: Kuma's variables as Kuma has them, ours beside them, every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuma_cni.conflist.network import written
from kuma_cni.installer.options import OPTIONS
from kuma_cni.installer.settings import Settings, load
from kuma_cni.spec.netconf import read_netconf
from kuma_net.errors import ConfigError

KUMA = {
    "CFGCHECK_INTERVAL": ("interval", 1.0),
    "CHAINED_CNI_PLUGIN": ("chained", True),
    "CNI_CONF_NAME": ("conf_name", ""),
    "CNI_LOG_LEVEL": ("log_level", "info"),
    "CNI_NETWORK_CONFIG": ("network_config", ""),
    "CNI_NET_DIR": ("net_dir", "/etc/cni/net.d"),
    "MOUNTED_CNI_NET_DIR": ("mounted_net_dir", "/host/etc/cni/net.d"),
    "KUBECFG_FILE_NAME": ("kubeconfig_name", "ZZZ-kuma-cni-kubeconfig"),
    "KUBE_CA_FILE": ("ca_file", "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"),
    "KUBE_SERVICE_ACCOUNT_TOKEN_PATH": (
        "token_file",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
    ),
    "KUBERNETES_SERVICE_HOST": ("api_host", ""),
    "KUBERNETES_SERVICE_PORT": ("api_port", ""),
    "KUBERNETES_SERVICE_PROTOCOL": ("api_protocol", "https"),
    "SLEEP": ("sleep", True),
    "REFRESH_SA_TOKEN_INTERVAL": ("refresh", 60.0),
}
"""Kuma's variables, and what each is when nobody sets it."""


@pytest.mark.parametrize("name", KUMA)
def test_kumas_defaults_are_kumas(name: str) -> None:
    field, value = KUMA[name]
    assert getattr(load({}), field) == value
    assert getattr(load({name: "  "}), field) == value


def test_every_field_has_its_variable() -> None:
    assert sorted(option.field for option in OPTIONS) == sorted(Settings.__match_args__)
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)


def test_what_kumas_chart_sets_is_understood() -> None:
    settings = load(
        {
            "CNI_CONF_NAME": "kuma-cni.conf",
            "CNI_NET_DIR": "/etc/cni/multus/net.d",
            "CHAINED_CNI_PLUGIN": "false",
            "CNI_LOG_LEVEL": "info",
            "CNI_NETWORK_CONFIG": '{"cniVersion": "0.3.1", "name": "kuma-cni", "type": "kuma-cni",'
            '"kubernetes": {"kubeconfig": "__KUBECONFIG_FILEPATH__"}}',
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "POD_NAMESPACE": "kuma-system",
        }
    )
    wish = settings.wish(exact=True)
    assert (wish.chained, wish.conf_name) == (False, "kuma-cni.conf")
    assert wish.entry["kubernetes"] == {
        "kubeconfig": "/etc/cni/multus/net.d/ZZZ-kuma-cni-kubeconfig",
        "exclude_namespaces": ["kube-system"],
        "namespace": "kuma-system",
    }


def test_what_the_given_entry_does_not_say_the_variables_say() -> None:
    said = {"CNI_LOG_LEVEL": "debug", "KUMA_CNI_EXCLUDE_NAMESPACES": "kube-system,ops"}
    bare = {"CNI_NETWORK_CONFIG": '{"type": "kuma-cni"}'}
    entry = load(said | bare).entry()
    assert (entry["log_level"], entry["kubernetes"]["exclude_namespaces"]) == (
        "debug",
        ["kube-system", "ops"],
    )
    full = '{"type": "kuma-cni", "log_level": "warn", "kubernetes": {"exclude_namespaces": []}}'
    entry = load(said | {"CNI_NETWORK_CONFIG": full}).entry()
    assert (entry["log_level"], entry["kubernetes"]["exclude_namespaces"]) == ("warn", [])


def test_the_entry_in_our_manifests_leaves_everything_to_variables() -> None:
    text = (Path(__file__).parents[4] / "deploy/base/network.json").read_text()
    said = load({"CNI_NETWORK_CONFIG": text, "CNI_LOG_LEVEL": "debug"}).entry()
    assert said["log_level"] == "debug"


WRONG = [
    ({"CFGCHECK_INTERVAL": "-1"}, "CFGCHECK_INTERVAL: '-1' (from environment): not a usable"),
    ({"CNI_CONF_NAME": "10-calico"}, "CNI_CONF_NAME: '10-calico' (from environment): no runtime"),
    ({"KUMA_CNI_OWN_CONF_NAME": "00-x.conf"}, "not the name of a list; write a name that ends in"),
    (
        {"KUMA_CNI_OWN_CONF_NAME": "00-x.conflist", "CHAINED_CNI_PLUGIN": "no"},
        "makes no sense with CHAINED_CNI_PLUGIN=false",
    ),
    (
        {"KUMA_CNI_OWN_CONF_NAME": "a.conflist", "CNI_CONF_NAME": "a.conflist"},
        "is the primary network's file (CNI_CONF_NAME)",
    ),
    ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, "KUBERNETES_SERVICE_PORT (from environment): not"),
    ({"CNI_NETWORK_CONFIG": "{"}, "CNI_NETWORK_CONFIG: '{' (from environment): not JSON"),
    (
        {"CNI_NETWORK_CONFIG": '{"type": "kuma-cni", "kubernetes": {"exclude_namespaces": 5}}'},
        "every pod of the node would fail",
    ),
]


@pytest.mark.parametrize(("environ", "told"), WRONG)
def test_what_is_wrong_is_told_with_what_would_be_right(environ: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ)
    assert told in str(caught.value)


def test_all_mistakes_are_told_at_once_also_those_of_variables_that_do_not_fit_together() -> None:
    environ = {
        "SLEEP": "maybe",
        "CNI_NET_DIR": "net.d",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "https",
        "CNI_CONF_NAME": "10-calico",
        "CNI_NETWORK_CONFIG": "{",
    }
    with pytest.raises(ConfigError) as caught:
        load(environ)
    assert sorted(one.path for one in caught.value.violations) == sorted(
        environ.keys() - {"KUBERNETES_SERVICE_HOST"}
    )


@pytest.mark.parametrize("name", ["log_file", "log_socket"])
def test_a_log_that_is_off_is_off_for_the_plugin_too(name: str) -> None:
    settings = load({f"KUMA_CNI_{name.upper()}": "off"})
    netconf = read_netconf(written(settings.entry()))
    assert getattr(netconf, name) == ""
    assert getattr(read_netconf(written(load({}).entry())), name) != ""
