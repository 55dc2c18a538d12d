"""Whose is a listed rule."""

from __future__ import annotations

from kuma_net.netfilter.listing import read_listing
from kuma_net.netfilter.ownership import copies_chain, is_note, is_own_chain, own_rules
from lab.tables import Tables


def owned(text: str) -> list[str]:
    tables = Tables()
    tables.load(text)
    listing = read_listing(tables.saved())
    flags = own_rules(listing)
    return [str(rule) for rule, own in zip(listing.rules, flags, strict=True) if own]


def test_chains_are_known_by_their_name() -> None:
    assert is_own_chain("KUMA_MESH_INBOUND")
    assert not is_own_chain("KUMA_DNS")
    assert is_note("KUMA_MESH_STAMP")
    assert is_note(copies_chain("OUTPUT", behind=True))
    assert not is_note("KUMA_MESH_STAMPED")


def test_rules_are_known_by_chain_comment_and_jump() -> None:
    assert owned(
        """*nat
-N KUMA_MESH_X
-N THEIRS
-A OUTPUT -m comment --comment "kuma/mesh/transparent/proxy/why" -j RETURN
-A OUTPUT -m comment --comment "not kuma/mesh/transparent/proxy/why" -j RETURN
-A THEIRS -p tcp -j KUMA_MESH_X
-A KUMA_MESH_X -j RETURN
COMMIT
"""
    ) == [
        "-t nat KUMA_MESH_X -j RETURN",
        "-t nat OUTPUT -m comment --comment kuma/mesh/transparent/proxy/why -j RETURN",
        "-t nat THEIRS -p tcp -j KUMA_MESH_X",
    ]


def test_a_copy_claims_one_rule_of_its_hook_the_first_or_the_last() -> None:
    text = """*nat
-N KUMA_MESH_STAMP
-N KUMA_MESH_STAMP_OUTPUT_1
-N KUMA_MESH_STAMP_OUTPUT_2
-A OUTPUT -d 10.0.0.1/32 -j RETURN
-A OUTPUT -d 10.0.0.2/32 -j RETURN
-A OUTPUT -d 10.0.0.2/32 -j RETURN
-A OUTPUT -d 10.0.0.1/32 -j RETURN
-A PREROUTING -d 10.0.0.1/32 -j RETURN
-A KUMA_MESH_STAMP_OUTPUT_1 -d 10.0.0.1/32 -j RETURN
-A KUMA_MESH_STAMP_OUTPUT_2 -d 10.0.0.2/32 -j RETURN
COMMIT
"""
    tables = Tables()
    tables.load(text)
    listing = read_listing(tables.saved())
    flags = own_rules(listing)
    places = [at for at, rule in enumerate(listing.rules) if rule.chain == "OUTPUT"]
    assert [flags[at] for at in places] == [True, False, True, False]
    assert sum(flags) == 4
