"""What there is to say about one option; ``options`` lists them all."""

from __future__ import annotations

from kuma_net.record import Record

ENV_PREFIX = "KUMA_TRANSPARENT_PROXY_"


class Option(Record):
    """One option, once: every reader, the schema and the documentation come from these fields.

    * ``path``: key path in a configuration document, ``redirect.inbound.port``;
    * ``kind``: its type, a key of ``grammar.KINDS``;
    * ``default``: the default as text (empty: nothing);
    * ``help``: one or two sentences, no line breaks;
    * ``field``: where it lies in ``Config``, ``redirect.inbound.exclude_ips``;
    * ``flag``: ``--name``, or empty where Kuma has none;
    * ``env``: name after ``KUMA_TRANSPARENT_PROXY_``;
    * ``annotations``: pod annotations that set it, whatever their spelling (``annotations``);
    * ``metavar``: the value in help texts; a boolean has none;
    * ``repeatable``: several uses of the flag add up; otherwise the last one counts;
    * ``since``: who brought it: a version of Kuma, or ``kuma-net``.
    """

    path: str
    kind: str
    default: str
    help: str
    field: str
    flag: str = ""
    env: str = ""
    annotations: tuple[str, ...] = ()
    metavar: str = ""
    repeatable: bool = False
    since: str = "2.0"


class Legacy(Record):
    """A name of an older Kuma that still works, or is refused in words.

    * ``name``: flag, key path, annotation, or environment name after the prefix;
    * ``option``: key path of the option it stands for, or empty when it has no effect;
    * ``manner``: how its text becomes that option's text (``legacy.translate``);
    * ``removed``: the version of Kuma that deprecated or removed it, where known;
    * ``advice``: what to write instead, or why there is nothing to write;
    * ``takes_value``: whether a flag is followed by a value.
    """

    name: str
    option: str
    manner: str
    removed: str
    advice: str
    takes_value: bool = True


class Given(Record):
    """An option as one source gives it.

    ``value`` is a text, or what a YAML document holds; ``extend`` adds to what earlier sources
    gave instead of replacing it.
    """

    path: str
    value: object
    source: str
    extend: bool = False
