"""Maps of protobuf as servers and kubelets write them; the product only reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_cni.cri.protobuf import encode

if TYPE_CHECKING:
    from collections.abc import Mapping


def encode_map(number: int, entries: Mapping[str, str]) -> list[tuple[int, bytes]]:
    """Return the fields that a map of texts is: a message of key and value for each entry."""
    return [(number, encode([(1, key), (2, value)])) for key, value in entries.items()]
