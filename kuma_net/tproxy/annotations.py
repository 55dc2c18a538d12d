"""Pod annotations as a source of options, in the spellings of both generations of Kuma.

Kuma 2.x's injector writes what it decided into single annotations (``traffic.kuma.io/...``,
``kuma.io/transparent-proxying-...``), 3.0's into one document
(``traffic.kuma.io/transparent-proxy-config``).  Both give the same options here.  Where a pod
has the document, that is all it says: the injector has put into it what it took of the single
annotations, so what they say besides is somebody's mistake, and a document that is mended in
parts by others is nobody's.  Old spellings that a newer injector no longer understands (the UID
rules of an older pod template) are therefore told of when they stand beside one.

What an injector does with them, and therefore we do:

* ``kuma.io/gateway`` switches inbound capture off (``provided``, too: Kuma's own redirect
  builder stumbles over it);
* ``kuma.io/builtin-dns`` captures all DNS;
* the application probe proxy's port joins the excluded inbound ports, unless it is 0 or the pod
  is a gateway; the readiness port is in the list already; the admin port listens on loopback and
  needs no exclusion;
* an empty value says nothing: a pod cannot clear an inherited list.

What Kuma 2.x's CNI plugin did besides: it excluded the admin port (``kuma.io/envoy-admin-port``)
from inbound capture, which the arguments that the same injector gives to ``kuma-init`` do not.
We follow ``kuma-init``, for either must find the other's rules equal; Envoy answers on that port
of the pod's address through the inbound listener, too.

Annotations arrive as the kubelet's downward API writes them (``key="quoted value"`` a line), or
as YAML or JSON: a mapping, a Pod, or a workload with a pod template.
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record
from kuma_net.tproxy.grammar import FALSE_WORDS, TRUE_WORDS
from kuma_net.tproxy.legacy import ANNOTATIONS as LEGACY
from kuma_net.tproxy.legacy import EBPF_ANNOTATION, NO_EBPF, deprecation, translate
from kuma_net.tproxy.option import Given
from kuma_net.tproxy.options import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = "traffic.kuma.io/transparent-proxy-config"
GATEWAY = "kuma.io/gateway"
BUILTIN_DNS = "kuma.io/builtin-dns"
PROBE_PORT = "kuma.io/application-probe-proxy-port"
SWITCH = "kuma.io/transparent-proxying"
SPECIAL = frozenset((GATEWAY, BUILTIN_DNS, PROBE_PORT))
TRAFFIC = "traffic.kuma.io/"
PROXYING = "kuma.io/transparent-proxying-"
WITHOUT_BEARING = frozenset(
    (
        "traffic.kuma.io/transparent-proxy-configmap-name",
        "kuma.io/transparent-proxying-reachable-services",
    )
)
"""Keys of the two families that say nothing about capture."""
PLAIN = {key: option.path for option in OPTIONS for key in option.annotations if key not in SPECIAL}
"""Annotations whose text is the option's text."""
ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
}
"""Escapes of Go's ``%q`` of one letter; ``x``, ``u`` and ``U`` are followed by a number."""
HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
KEY_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"


class Said(Record):
    """What annotations say: options, or one whole document (key, text), and what to tell."""

    given: tuple[Given, ...] = ()
    document: tuple[str, str] | None = None
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()


def read_annotations(annotations: Mapping[str, str]) -> Said:
    """Return what a pod's annotations say about capture; keys without bearing say nothing."""
    document = annotations.get(DOCUMENT, "")
    if document.strip():
        return Said(document=(DOCUMENT, document), notes=_overruled(annotations))
    given: list[Given] = []
    violations: list[Violation] = []
    notes: list[str] = []
    for key in sorted(annotations):
        text = annotations[key]
        if not text.strip():
            continue
        if key in PLAIN:
            given.append(Given(PLAIN[key], text, f"annotation {key}"))
        elif key in LEGACY:
            path, texts = translate(LEGACY[key], text)
            # Old and new spellings of the same list add up; what files say is replaced.
            further = any(before.path == path for before in given)
            value = texts[0] if len(texts) == 1 else list(texts)
            given.append(Given(path, value, f"annotation {key}", extend=further))
            notes.append(f"annotation {deprecation(LEGACY[key])}")
        elif key in {GATEWAY, BUILTIN_DNS}:
            _switch(key, text, given, violations)
        elif key == EBPF_ANNOTATION and text.strip().lower() in TRUE_WORDS:
            violations.append(Violation("ebpf.enabled", text, f"annotation {key}", NO_EBPF))
        else:
            notes += _remark(key, text, len(notes))
    given += _probe_port(annotations)
    return Said(tuple(given), None, tuple(violations), tuple(notes))


