"""Folders of network configuration: what lies there, what is wished, what lies there afterwards.

A scenario is a paragraph::

    a single .conf becomes a list, the former file is kept
      before    00-minikube.conf           one bridge
      with      CNI_CONF_NAME=00-minikube.conf
      after     00-minikube.conflist       list bridge +ours
      after     00-minikube.conf.before-kuma-cni  as before 00-minikube.conf
      target    00-minikube.conflist

Where there is no ``removed`` line, removal leaves the folder exactly as it was before.  What a
file holds is said in few words: ``list TYPE...``, ``one TYPE``, ``text TEXT``; ``+ours`` is our
entry; ``as before FILE`` the same bytes.  ``waits WORDS`` is what is waited for, ``note WORDS``
what is said.

The first sixteen are those that Istio's installer is tested with (files in, files out).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = {"name": "kuma-cni", "type": "kuma-cni", "kubernetes": {"cni_bin_dir": "/opt/cni/bin"}}
"""The entry that the scenarios put in."""

TEXT = """
a list gets our entry at its end
  before    10-calico.conflist                 list calico portmap
  with      CNI_CONF_NAME=10-calico.conflist
  after     10-calico.conflist                 list calico portmap +ours
  after     10-calico.conflist.before-kuma-cni as before 10-calico.conflist
  target    10-calico.conflist

a single .conf becomes a list, the former file is kept
  before    00-minikube.conf                   one bridge
  with      CNI_CONF_NAME=00-minikube.conf
  after     00-minikube.conflist               list bridge +ours
  after     00-minikube.conf.before-kuma-cni   as before 00-minikube.conf
  target    00-minikube.conflist

without a name the first list by name is taken
  before    00-calico.conflist                 list calico portmap
  before    01-minikube.conf                   one bridge
  after     00-calico.conflist                 list calico portmap +ours
  after     00-calico.conflist.before-kuma-cni as before 00-calico.conflist
  after     01-minikube.conf                   as before 01-minikube.conf
  target    00-calico.conflist

without a name the first .conf by name is taken
  before    00-minikube.conf                   one bridge
  before    01-calico.conflist                 list calico portmap
  after     00-minikube.conflist               list bridge +ours
  after     00-minikube.conf.before-kuma-cni   as before 00-minikube.conf
  after     01-calico.conflist                 as before 01-calico.conflist
  target    00-minikube.conflist

what is no JSON is skipped for the next .conf
  before    00-non-json.conf                   text this is not JSON
  before    01-minikube.conf                   one bridge
  before    02-calico.conflist                 list calico portmap
  after     00-non-json.conf                   as before 00-non-json.conf
  after     01-minikube.conflist               list bridge +ours
  after     01-minikube.conf.before-kuma-cni   as before 01-minikube.conf
  after     02-calico.conflist                 as before 02-calico.conflist
  target    01-minikube.conflist
  note      00-non-json.conf is not JSON: containerd stops there

what is no JSON is skipped for the next list
  before    00-non-json.conf                   text this is not JSON
  before    01-calico.conflist                 list calico portmap
  before    02-minikube.conf                   one bridge
  after     00-non-json.conf                   as before 00-non-json.conf
  after     01-calico.conflist                 list calico portmap +ours
  after     01-calico.conflist.before-kuma-cni as before 01-calico.conflist
  after     02-minikube.conf                   as before 02-minikube.conf
  target    01-calico.conflist

a .conf without a type is skipped for the next .conf
  before    00-bad.conf                        text {"name": "rkt.kubernetes.io"}
  before    01-minikube.conf                   one bridge
  before    02-calico.conflist                 list calico portmap
  after     00-bad.conf                        as before 00-bad.conf
  after     01-minikube.conflist               list bridge +ours
  after     01-minikube.conf.before-kuma-cni   as before 01-minikube.conf
  after     02-calico.conflist                 as before 02-calico.conflist
  target    01-minikube.conflist
  note      00-bad.conf has no "type"

