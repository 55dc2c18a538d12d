"""The bundle where there is nothing but itself, and against a caller who means it ill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from record import PLUGIN_RUNS, request

from kuma_net import __version__
from lab.bundle import bundle
from lab.cni import Caller, environ_of
from lab.injected import documented
from lab.roots import BUSYBOX, MUSL, POD, Root
from lab.topology import quiet_host

pytestmark = pytest.mark.cni

MESH = documented(
    '{"kumaDPUser": "5678", "redirect": {"dns": {"enabled": true, "captureAll": true}}}'
)
VERSION = {"CNI_COMMAND": "VERSION"}
HOSTILE = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONINSPECT": "1",
    "PYTHONPATH": "{folder}",
    "PYTHONSTARTUP": "{folder}/evil.py",
    "PYTHONVERBOSE": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONMALLOC": "debug",
    "PYTHONTRACEMALLOC": "5",
    "PYTHONPLATLIBDIR": "nonexistent",
    "PYTHONEXECUTABLE": "/nonexistent",
    "PYTHONCASEOK": "1",
    "PYTHONBREAKPOINT": "evil.now",
    "LD_PRELOAD": "{folder}/evil.so",
    "LD_LIBRARY_PATH": "{folder}",
    "LD_AUDIT": "{folder}/evil.so",
    "LD_DEBUG": "all",
    "LD_TRACE_LOADED_OBJECTS": "1",
    "LD_BIND_NOW": "1",
    "GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.rtld.nns=1",
    "GCONV_PATH": "{folder}",
    "LOCPATH": "{folder}",
    "LANG": "ja_JP.SJIS",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "LANGUAGE": "xx",
    "TZ": ":/etc/shadow",
    "MALLOC_PERTURB_": "165",
    "HOME": "/nonexistent",
    "TMPDIR": "/nonexistent",
    "PATH": "",
}
EVIL = """
#include <unistd.h>
__attribute__((constructor)) static void begin(void) { write(1, "evil", 4); _exit(66); }
unsigned int la_version(unsigned int version) { return version; }
"""


@pytest.fixture
def root(caller: Caller, tmp_path: Path) -> Root:
    return Root(caller, tmp_path / "root", bundle())


def add(netns: str) -> tuple[dict[str, str], bytes]:
    """Return an ADD of a mesh pod: environment and standard input."""
    return environ_of("ADD", netns), request(MESH, Path("/var")).encode()


@pytest.mark.parametrize("with_proc", [False, True], ids=["without /proc", "with /proc"])
def test_in_an_empty_root_a_pod_is_captured(root: Root, caller: Caller, *, with_proc: bool) -> None:
    pod = caller.new_pod()
    root.bind_pod(pod)
    if with_proc:
        root.add_proc()
    before = root.files()
    assert root.ask(["/kuma-cni"], VERSION).printed is not None
    answered = root.ask(["/kuma-cni"], *add(POD))
    assert (answered.code, answered.stderr) == (0, "")
    assert caller.tables(pod) == ["kuma_net"]
    assert answered.printed is not None
    assert answered.printed["ips"][0]["address"] == "192.0.2.9/24"
    made = {path for path in root.files() if not path.startswith("proc")} - before
    assert made == {"var", "var/cni.log"}


@pytest.mark.parametrize("run", PLUGIN_RUNS)
def test_usual_runs_of_the_plugin_need_nothing_of_the_zip_file(
    root: Root, caller: Caller, run: str
) -> None:
    next(root.place.glob("*/modules.zip")).unlink()
    pod = caller.new_pod()
    root.bind_pod(pod)
    verb, annotations = PLUGIN_RUNS[run]
    text = request(annotations, Path("/var")).encode()
    answered = root.ask(["/kuma-cni"], environ_of(verb, POD), text)
    assert (answered.code, answered.stderr) == (0, "")
    assert caller.tables(pod) == ([] if run in {"skip", "del"} else ["kuma_net"])


def test_a_usual_run_of_kuma_init_needs_nothing_of_the_zip_file(tmp_path: Path) -> None:
    place = tmp_path / "bin"
    shutil.copytree(bundle(), place)
    next(place.glob("*/modules.zip")).unlink()
    (place / "kuma-init").symlink_to("kuma-cni")
    host = quiet_host()
    try:
        ended = host.run([str(place / "kuma-init"), "--redirect-all-dns-traffic"])
    finally:
        host.stop()
    assert ended.stdout.startswith("installed")


def test_it_runs_on_a_system_of_musl(root: Root, caller: Caller) -> None:
    assert MUSL.exists(), "the package musl is missing"
    assert BUSYBOX.exists(), "the package busybox-static is missing"
    pod = caller.new_pod()
    root.add_musl()
    root.bind_pod(pod)
    environ, text = add(POD)
    script = f"LD_LIBRARY_PATH=/lib LD_PRELOAD={MUSL} exec /kuma-cni"
    answered = root.ask(["/bin/sh", "-c", script], environ, text)
    assert (answered.code, answered.stderr) == (0, "")
    assert caller.tables(pod) == ["kuma_net"]


def test_the_callers_environment_reaches_neither_loader_nor_interpreter(
    caller: Caller, tmp_path: Path
) -> None:
    (tmp_path / "evil.c").write_text(EVIL)
    (tmp_path / "evil.py").write_text("print('evil')\n")
    for name in ("encodings", "os", "sitecustomize", "usercustomize", "kuma_net", "json"):
        (tmp_path / f"{name}.py").write_text("print('evil')\n")
    evil = tmp_path / "evil.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", evil, tmp_path / "evil.c"], check=True)
    shutil.copy(evil, tmp_path / "libc.so.6")
    hostile = {name: text.format(folder=tmp_path) for name, text in HOSTILE.items()}
    for name in ("LD_PRELOAD", "LD_AUDIT"):
        other = subprocess.run(["/bin/true"], env={name: hostile[name]}, check=False)
        assert other.returncode == 66, "a program that is not ours falls for it"
    pod = caller.new_pod()
    environ, text = add(pod)
    answered = caller.ask(str(bundle() / "kuma-cni"), hostile | environ, text)
    assert (answered.code, answered.stderr) == (0, "")
    assert caller.tables(pod) == ["kuma_net"]


def test_what_a_machine_preloads_into_its_programs_stays_out_of_ours(
    caller: Caller, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.so"
    (tmp_path / "evil.c").write_text(EVIL)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", evil, tmp_path / "evil.c"], check=True)
    caller.write("/etc/ld.so.preload", f"{evil}\n")
    try:
        assert caller.ask("/bin/true", {}).code == 66, "a program that is not ours falls for it"
        answered = caller.ask(str(bundle() / "kuma-cni"), VERSION)
    finally:
        caller.write("/etc/ld.so.preload", "")
    assert (answered.code, answered.stderr) == (0, "")
    assert answered.printed is not None


def test_what_stands_in_the_working_directory_is_not_imported(tmp_path: Path) -> None:
    for name in ("kuma_cni", "posix", "encodings", "_json"):
        (tmp_path / f"{name}.py").write_text("print('evil')\n")
    done = subprocess.run(
        [bundle() / "kuma-cni"], env=VERSION, cwd=tmp_path, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["supportedVersions"]


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("kuma-cni", ["--version"], f"kuma-cni {__version__}"),
        ("kuma-init", ["--version"], f"kuma-net {__version__}"),
        ("kumactl", ["version"], f"kuma-net {__version__}"),
        ("kuma-cni-install", ["--help"], "Usage: kuma-cni-install"),
        ("install-cni", ["--help"], "Usage: kuma-cni-install"),
        ("kuma-net", ["--version"], f"kuma-net {__version__}"),
        ("anything-else", ["--version"], f"kuma-cni {__version__}"),
        ("kuma-cni (deleted)", ["--version"], f"kuma-cni {__version__}"),
    ],
)
def test_it_is_the_program_whose_name_leads_to_it(
    name: str, words: list[str], said: str, tmp_path: Path
) -> None:
    link = tmp_path / "a folder, with blanks" / name
    link.parent.mkdir()
    link.symlink_to(bundle() / "kuma-cni")
    done = subprocess.run([link, *words], env={}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(said)


def test_a_slip_of_the_pen_gets_a_proposal_there_too(tmp_path: Path) -> None:
    # Libraries import what they need for this at that moment.
    (tmp_path / "kuma-net").symlink_to(bundle() / "kuma-cni")
    for words, said in ((["instal"], "mean install?"), (["install", "--verbos"], "--verbose")):
        argv = [str(tmp_path / "kuma-net"), *words]
        done = subprocess.run(argv, env={}, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_it_runs_from_a_folder_with_blanks_and_by_a_relative_path(tmp_path: Path) -> None:
    place = tmp_path / "a folder, with\nodd characters é"
    shutil.copytree(bundle(), place)
    done = subprocess.run(["./kuma-cni"], env=VERSION, cwd=place, capture_output=True, check=True)
    assert json.loads(done.stdout)["supportedVersions"]


@pytest.mark.parametrize("name", [b"/", b"kuma-cni/", b"\xff\xfe", b"x" * 5000])
def test_an_odd_name_for_itself_does_no_harm(name: bytes) -> None:
    def become() -> None:
        # By descriptor: execveat(2), as runtimes do that check a file before they run it.
        os.execve(os.open(bundle() / "kuma-cni", os.O_RDONLY), [name], VERSION)  # noqa: S606 - it is the bundle

    done = subprocess.run(["/bin/true"], preexec_fn=become, capture_output=True, check=True)
    assert json.loads(done.stdout)["supportedVersions"]


@pytest.mark.parametrize("name", ["a:b", "a;b", "$ORIGIN"])
def test_a_path_that_the_loader_would_take_apart_is_refused(name: str, tmp_path: Path) -> None:
    shutil.copytree(bundle(), tmp_path / name)
    done = subprocess.run(
        [tmp_path / name / "kuma-cni"], env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (101, "")
    assert "cannot be told a path with" in done.stderr


def test_without_proc_and_without_a_path_it_says_so(root: Root) -> None:
    (root.place / "dev/fd").mkdir(parents=True)
    helper = root.place / "helper"
    code = (
        "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <unistd.h>\n"
        'int main(void) { char *no[] = {"kuma-cni", NULL};'
        ' return fexecve(open("/kuma-cni", O_RDONLY), no, no + 1); }\n'
    )
    source = root.place / "helper.c"
    source.write_text(code)
    subprocess.run(["musl-gcc", "-static", "-o", helper, source], check=True)
    answered = root.ask(["/helper"], {})
    assert answered.code == 101
    assert "/proc is not mounted" in answered.stderr


def test_a_launcher_without_its_folder_names_the_folder(tmp_path: Path) -> None:
    shutil.copy(bundle() / "kuma-cni", tmp_path)
    done = subprocess.run([tmp_path / "kuma-cni"], capture_output=True, text=True, check=False)
    assert done.returncode == 101
    (folder,) = (path.name for path in bundle().iterdir() if path.is_dir())
    assert folder in done.stderr
    answered = subprocess.run(
        [tmp_path / "kuma-cni"], env={"CNI_COMMAND": "ADD"}, capture_output=True, check=False
    )
    assert (answered.returncode, answered.stderr) == (101, b"")
    said = json.loads(answered.stdout)
    assert said["code"] == 101
    assert folder in said["msg"]


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_standard_streams_do_no_harm(closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    done = subprocess.run(
        [bundle() / "kuma-cni"],
        env=VERSION,
        stdin=subprocess.DEVNULL,
        preexec_fn=close,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    if 1 not in closed:
        assert json.loads(done.stdout)["supportedVersions"]
