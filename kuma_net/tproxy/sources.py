"""Where the configuration comes from: defaults < files < annotations < environment < flags.

Texts in, ``Config`` out: reading files and the process environment is the caller's business.
Later sources replace key by key; a list is replaced whole, never appended to, with three
exceptions: repeated flags add up among themselves, ``iptablesExecutables`` is merged program by
program, and the application probe's port joins whatever list is there.

Everything given is read, even what a later source replaces, and all violations are raised at
once.  ``Config.origins`` tells for each key path who had the last word.

An unknown key is a violation in a file, whose author reads the error.  In a document that a pod
brings along it is a note: its author is an injector that may be newer than we are, and who reads
the error cannot mend it.
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record
from kuma_net.tproxy.config import Config, Dns, Inbound, Log, Origin, Outbound, Redirect, Retry
from kuma_net.tproxy.grammar import FALSE_WORDS, KINDS
from kuma_net.tproxy.option import ENV_PREFIX, Given
from kuma_net.tproxy.options import BY_FLAG, BY_PATH, OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from kuma_net.tproxy.option import Option

    Tree: TypeAlias = dict[str, "Tree | Option"]

OVERRIDE = "override"
"""Source of what a program sets."""
DNS_FLAGS = ("--redirect-dns", "--redirect-all-dns-traffic")


class Sources(Record):
    """Everything that may say something, already read.

    ``files`` are (name, text) in order; ``annotations`` are (name, text of a file or mapping);
    ``flags`` are (flag, text) in order and ``violations`` what their parser did not understand
    (``flags.parse_flags`` gives both).  ``overrides`` are a program's values by key path.
    ``allowed`` are the key paths that the others may say anything about: what they say about
    another is not even read, and a note tells so where it is not what holds anyway.  None: all.
    ``lenient``: a key that nobody knows is a note in files too, as it is in annotations.
    """

    files: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str | Mapping[str, str]], ...] = ()
    environ: Mapping[str, str] = {}
    flags: tuple[tuple[str, str], ...] = ()
    violations: tuple[Violation, ...] = ()
    overrides: Mapping[str, object] = {}
    allowed: frozenset[str] | None = None
    lenient: bool = False


class Loaded(Record):
    """The configuration, and sentences for the person: deprecations, names without effect."""

    config: Config
    notes: tuple[str, ...] = ()


def load(sources: Sources) -> Loaded:
    """Merge all sources; ``ConfigError`` with every violation found."""
    merge = _Merge(sources.allowed, sources.overrides)
    merge.violations += sources.violations
    merge.lenient = sources.lenient
    for name, text in sources.files:
        merge.document(text, f"file {name}")
    for name, written in sources.annotations:
        merge.annotations(written, name)
    merge.environment(sources.environ)
    merge.flags(sources.flags)
    merge.override()
    merge.finish()
    if merge.violations:
        raise ConfigError(merge.violations)
    return Loaded(merge.config(), tuple(dict.fromkeys(merge.notes)))


def key_tree() -> Tree:
    """Return the key paths of all options as nested mappings, options at the leaves."""
    tree: Tree = {}
    for option in OPTIONS:
        *branches, leaf = option.path.split(".")
        node = tree
        for branch in branches:
            deeper = node.setdefault(branch, {})
            assert isinstance(deeper, dict)  # noqa: S101 - no path is a prefix of another
            node = deeper
        node[leaf] = option
    return tree


class _Merge:
    """What the sources read so far say together."""

    def __init__(self, allowed: frozenset[str] | None, overrides: Mapping[str, object]) -> None:
        self.allowed = allowed
        self.overrides = overrides
        self.lenient = False
        self.values: dict[str, Any] = {}
        self.texts: dict[str, list[str]] = {}
        self.origins: dict[str, Origin] = {}
        self.violations: list[Violation] = []
        self.notes: list[str] = []
        self.unknown_keys = 0

    # --- one source after the other -----------------------------------------------------------

    def document(self, text: str, source: str) -> None:
        """Take a configuration document."""
        from kuma_net.documents import DocumentError, load_document

        try:
            content = load_document(text)
        except DocumentError as error:
            self.wrong(error.place, "", source, error.wrong, error.right)
        else:
            self.keys(content, key_tree(), "", source)

    def keys(self, content: object, tree: Tree, prefix: str, source: str) -> None:
        """Take the keys of a mapping that lies at ``prefix`` in a document."""
        if content is None:
            return
        if not isinstance(content, dict):
            what = prefix.rstrip(".") or "document"
            right = f"such as {next(iter(tree))}"
            self.wrong(what, _shown(content), source, "must hold keys", right)
            return
        for key, item in content.items():
            path = prefix + key
            node = tree.get(key)
            if isinstance(node, dict):
                self.keys(item, node, f"{path}.", source)
            elif node is not None:
                self.take(Given(path, item, source))
            elif not self.refused(path, item, source):
                self.unknown(key, path, source, tree)

    def unknown(self, key: str, path: str, source: str, tree: Tree) -> None:
        """Tell of a key that nobody knows, as loudly as its source can bear."""
        from kuma_net.tproxy.spelling import MOST

        self.unknown_keys += 1
        right = _suggestion(key, path, tree) if self.unknown_keys <= MOST else ""
        if self.lenient or source.startswith("annotation "):
            note = Violation(path, "", source, "unknown key, without effect", right)
            self.notes.append(str(note))
        else:
            self.wrong(path, "", source, "unknown key", right)

    def refused(self, path: str, item: object, source: str) -> bool:
        """Refuse a key in words, unless what it holds asks for nothing; False for no such key."""
        from kuma_net.tproxy.legacy import REFUSED_KEYS

        if path == "ebpf":
            path = "ebpf.enabled"
            item = item.get("enabled") if isinstance(item, dict) else None
        elif path not in REFUSED_KEYS:
            return False
        if item and str(item).strip().lower() not in FALSE_WORDS:
            self.wrong(path, _shown(item), source, REFUSED_KEYS[path])
        return True

    def annotations(self, written: str | Mapping[str, str], name: str) -> None:
        """Take pod annotations, from a file's text or as they are."""
        from kuma_net.tproxy.annotations import parse_annotations, read_annotations

        if isinstance(written, str):
            try:
                written = parse_annotations(written, name)
            except ConfigError as error:
                self.violations += error.violations
                return
        said = read_annotations(written)
        self.violations += said.violations
        self.notes += said.notes
        for given in said.given:
            self.take(given)
        if said.document is not None:
            key, text = said.document
            self.document(text, f"annotation {key}")

    def environment(self, environ: Mapping[str, str]) -> None:
        """Take ``KUMA_TRANSPARENT_PROXY_*``; an empty one clears a list and else says nothing."""
        names = {option.env: option for option in OPTIONS if option.env}
        for name in sorted(environ):
            if not name.startswith(ENV_PREFIX):
                continue
            suffix, text = name[len(ENV_PREFIX) :], environ[name]
            option = names.get(suffix)
            if option is not None:
                if text.strip():
                    self.take(Given(option.path, text, f"env {name}"))
                elif KINDS[option.kind].many:
                    self.take(Given(option.path, [], f"env {name}"))
            else:
                self.strange_variable(name, text, tuple(ENV_PREFIX + known for known in names))

    def strange_variable(self, name: str, text: str, known: tuple[str, ...]) -> None:
        """Refuse a variable that asks for what is refused; say of another that it has no effect.

        It may belong to another program, so it is no error.
        """
        from kuma_net.tproxy.legacy import EBPF_ENV, REFUSED_ENV, REFUSED_KEYS
        from kuma_net.tproxy.spelling import did_you_mean

        suffix = name[len(ENV_PREFIX) :]
        path = REFUSED_ENV.get(suffix)
        if path is not None:
            if text.strip() and text.strip().lower() not in FALSE_WORDS:
                self.wrong(path, text, f"env {name}", REFUSED_KEYS[path])
            return
        if suffix.startswith(EBPF_ENV):
            return
        right = did_you_mean(name, known)
        self.notes.append(f"env {name} has no effect" + (f"; {right}" if right else ""))

    def flags(self, flags: tuple[tuple[str, str], ...]) -> None:
        """Take the flags: uses of a repeatable one, old names included, add up."""
        lists: dict[str, tuple[str, list[str]]] = {}
        for flag, text in flags:
            path, texts = self.flag(flag, text)
            if texts and BY_PATH[path].repeatable:
                lists.setdefault(path, (f"flag {flag}", []))[1].extend(texts)
            elif texts:
                self.take(Given(path, texts[0], f"flag {flag}"))
        for path, (source, texts) in lists.items():
            self.take(Given(path, texts, source))
        self.both_dns_flags(dict(flags))

    def flag(self, flag: str, text: str) -> tuple[str, Sequence[str]]:
        """Return the key path and the texts that a flag stands for; say so of an old name."""
        option = BY_FLAG.get(flag)
        if option is not None:
            return option.path, (text,)
        from kuma_net.tproxy.legacy import FLAGS, deprecation, translate

        legacy = FLAGS[flag]
        self.notes.append(deprecation(legacy))
        return translate(legacy, text)

    def override(self) -> None:
        """Take what a program sets, by key path."""
        for path, value in self.overrides.items():
            if path in BY_PATH:
                self.take(Given(path, value, OVERRIDE))
            else:
                from kuma_net.tproxy.spelling import did_you_mean

                self.wrong(path, "", OVERRIDE, "unknown key", did_you_mean(path, BY_PATH))

    def both_dns_flags(self, flags: dict[str, str]) -> None:
        """Refuse the two DNS flags together: they answer the same question differently."""
        one, every = DNS_FLAGS
        if one in flags and flags.get(every, "false").lower() not in FALSE_WORDS:
            from kuma_net.tproxy.flags import COMMAND_LINE

            right = f"leave out {one}, which {every} implies, or {every}"
            wrong = f"only one of {one} and {every} can be given"
            self.wrong("redirect.dns", "", COMMAND_LINE, wrong, right)

    # --- one value ----------------------------------------------------------------------------

    def take(self, given: Given) -> None:
        """Read one given value and let it replace, or extend, what was there."""
        option = BY_PATH[given.path]
        kind = KINDS[option.kind]
        if not (self.allowed is None or given.path in self.allowed or given.source == OVERRIDE):
            self.disregard(given, option)
            return
        texts = self.plain_texts(given, option)
        if texts is None:
            return
        bad: list[Any] = []
        value = kind.read(texts, bad)
        for position, error in bad:
            listed = isinstance(given.value, list) and given.source.startswith("file ")
            path = f"{given.path}[{position}]" if listed else given.path
            self.wrong(path, error.piece, given.source, error.wrong, error.right)
        if bad:
            return
        if given.extend or option.kind == "executables":
            texts = self.texts.get(given.path, []) + texts
            value = kind.read(texts, bad)
        if kind.many:
            self.texts[given.path] = texts
        self.values[given.path] = value
        self.origins[given.path] = Origin(given.source, "" if kind.many else texts[-1])

    def disregard(self, given: Given, option: Option) -> None:
        """Leave unread what may not be said; tell of it where something else holds."""
        from kuma_net.tproxy.allowance import disregarded

        holds = _text(self.overrides.get(given.path, option.default))
        note = disregarded(given, option, holds or "")
        self.notes += [note] if note else []

    def plain_texts(self, given: Given, option: Option) -> list[str] | None:
        """Return a given value as texts; None when it says nothing or was refused."""
        kind = KINDS[option.kind]
        value = given.value
        if type(value) is str:
            return [value]
        if value is None:
            return None
        if isinstance(value, list) and kind.many:
            texts = [item if type(item) is str else _text(item) for item in value]
            if None not in texts:
                return texts  # type: ignore[return-value]  # no None is left
            value = value[texts.index(None)]
        elif isinstance(value, dict) and option.kind == "executables":
            return [f"{name}:{path}" for name, path in value.items() if path]
        elif (text := _text(value)) is not None:
            return [text]
        right = f"write {kind.expects}"
        self.wrong(given.path, _shown(value), given.source, "not of the right type", right)
        return None

    def wrong(self, path: str, value: str, source: str, wrong: str, right: str = "") -> None:
        """Note a violation."""
        self.violations.append(Violation(path, value, source, wrong, right))

    # --- all together -------------------------------------------------------------------------

    def finish(self) -> None:
        """See to what one option means for another."""
        every, enabled = "redirect.dns.captureAll", "redirect.dns.enabled"
        if self.values.get(every) and not self.values.get(enabled):
            self.values[enabled] = True
            self.origins[enabled] = self.origins[every]

    def config(self) -> Config:
        """Return the configuration that all values make."""
        groups: dict[str, dict[str, Any]] = {}
        for path, value in self.values.items():
            group, _, field = BY_PATH[path].field.rpartition(".")
            groups.setdefault(group, {})[field] = value
        redirect = Redirect(
            inbound=Inbound(**groups.get("redirect.inbound", {})),
            outbound=Outbound(**groups.get("redirect.outbound", {})),
            dns=Dns(**groups.get("redirect.dns", {})),
            **groups.get("redirect", {}),
        )
        return Config(
            redirect=redirect,
            log=Log(**groups.get("log", {})),
            retry=Retry(**groups.get("retry", {})),
            origins=self.origins,
            **groups.get("", {}),
        )


def _text(value: object) -> str | None:
    """Return a scalar of a document as the text that it was; None for lists and mappings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int | float) else None


def _shown(value: object) -> str:
    """Return a value for a message, not longer than a line."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits a line


def _suggestion(key: str, path: str, tree: Tree) -> str:
    """Return what an unknown key may have been meant to be: a neighbour, or one elsewhere."""
    from kuma_net.tproxy.spelling import did_you_mean

    near = did_you_mean(key, tree)
    if near:
        return near
    parents = [known.rpartition(".")[0] for known in BY_PATH]
    known = dict.fromkeys((*BY_PATH, *parents))
    elsewhere = [one for one in known if one.rpartition(".")[2].lower() == key.lower()]
    return f"did you mean {' or '.join(elsewhere)}?" if elsewhere else did_you_mean(path, known)