a .conf without a type is skipped for the next list
  before    00-bad.conf                        text {"name": "rkt.kubernetes.io"}
  before    01-calico.conflist                 list calico portmap
  before    02-minikube.conf                   one bridge
  after     00-bad.conf                        as before 00-bad.conf
  after     01-calico.conflist                 list calico portmap +ours
  after     01-calico.conflist.before-kuma-cni as before 01-calico.conflist
  after     02-minikube.conf                   as before 02-minikube.conf
  target    01-calico.conflist

lists without a name and without plugins are skipped for the next .conf
  before    00-noname.conflist                 text {"plugins": [{"type": "calico"}]}
  before    01-noplugins.conflist              text {"name": "k8s-pod-network"}
  before    02-minikube.conf                   one bridge
  before    03-calico.conflist                 list calico portmap
  after     00-noname.conflist                 as before 00-noname.conflist
  after     01-noplugins.conflist              as before 01-noplugins.conflist
  after     02-minikube.conflist               list bridge +ours
  after     02-minikube.conf.before-kuma-cni   as before 02-minikube.conf
  after     03-calico.conflist                 as before 03-calico.conflist
  target    02-minikube.conflist
  note      00-noname.conflist has no "name"
  note      01-noplugins.conflist has no "plugins"

lists without a name and without plugins are skipped for the next list
  before    00-noname.conflist                 text {"plugins": [{"type": "calico"}]}
  before    01-noplugins.conflist              text {"name": "k8s-pod-network"}
  before    02-calico.conflist                 list calico portmap
  before    03-minikube.conf                   one bridge
  after     00-noname.conflist                 as before 00-noname.conflist
  after     01-noplugins.conflist              as before 01-noplugins.conflist
  after     02-calico.conflist                 list calico portmap +ours
  after     02-calico.conflist.before-kuma-cni as before 02-calico.conflist
  after     03-minikube.conf                   as before 03-minikube.conf
  target    02-calico.conflist

a named .conf that is missing means the list of that name
  before    00-calico.conflist                 list calico portmap
  with      CNI_CONF_NAME=00-calico.conf
  after     00-calico.conflist                 list calico portmap +ours
  after     00-calico.conflist.before-kuma-cni as before 00-calico.conflist
  target    00-calico.conflist

a named list that is missing means the .conf of that name
  before    00-minikube.conf                   one bridge
  with      CNI_CONF_NAME=00-minikube.conflist
  after     00-minikube.conflist               list bridge +ours
  after     00-minikube.conf.before-kuma-cni   as before 00-minikube.conf
  target    00-minikube.conflist

a named file that is not there yet is waited for
  before    20-other.conflist                  list other
  with      CNI_CONF_NAME=10-calico.conflist
  after     20-other.conflist                  as before 20-other.conflist
  waits     10-calico.conflist is not there yet (there is 20-other.conflist)

nothing there yet is waited for
  waits     no other plugin's configuration is there yet

standalone without a name
  with      CHAINED_CNI_PLUGIN=false
  after     YYY-kuma-cni.conflist              list of ours alone
  target    YYY-kuma-cni.conflist

standalone by a name
  with      CHAINED_CNI_PLUGIN=false CNI_CONF_NAME=kuma-cni.conf
  after     kuma-cni.conf                      one of ours alone
  target    kuma-cni.conf

standalone beside a primary network leaves it alone
  before    10-calico.conflist                 list calico
  with      CHAINED_CNI_PLUGIN=false
  after     10-calico.conflist                 as before 10-calico.conflist
  after     YYY-kuma-cni.conflist              list of ours alone
  target    YYY-kuma-cni.conflist

standalone never takes the place of somebody else's network
  before    10-calico.conflist                 list calico
  with      CHAINED_CNI_PLUGIN=false CNI_CONF_NAME=10-calico.conflist
  after     10-calico.conflist                 as before 10-calico.conflist
  waits     10-calico.conflist is somebody else's network

standalone before somebody else's network is told: Multus does not mind, a runtime would
  before    10-calico.conflist                 list calico
  with      CHAINED_CNI_PLUGIN=false CNI_CONF_NAME=05-kuma.conf
  after     05-kuma.conf                       one of ours alone
  after     10-calico.conflist                 as before 10-calico.conflist
  note      05-kuma.conf comes before 10-calico.conflist
  target    05-kuma.conf

