"""A request to a plugin's verb, its outcome to exit code and output: all of CNI but the effects.

Environment and bytes go in, an ``Answer`` comes out; what the verbs do is the plugin's, which is
handed in.  Whatever happens, the standard output gets exactly one JSON object or nothing.
"""

from __future__ import annotations

from kuma_cni.spec.netconf import asked_version
from kuma_cni.spec.problem import FAILED, INTERNAL, REFUSED, CniError
from kuma_cni.spec.request import read_request
from kuma_cni.spec.result import passed_on
from kuma_cni.spec.versions import VERSIONS
from kuma_net.documents.json_text import write_json
from kuma_net.errors import InputError, KumaNetError
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from kuma_cni.spec.request import Request

    class Plugin(Protocol):
        """What the verbs do; each raises CniError or KumaNetError when it cannot."""

        def add(self, request: Request) -> None:
            """Make sure that the attachment is as it should be."""

        def check(self, request: Request) -> None:
            """Find it as ``add`` left it."""

        def delete(self, request: Request) -> None:
            """Undo ``add``, as far as there is anything left to undo."""

        def gc(self, request: Request) -> None:
            """Drop what belongs to none of the valid attachments."""

        def status(self, request: Request) -> None:
            """Find that ``add`` could be served."""


ABOUT = (
    "kuma-cni is a CNI plugin: container runtimes call it, with CNI_COMMAND in the environment "
    "and the network configuration on the standard input.\n"
    f"CNI protocol versions supported: {', '.join(VERSIONS)}\n"
    "kuma-cni --help says what a person can do with it.\n"
)
LONGEST_DETAILS = 8000
"""Characters: kubelets show the first thousand, logs keep more."""


class Answer(Record):
    """How the process ends: exit code, standard output, standard error.

    ``refused``: the request was at fault, and no verb of the plugin was called.
    """

    code: int = 0
    output: str = ""
    errors: str = ""
    refused: bool = False


def dispatch(environ: Mapping[str, str], stdin: bytes, plugin: Plugin) -> Answer:
    """Do what a runtime asks; never raises an Exception."""
    if not environ.get("CNI_COMMAND"):
        return Answer(errors=ABOUT)
    try:
        request = read_request(environ, stdin)
        # Before anything is done: a result that nobody can be told must leave nothing behind.
        answer = _answer_to(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, the runtime gets an error object
        return failure(error, asked_version(stdin)).replace(refused=True)
    try:
        _carry_out(request, plugin)
    except Exception as error:  # noqa: BLE001 - likewise
        return failure(error, request.netconf.cni_version)
    return answer


def failure(error: Exception, version: str) -> Answer:
    """Return the answer that tells of an error (CNI specification, section 5, "Error")."""
    told = as_cni_error(error)
    fields: dict[str, object] = {"cniVersion": version, "code": told.code, "msg": told.msg}
    if told.details:
        fields["details"] = _cut(told.details, LONGEST_DETAILS)
    return Answer(1, write_json(fields) + "\n")


def as_cni_error(error: Exception) -> CniError:
    """Return any error as one of the specification; a defect of ours with its place."""
    if isinstance(error, CniError):
        return error
    if isinstance(error, InputError):
        return CniError(REFUSED, "what the pod asks for cannot be done", str(error))
    if isinstance(error, KumaNetError):
        return CniError(FAILED, "the node cannot do it", str(error))
    return CniError(INTERNAL, "kuma-cni has a defect", _told(error))


def _answer_to(request: Request) -> Answer:
    """Return what is printed if all goes well."""
    netconf = request.netconf
    if request.verb == "VERSION":
        versions = {"cniVersion": netconf.cni_version, "supportedVersions": list(VERSIONS)}
        return Answer(output=write_json(versions) + "\n")
    if request.verb == "ADD":
        result = passed_on(netconf.prev_result, netconf.cni_version)
        return Answer(output=write_json(result) + "\n")
    return Answer()


def _carry_out(request: Request, plugin: Plugin) -> None:
    verbs = {
        "ADD": plugin.add,
        "DEL": plugin.delete,
        "CHECK": plugin.check,
        "GC": plugin.gc,
        "STATUS": plugin.status,
    }
    if request.verb in verbs:
        verbs[request.verb](request)


def _told(error: Exception) -> str:
    """Return what was raised, and by which line."""
    told = f"{type(error).__name__}: {_cut(str(error), LONGEST_DETAILS // 2)}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return told
    file = "/".join(trace.tb_frame.f_code.co_filename.split("/")[-3:])
    return f"{told} ({file}:{trace.tb_lineno})"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
