"""nf_tables objects: what they are called in errors, and what makes two of them one."""

from __future__ import annotations

from kuma_net.netfilter.nf_tables import (
    KEY_FIELDS,
    NF_PROTO,
    UID,
    Chain,
    Counter,
    Features,
    Map,
    Rule,
    Set,
    Table,
)


def test_objects_say_what_they_are() -> None:
    assert str(Rule((), "why [setting]")) == 'rule "why [setting]"'
    assert str(Rule((), position=2)) == "rule 3"
    assert str(Chain("nat_output", None)) == "chain nat_output"
    assert str(Set("uids", (UID,), interval=False, elements=())) == "set uids"
    assert str(Map("there", NF_PROTO, ())) == "map there"
    assert str(Table("inet", "kuma_net", "", (), (), ())) == "table inet kuma_net"


def test_what_a_counter_counted_does_not_make_it_another() -> None:
    assert Counter(1, 2) == Counter()


def test_types_of_keys_have_numbers_of_their_own() -> None:
    assert len({field.number for field in KEY_FIELDS}) == len(KEY_FIELDS)


def test_a_kernel_is_believed_to_have_everything() -> None:
    everything = Features()
    assert all(getattr(everything, name) for name in everything.__match_args__)