standalone takes the place of what is no configuration at all
  before    kuma-cni.conf                      text
  with      CHAINED_CNI_PLUGIN=false CNI_CONF_NAME=kuma-cni.conf
  after     kuma-cni.conf                      one of ours alone
  removed
  target    kuma-cni.conf

an entry of ours is replaced where it stands
  before    10-calico.conflist                 list calico +old portmap
  after     10-calico.conflist                 list calico +ours portmap
  removed   10-calico.conflist                 list calico portmap
  target    10-calico.conflist

two entries of ours become one
  before    10-calico.conflist                 list calico +old portmap +old
  after     10-calico.conflist                 list calico +ours portmap
  removed   10-calico.conflist                 list calico portmap
  target    10-calico.conflist

what is as wished is not written again
  before    10-calico.conflist                 list calico +ours
  after     10-calico.conflist                 as before 10-calico.conflist
  removed   10-calico.conflist                 list calico
  target    10-calico.conflist

a list of our own comes first and is the primary's with us
  before    10-calico.conflist                 list calico portmap
  with      KUMA_CNI_OWN_CONF_NAME=00-kuma-cni.conflist
  after     00-kuma-cni.conflist               copy of 10-calico.conflist calico portmap +ours
  after     10-calico.conflist                 as before 10-calico.conflist
  target    00-kuma-cni.conflist

a list of our own is kept in step with the primary's
  before    00-kuma-cni.conflist               copy of 10-calico.conflist calico +ours
  before    10-calico.conflist                 list calico portmap
  with      KUMA_CNI_OWN_CONF_NAME=00-kuma-cni.conflist
  after     00-kuma-cni.conflist               copy of 10-calico.conflist calico portmap +ours
  after     10-calico.conflist                 as before 10-calico.conflist
  removed   10-calico.conflist                 list calico portmap
  target    00-kuma-cni.conflist

a list of our own from a single .conf leaves that file alone
  before    10-flannel.conf                    one flannel
  with      KUMA_CNI_OWN_CONF_NAME=00-kuma-cni.conflist
  after     00-kuma-cni.conflist               copy of 10-flannel.conf flannel +ours
  after     10-flannel.conf                    as before 10-flannel.conf
  target    00-kuma-cni.conflist

a list of our own stays while the primary's file is away
  before    00-kuma-cni.conflist               copy of 10-calico.conflist calico +ours
  with      KUMA_CNI_OWN_CONF_NAME=00-kuma-cni.conflist
  after     00-kuma-cni.conflist               as before 00-kuma-cni.conflist
  removed
  waits     no other plugin's configuration is there yet
  target    00-kuma-cni.conflist

a list of our own that does not come first is told
  before    00-calico.conflist                 list calico
  with      KUMA_CNI_OWN_CONF_NAME=50-kuma-cni.conflist
  after     00-calico.conflist                 as before 00-calico.conflist
  after     50-kuma-cni.conflist               copy of 00-calico.conflist calico +ours
  waits     the runtime takes 00-calico.conflist, which comes before 50-kuma-cni.conflist
  target    50-kuma-cni.conflist

from our place in the primary's list to a list of our own
  before    10-calico.conflist                 list calico +ours
  before    10-calico.conflist.before-kuma-cni list calico
  with      KUMA_CNI_OWN_CONF_NAME=00-kuma-cni.conflist
  after     00-kuma-cni.conflist               copy of 10-calico.conflist calico +ours
  after     10-calico.conflist                 as before 10-calico.conflist.before-kuma-cni
  removed   10-calico.conflist                 as before 10-calico.conflist.before-kuma-cni
  target    00-kuma-cni.conflist

from a list of our own back to a place in the primary's
  before    00-kuma-cni.conflist               copy of 10-calico.conflist calico +ours
  before    10-calico.conflist                 list calico
  after     10-calico.conflist                 list calico +ours
  after     10-calico.conflist.before-kuma-cni as before 10-calico.conflist
  removed   10-calico.conflist                 as before 10-calico.conflist
  target    10-calico.conflist

