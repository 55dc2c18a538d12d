"""Names as libcni allows them."""

from __future__ import annotations

import pytest

from kuma_cni.spec.words import is_word, wrong_ifname


@pytest.mark.parametrize("name", ["a", "0", "k8s-pod-network", "a.b_c-d", "Z9.", "a" * 5000])
def test_letters_digits_and_three_signs_make_a_word(name: str) -> None:
    assert is_word(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        ".a",
        "_a",
        ".",
        "..",
        "a/b",
        "a b",
        "a\n",
        "a\0",
        "a:b",
        "é",
        "٣",
        "a\udcff",
        "../x",
    ],
)
def test_anything_else_is_no_word(name: str) -> None:
    assert not is_word(name)


@pytest.mark.parametrize("name", ["eth0", "net1", "a" * 15, "...", "x@y", "é"])
def test_a_name_that_the_kernel_takes_is_right(name: str) -> None:
    assert wrong_ifname(name) == ""


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("a" * 16, "longer than 15 bytes"),
        ("é" * 8, "longer than 15 bytes"),
        (".", "a folder"),
        ("..", "a folder"),
        ("a/b", "neither"),
        ("a:b", "neither"),
        ("a b", "neither"),
        ("a\n", "neither"),
        ("a\0", "neither"),
        ("a\udcff", "neither"),
    ],
)
def test_what_is_wrong_with_another_is_said(name: str, wrong: str) -> None:
    assert wrong in wrong_ifname(name)
