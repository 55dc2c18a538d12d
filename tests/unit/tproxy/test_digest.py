"""The digest of a configuration depends on what capture depends on, and on nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given

from kuma_net.tproxy.config import Config, Log, Origin, OwnerExclusion, Redirect, Retry
from kuma_net.tproxy.digest import config_digest
from kuma_net.tproxy.options import OPTIONS
from kuma_net.tproxy.sources import Sources, load
from kuma_net.values import L4_PROTOS, PortSet
from lab.configs import configs

ROOT = Path(__file__).parents[3]

OTHER_VALUES = {
    "bool": ("true", "false"),
    "port": ("81",),
    "ports": ("81",),
    "networks": ("10.0.0.0/8",),
    "interfaces": ("eth9",),
    "vnets": ("br+:10.0.0.0/8",),
    "rules": ("81:1234",),
    "chain": ("OTHER",),
    "path": ("/other",),
    "user": ("other",),
    "level": ("3",),
    "ip-family-mode": ("ipv4",),
}
WITHOUT_BEARING = {
    "backend",
    "dryRun",
    "verbose",
    "storeFirewalld",
    "wait",
    "waitInterval",
    "retry.maxRetries",
    "retry.sleepBetweenRetries",
    "iptablesExecutables",
    "cniMode",
}


def test_every_option_that_decides_about_capture_takes_part() -> None:
    plain = config_digest(Config())
    for option in OPTIONS:
        if option.path in WITHOUT_BEARING:
            continue
        changed = {
            config_digest(
                load(Sources(environ={f"KUMA_TRANSPARENT_PROXY_{option.env}": text})).config
            )
            for text in OTHER_VALUES[option.kind]
        }
        assert changed - {plain}, option.path


def test_how_it_is_done_takes_no_part() -> None:
    config = Config(
        wait=9,
        wait_interval=9,
        retry=Retry(9, 9.0),
        verbose=True,
        dry_run=True,
        cni_mode=True,
        store_firewalld=True,
        backend="nftables",
        iptables_executables=(("iptables", "/x"),),
        origins={"wait": Origin("env X")},
    )
    assert config_digest(config) == config_digest(Config())


@given(configs())
def test_it_is_sixteen_digits_and_equal_for_equal_configurations(config: Config) -> None:
    digest = config_digest(config)
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    assert config_digest(config.replace(log=Log(config.log.enabled, config.log.level))) == digest


def test_it_does_not_depend_on_who_else_holds_a_value_nor_on_the_process() -> None:
    shared = OwnerExclusion(L4_PROTOS, PortSet.of(443), (1, 1))
    apart = OwnerExclusion(L4_PROTOS, PortSet.of(int("443")), (int("1"), int("1")))
    redirect = Redirect()
    one = redirect.replace(outbound=redirect.outbound.replace(exclude_for_uids=(shared, shared)))
    two = redirect.replace(outbound=redirect.outbound.replace(exclude_for_uids=(shared, apart)))
    digest = config_digest(Config(redirect=one))
    assert digest == config_digest(Config(redirect=two))
    program = (
        "from kuma_net.tproxy.digest import config_digest\n"
        "from kuma_net.tproxy.config import Config\nprint(config_digest(Config()))"
    )
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
        )
        assert found.stdout.strip() == config_digest(Config())