a primary that comes before the one we were in is followed
  before    05-cilium.conflist                 list cilium-cni
  before    10-calico.conflist                 list calico +ours
  before    10-calico.conflist.before-kuma-cni list calico
  after     05-cilium.conflist                 list cilium-cni +ours
  after     05-cilium.conflist.before-kuma-cni as before 05-cilium.conflist
  after     10-calico.conflist                 as before 10-calico.conflist.before-kuma-cni
  removed   05-cilium.conflist                 as before 05-cilium.conflist
  removed   10-calico.conflist                 as before 10-calico.conflist.before-kuma-cni
  target    05-cilium.conflist

a .conf beside somebody's list of the same name
  before    10-x.conf                          one bridge
  before    10-x.conflist                      list other
  after     10-x.conf.conflist                 list bridge +ours
  after     10-x.conf.before-kuma-cni          as before 10-x.conf
  after     10-x.conflist                      as before 10-x.conflist
  target    10-x.conf.conflist

a .conf that its owner wrote again is taken anew
  before    10-x.conf                          one bridge
  before    10-x.conflist                      list older +ours
  before    10-x.conf.before-kuma-cni          one older
  after     10-x.conflist                      list bridge +ours
  after     10-x.conf.before-kuma-cni          as before 10-x.conf
  removed   10-x.conf                          as before 10-x.conf
  target    10-x.conflist

a .json becomes a list as well
  before    10-x.json                          one bridge
  after     10-x.conflist                      list bridge +ours
  after     10-x.json.before-kuma-cni          as before 10-x.json
  target    10-x.conflist

two lists of one name: the first counts
  before    10-a.conflist                      list calico
  before    20-a.conflist                      list calico portmap
  after     10-a.conflist                      list calico +ours
  after     10-a.conflist.before-kuma-cni      as before 10-a.conflist
  after     20-a.conflist                      as before 20-a.conflist
  target    10-a.conflist

a list in a .conf that is not Kuma's doing is skipped
  before    10-x.conf                          list calico
  after     10-x.conf                          as before 10-x.conf
  waits     10-x.conf holds a list of plugins, which only a .conflist may

a list in a .conf with our plugin in it is what Kuma's installer left
  before    10-flannel.conf                    list flannel +old
  after     10-flannel.conflist                list flannel +ours
  removed   10-flannel.conflist                list flannel
  target    10-flannel.conflist

the same, asked for by name
  before    10-flannel.conf                    list flannel +old
  with      CNI_CONF_NAME=10-flannel.conf
  after     10-flannel.conflist                list flannel +ours
  removed   10-flannel.conflist                list flannel
  target    10-flannel.conflist

an empty file is waited for
  before    10-calico.conflist                 text
  after     10-calico.conflist                 as before 10-calico.conflist
  waits     10-calico.conflist is empty

