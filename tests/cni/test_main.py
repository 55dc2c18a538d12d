"""``kuma-cni`` as a person calls it, installed and out of the bundle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kuma_cni.cli.main import main
from kuma_net import __version__
from lab.cni import Caller, bundled, environ_of
from lab.cni_given import MESH
from lab.injected import ANNOTATIONS
from lab.programs import BIN

if TYPE_CHECKING:
    from lab.cni import Answered

LOG = "/var/log/kuma-net/cni.log"


@pytest.fixture(scope="module", params=["installed", "bundle"])
def program(request: pytest.FixtureRequest) -> str:
    return str(BIN / "kuma-cni") if request.param == "installed" else bundled()


def say(caller: Caller, program: str, *words: str) -> Answered:
    """Call the program with words and next to no environment."""
    return caller.ask([program, *words], {"LANG": "C"})


def test_the_version_and_help_are_told(caller: Caller, program: str) -> None:
    version = say(caller, program, "--version")
    assert (version.code, version.stdout) == (0, f"kuma-cni {__version__}\n".encode())
    for words in (["--help"], ["-h"]):
        told = say(caller, program, *words)
        assert told.code == 0
        assert told.stdout.startswith(b"Usage: kuma-cni [OPTION]\n")
    assert say(caller, program, "logs", "--help").stdout.startswith(b"Usage: kuma-cni logs [POD]")


def test_without_a_command_it_says_what_it_is(caller: Caller, program: str) -> None:
    answered = caller.ask(program, {})
    assert (answered.code, answered.stdout) == (0, b"")
    assert "CNI protocol versions supported: 0.1.0, 0.2.0" in answered.stderr


@pytest.mark.parametrize(
    "words", [["add"], ["--verbose"], ["log"], ["--version", "x"], ["\udcff\n"]]
)
def test_wrong_words_end_with_2_and_what_would_be_right(
    caller: Caller, program: str, words: list[str]
) -> None:
    told = say(caller, program, *words)
    assert (told.code, told.stdout) == (2, b"")
    assert "write logs, --version or --help" in told.stderr
    assert told.stderr.count("\n") == 1


def test_wrong_words_of_logs_too(caller: Caller, program: str) -> None:
    told = say(caller, program, "logs", "--follow")
    assert (told.code, told.stdout) == (2, b"")
    assert "see kuma-cni logs --help" in told.stderr


def test_what_happened_to_a_pod_can_be_read(caller: Caller, program: str) -> None:
    caller.run(["rm", "-rf", "/var/log/kuma-net"])
    missing = say(caller, program, "logs")
    assert (missing.code, missing.stdout) == (1, b"")
    assert f"{LOG}: No such file or directory" in missing.stderr
    pod = caller.new_pod()
    config = {"cniVersion": "1.0.0", "name": "net", "runtimeConfig": {ANNOTATIONS: MESH}}
    for name, verb in (("web", "ADD"), ("db", "ADD"), ("web", "DEL"), ("web", "play")):
        args = f"K8S_POD_NAMESPACE=shop;K8S_POD_NAME={name}"
        stdin = json.dumps(config).encode()
        caller.ask(program, environ_of(verb, pod, CNI_ARGS=args), stdin)
    everything = say(caller, program, "logs").stdout.decode().splitlines()
    assert [" ".join(line.split()[1:]).partition(" took")[0] for line in everything] == [
        "info ADD shop/web captured container=c0ffee",
        "info ADD shop/db captured already container=c0ffee",
        "info DEL shop/web released container=c0ffee",
        everything[3].partition(" ")[2],
    ]
    assert "error play shop/web refused" in everything[3]
    assert "CNI_COMMAND is not known" in everything[3]
    assert say(caller, program, "logs", "web").stdout.count(b"\n") == 3
    assert say(caller, program, "logs", "shop/db").stdout.count(b"\n") == 1
    assert say(caller, program, "logs", "bank/web").stdout == b""
    assert say(caller, program, "logs", "--since", "1h", "--tail=1").stdout.count(b"\n") == 1
    assert say(caller, program, "logs", "--tail=0").stdout == b""
    assert say(caller, program, "logs", "--tail=999").stdout.decode().splitlines() == everything
    assert say(caller, program, "logs", "--since", "2999").stdout == b""
    entry = json.loads(say(caller, program, "logs", "db", "--json").stdout)
    assert (entry["pod"], entry["level"]) == ("db", "info")
    gone = caller.ask(
        ["/bin/bash", "-c", '{ sleep 0.2; "$0" logs; echo $? >&2; } | :', program], {"PATH": "/bin"}
    )
    assert gone.stderr == "1\n"


@pytest.mark.parametrize(
    ("config", "log"),
    [
        (
            {"cniVersion": "9.0.0", "name": "net", "log_file": "/var/log/own.log"},
            "/var/log/own.log",
        ),
        ({"cniVersion": "1.0.0", "log_file": "/var/log/own.log"}, LOG),
        (None, LOG),
    ],
)
def test_a_refusal_is_logged_where_the_configuration_says_if_it_can_be_read(
    caller: Caller, config: dict[str, str] | None, log: str
) -> None:
    caller.run(["rm", "-rf", LOG, "/var/log/own.log"])
    stdin = json.dumps(config).encode() if config else b""
    answered = caller.ask(bundled(), environ_of("ADD"), stdin)
    (entry,) = map(json.loads, caller.read(log).splitlines())
    assert (entry["level"], entry["event"], entry["verb"]) == ("error", "refused", "ADD")
    assert (entry["namespace"], entry["pod"], entry["container"]) == ("shop", "web", "c0ffee")
    assert json.loads(entry["error"]) == answered.error


def test_as_a_function_it_returns_its_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert main(["--nonsense"]) == 2
    assert capfd.readouterr().out == f"kuma-cni {__version__}\n"