def _overruled(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """Tell of old spellings beside a document: no injector that writes one reads them."""
    return tuple(
        f"annotation {key} has no effect beside {DOCUMENT}"
        for key in sorted(annotations)
        if key in LEGACY and annotations[key].strip()
    )


def _is_gateway(text: str) -> bool:
    return text.strip().lower() in {*TRUE_WORDS, "builtin", "provided"}


def _switch(key: str, text: str, given: list[Given], violations: list[Violation]) -> None:
    """Read the two switches that mean something else than one option's text."""
    source = f"annotation {key}"
    word = text.strip().lower()
    off = word in FALSE_WORDS
    if key == GATEWAY:
        if _is_gateway(text):
            given.append(Given("redirect.inbound.enabled", value=False, source=source))
        elif not off:
            right = "write enabled, provided, builtin or disabled"
            violations.append(
                Violation("redirect.inbound.enabled", text, source, "no such choice", right)
            )
    elif off or word in TRUE_WORDS:
        given.append(Given("redirect.dns.enabled", not off, source))
        given.append(Given("redirect.dns.captureAll", not off, source))
    else:
        right = "write enabled or disabled"
        violations.append(Violation("redirect.dns.enabled", text, source, "no such choice", right))


def _probe_port(annotations: Mapping[str, str]) -> list[Given]:
    """Leave the application probe proxy's port alone, as the kubelet calls it directly."""
    text = annotations.get(PROBE_PORT, "").strip()
    if text in {"", "0"} or _is_gateway(annotations.get(GATEWAY, "")):
        return []
    return [Given("redirect.inbound.excludePorts", text, f"annotation {PROBE_PORT}", extend=True)]


def _remark(key: str, text: str, before: int) -> list[str]:
    """Return what to say about a key that sets no option: nothing, unless it looks like one.

    ``before`` is how many remarks there are already.
    """
    if key == SWITCH and text.strip().lower() in FALSE_WORDS:
        return [f"annotation {key}: {text} has no effect: capture is not switched by annotation"]
    ours = key.startswith((TRAFFIC, PROXYING)) and not key.startswith(EBPF_ANNOTATION)
    if not ours or key in WITHOUT_BEARING:
        return []
    from kuma_net.tproxy.spelling import MOST, did_you_mean

    right = did_you_mean(key, (*PLAIN, DOCUMENT)) if before < MOST else ""
    return [f"annotation {key} has no effect" + (f"; {right}" if right else "")]


# --- files ------------------------------------------------------------------------------------


def parse_annotations(text: str, name: str) -> dict[str, str]:
    """Return the annotations in a file's text; ``ConfigError`` names file and line."""
    lines = [(at, line) for at, line in enumerate(text.split("\n")) if line.strip()]
    if not lines:
        return {}
    source = f"annotations {name}"
    key, equals, _ = lines[0][1].partition('="')
    if equals and not key.strip(KEY_LETTERS):
        return _downward(lines, source)
    from kuma_net.documents import DocumentError, load_document

    try:
        content = load_document(text)
    except DocumentError as error:
        violation = Violation(error.place, "", source, error.wrong, error.right)
        raise ConfigError([violation]) from None
    return _texts(_within(content), source)


def _within(content: object) -> object:
    """Return the annotations of a Pod, of a workload's pod template, or the mapping itself."""
    if not isinstance(content, dict) or not ({"metadata", "spec"} & content.keys()):
        return content
    template = _dig(content, "spec", "template")
    return _dig(content if template is None else template, "metadata", "annotations")


def _dig(content: object, *path: str) -> object:
    """Return what lies at a path of keys; None where there is nothing."""
    for step in path:
        content = content.get(step) if isinstance(content, dict) else None
    return content


def _downward(lines: list[tuple[int, str]], source: str) -> dict[str, str]:
    """Read the kubelet's format, ``key="value"`` with Go's quoting."""
    annotations: dict[str, str] = {}
    violations = []
    for at, line in lines:
        key, _, quoted = line.rstrip("\r").partition("=")
        value = _unquote(quoted)
        if value is None or not key or key.strip(KEY_LETTERS):
            right = 'write key="value", quoted as in Go'
            place = f"line {at + 1}"
            violations.append(Violation(place, line[:60], source, "not an annotation", right))
        else:
            annotations[key] = value
    if violations:
        raise ConfigError(violations)
    return annotations


def _unquote(quoted: str) -> str | None:
    """Return the text that Go's ``%q`` printed; None when it did not print that."""
    if len(quoted) < 2 or quoted[0] != '"' or quoted[-1] != '"':  # noqa: PLR2004 - two quotes
        return None
    text, rest = "", quoted[1:-1]
    while True:
        plain, backslash, rest = rest.partition("\\")
        if '"' in plain:
            return None
        text += plain
        if not backslash:
            return text
        letter, digits = rest[:1], HEX_DIGITS.get(rest[:1], 0)
        found = _letter(letter, rest[1 : 1 + digits]) if digits else ESCAPES.get(letter, "")
        if not found:
            return None
        text += found
        rest = rest[1 + digits :]


def _letter(kind: str, code: str) -> str:
    """Return the letter that a number of ``HEX_DIGITS`` stands for; empty if there is none."""
    if len(code) != HEX_DIGITS[kind] or code.strip("0123456789abcdefABCDEF"):
        return ""
    number = int(code, 16)
    if kind == "x" and number > 0x7F:  # noqa: PLR2004 - a byte that is no UTF-8
        return chr(0xDC00 + number)
    return chr(number) if number <= 0x10FFFF else ""  # noqa: PLR2004 - the end of Unicode


def _texts(content: object, source: str) -> dict[str, str]:
    """Return a mapping of annotations with every value as text."""
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError([Violation("annotations", "", source, "must be a mapping")])
    annotations: dict[str, str] = {}
    violations = []
    for key, value in content.items():
        if isinstance(value, dict | list):
            violations.append(Violation(key, "", source, "must be a text", "quote it"))
        elif isinstance(value, bool):
            annotations[key] = "true" if value else "false"
        else:
            annotations[key] = "" if value is None else str(value)
    if violations:
        raise ConfigError(violations)
    return annotations