half a file is waited for
  before    10-calico.conflist                 text {"name": "k8s-pod-network", "plu
  with      CNI_CONF_NAME=10-calico.conflist
  after     10-calico.conflist                 as before 10-calico.conflist
  waits     10-calico.conflist is not JSON

a byte order mark is told
  before    10-calico.conflist                 text \\ufeff{"name": "a", "plugins": [{"type": "a"}]}
  after     10-calico.conflist                 as before 10-calico.conflist
  waits     10-calico.conflist begins with a byte order mark

lines may end as on Windows
  before    10-x.conf                          text windows
  after     10-x.conflist                      list bridge +ours
  after     10-x.conf.before-kuma-cni          as before 10-x.conf
  target    10-x.conflist

multus comes first and calls the one we are asked to go into
  before    00-multus.conf                     one multus
  before    10-calico.conflist                 list calico
  with      CNI_CONF_NAME=10-calico.conflist
  after     00-multus.conf                     as before 00-multus.conf
  after     10-calico.conflist                 list calico +ours
  after     10-calico.conflist.before-kuma-cni as before 10-calico.conflist
  note      00-multus.conf comes first and calls 10-calico.conflist
  target    10-calico.conflist

somebody else comes before the one we are asked to go into
  before    05-other.conflist                  list other
  before    10-calico.conflist                 list calico
  with      CNI_CONF_NAME=10-calico.conflist
  after     05-other.conflist                  as before 05-other.conflist
  after     10-calico.conflist                 list calico +ours
  after     10-calico.conflist.before-kuma-cni as before 10-calico.conflist
  waits     the runtime takes 05-other.conflist, which comes before 10-calico.conflist
  target    10-calico.conflist

what no runtime reads is nobody's business
  before    10-calico.conflist                 list calico
  before    ZZZ-kuma-cni-kubeconfig            text {}
  before    README                             text 10-calico.conflist
  after     10-calico.conflist                 list calico +ours
  after     10-calico.conflist.before-kuma-cni as before 10-calico.conflist
  after     ZZZ-kuma-cni-kubeconfig            as before ZZZ-kuma-cni-kubeconfig
  after     README                             as before README
  target    10-calico.conflist
"""


class Scenario(Record):
    """A paragraph of the table."""

    title: str
    before: Mapping[str, bytes] = {}
    settings: Mapping[str, str] = {}
    after: Mapping[str, bytes] = {}
    removed: Mapping[str, bytes] = {}
    target: str = ""
    waits: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the title as pytest shows it."""
        return self.title.replace(" ", "-")


def scenarios(text: str = TEXT) -> list[Scenario]:
    """Read the table; raises ValueError for a line that is none."""
    return [_scenario(part.splitlines()) for part in text.strip().split("\n\n")]


def _scenario(lines: list[str]) -> Scenario:
    files: dict[str, dict[str, bytes]] = {"before": {}, "after": {}, "removed": {}}
    told: dict[str, list[str]] = {"with": [], "target": [], "waits": [], "note": [], "removed": []}
    for line in lines[1:]:
        word, _, rest = line.strip().partition(" ")
        name, _, what = rest.strip().partition(" ")
        if word in files and name:
            files[word][name] = _bytes(what.strip(), files["before"])
        elif word in told:
            told[word].append(rest.strip())
        else:
            raise ValueError(f"no line of a scenario: {line}")
    is_told = bool(files["removed"] or told["removed"])
    return Scenario(
        lines[0],
        files["before"],
        dict([pair.split("=") for pair in " ".join(told["with"]).split()]),
        files["after"],
        files["removed"] if is_told else files["before"],
        "".join(told["target"]),
        "".join(told["waits"]),
        tuple(told["note"]),
    )


def _bytes(what: str, before: Mapping[str, bytes]) -> bytes:
    kind, _, rest = what.partition(" ")
    if kind == "as":
        return before[rest.removeprefix("before ")]
    if what == "text windows":
        return b'{\r\n"cniVersion": "0.4.0",\r\n"name": "net",\r\n"type": "bridge"\r\n}\r\n'
    if kind == "text":
        return rest.replace("\\ufeff", "\ufeff").encode()
    if rest == "of ours alone":
        return _alone(as_list=kind == "list")
    return _network(kind, rest.split())


def _network(kind: str, words: list[str]) -> bytes:
    if kind == "copy":
        _, source, *types = words
        return _list(types, {"kuma_cni_copy_of": source})
    if kind == "list":
        return _list(words, {})
    single = {"cniVersion": "0.4.0", "name": "net", kind.replace("one", "type"): words[0]}
    return json.dumps(single, indent=4).encode()


def _list(types: list[str], more: Mapping[str, str]) -> bytes:
    """Write a list, laid out as we write one if we are in it, else as somebody else would."""
    known = {"+ours": OURS, "+old": {"type": "kuma-cni", "log_level": "debug"}}
    plugins = [known.get(one, {"type": one}) for one in types]
    content = {"cniVersion": "0.4.0", "name": "net", "plugins": plugins, **more}
    written = json.dumps(content, indent=2).encode() + b"\n"
    return written if "+ours" in types else written.replace(b"  ", b"\t")


def _alone(*, as_list: bool) -> bytes:
    rest = {key: value for key, value in OURS.items() if key != "name"}
    head: dict[str, object] = {"cniVersion": "0.4.0", "name": "kuma-cni"}
    content = head | ({"plugins": [rest]} if as_list else rest)
    return json.dumps(content, indent=2).encode() + b"\n"
