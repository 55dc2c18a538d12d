"""``kuma-cni``: the CNI plugin; with arguments, what a person can ask of it.

A runtime calls it without arguments and with CNI_COMMAND in the environment.  It lives for some
20 ms, so it is made like ``kuma-init``: nothing is imported that is not needed, and the process
leaves by ``_exit``.  It takes nothing for granted: no locale, home, PATH or /tmp is used, and
the standard streams may be closed.

The standard input is waited for, but not for ever: a runtime that keeps its end open would keep
the pod waiting with no word about why.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuma_cni.plugin.records import Records
    from kuma_cni.pod.decide import FetchedPod, LookUp
    from kuma_cni.spec.dispatch import Answer
    from kuma_cni.spec.netconf import Netconf

FAILED, USAGE = 1, 2
"""Exit codes."""
PATIENCE = 5.0
"""Seconds for all of the standard input."""
PIECE = 1 << 16
HELP = """\
Usage: kuma-cni [OPTION]
       kuma-cni logs [POD] [OPTION]...

The CNI plugin of kuma-net: container runtimes call it without arguments, with
CNI_COMMAND in the environment.  It captures a mesh pod's traffic for the pod's
sidecar.

Commands:
  logs [POD]   print what the plugin logged on this node (kuma-cni logs --help)

Options:
  --version    print the version and end
  --help       print this and end
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    ``argv`` are the words after the program's name; without it the process's own are taken and
    the process ends here, by ``_exit``, if it was started as this program.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    from kuma_net.cli.speech import is_program, run_program

    def work() -> int:
        return _command(words) if words else _plugin()

    return run_program(work, ours=argv is None and is_program("kuma-cni", "main.py"))


def _plugin() -> int:
    """Be a plugin: environment and standard input to an answer."""
    from kuma_cni.cli.output import put
    from kuma_net.host.environment import environment

    answer = _answered(environment())
    code = answer.code
    for descriptor, text in ((1, answer.output), (2, answer.errors)):
        if text and not put(descriptor, text):
            code = code or FAILED
    return code


def _answered(environ: Mapping[str, str]) -> Answer:
    """Read the standard input if it is needed, and do what is asked."""
    from kuma_cni.plugin.log import PluginLog
    from kuma_cni.plugin.plugin import KumaCni
    from kuma_cni.spec.dispatch import dispatch, failure
    from kuma_cni.spec.problem import CniError
    from kuma_cni.spec.versions import NEWEST

    command = environ.get("CNI_COMMAND", "")
    try:
        stdin = _read_stdin() if command else b""
    except CniError as error:
        stdin = b""
        if command != "VERSION":
            answer = failure(error, NEWEST)
            _log_refusal(environ, stdin, answer)
            return answer
    answer = dispatch(environ, stdin, KumaCni(_fetch_pod, PluginLog, _records))
    if answer.refused:
        _log_refusal(environ, stdin, answer)
    return answer


def _records(folder: str) -> Records:
    """Return the records in a folder; few requests need any."""
    from kuma_cni.plugin.records import Records

    return Records(folder)


def _log_refusal(environ: Mapping[str, str], stdin: bytes, answer: Answer) -> None:
    """Log a request that never came to the plugin's verbs, which log for themselves."""
    from kuma_cni.plugin.log import PluginLog
    from kuma_cni.pod.identity import pod_identity
    from kuma_cni.spec.netconf import Netconf, read_netconf
    from kuma_cni.spec.problem import CniError
    from kuma_cni.spec.request import read_args

    try:
        netconf = read_netconf(stdin)
    except CniError:
        netconf = Netconf()
    identity = pod_identity(read_args(environ.get("CNI_ARGS", "")))
    PluginLog(netconf).error(
        "refused",
        verb=environ.get("CNI_COMMAND", "")[:40],
        pod=identity.name,
        namespace=identity.namespace,
        container=environ.get("CNI_CONTAINERID", "")[:12],
        error=answer.output.strip(),
    )


def _fetch_pod(lookup: LookUp, netconf: Netconf) -> FetchedPod:
    """Ask the API server; what that takes is imported by then."""
    from kuma_cni.kubernetes.fetch import fetch_pod

    return fetch_pod(lookup, netconf)


def _read_stdin() -> bytes:
    """Return all of the standard input, or as much as shows that it is too much.

    Raises CniError (5) when it cannot be read or does not end in time.
    """
    import posix
    import select
    import time

    from kuma_cni.spec.netconf import LONGEST
    from kuma_cni.spec.problem import IO_FAILURE, CniError

    pieces: list[bytes] = []
    read = 0
    poll = select.poll()
    poll.register(0, select.POLLIN)
    until = time.monotonic() + PATIENCE
    while read <= LONGEST:
        left = until - time.monotonic()
        if left < 0 or not poll.poll(left * 1000):
            raise CniError(
                IO_FAILURE, f"the standard input did not end within {PATIENCE:g} seconds"
            )
        try:
            piece = posix.read(0, PIECE)
        except OSError as problem:
            wrong = "the standard input cannot be read"
            raise CniError(IO_FAILURE, wrong, str(problem)) from problem
        if not piece:
            break
        pieces.append(piece)
        read += len(piece)
    return b"".join(pieces)


def _command(words: list[str]) -> int:
    """Do what a person asks."""
    from kuma_cni.cli.output import put

    name, *rest = words
    if name == "logs":
        from kuma_cni.cli.logs import logs

        return logs(rest)
    if words in (["--help"], ["-h"]):
        return 0 if put(1, HELP) else FAILED
    if words == ["--version"]:
        from kuma_net import __version__

        return 0 if put(1, f"kuma-cni {__version__}\n") else FAILED
    shown = " ".join(words)[:200]
    put(2, f"kuma-cni: {shown!a} is not known: write logs, --version or --help\n")
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
