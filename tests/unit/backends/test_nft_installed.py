"""What is installed is read of one moment, or not at all."""

from __future__ import annotations

import pytest

from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.backends.nftables import Nftables
from kuma_net.errors import NetlinkError
from kuma_net.netlink.message import Message, Request
from kuma_net.netlink.nftables import (
    GETRULE,
)
from lab.nft_samples import applied, ruleset


class Restless(FakeKernel):
    """A kernel whose rules change under the reader, so many times."""

    def __init__(self, times: int, *, vanish: bool = False) -> None:
        """Take how often, and whether what is read is gone then."""
        super().__init__()
        self.times = times
        self.vanish = vanish

    def dump(self, request: Request) -> list[Message]:
        """See ``Kernel``."""
        found = super().dump(request)
        if request.type == GETRULE and self.times > 0:
            self.times -= 1
            self.generation += 1
            if self.vanish:
                raise NetlinkError(2, "No such file or directory", request.words(), 0)
        return found


@pytest.mark.parametrize("vanish", [False, True])
def test_what_is_read_is_of_one_moment(vanish: bool) -> None:
    kernel = Restless(0, vanish=vanish)
    applied(kernel)
    kernel.times = 3
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, kernel.times) == (ruleset(), 0)


def test_rules_that_never_rest_cannot_be_read() -> None:
    kernel = Restless(0)
    applied(kernel)
    kernel.times = 1000
    with pytest.raises(NetlinkError, match="other writers keep changing the rules"):
        Nftables(kernel).read()


class Silent(FakeKernel):
    """A kernel that does not list rules."""

    def dump(self, request: Request) -> list[Message]:
        """See ``Kernel``."""
        if request.type == GETRULE:
            raise NetlinkError(12, "Cannot allocate memory", request.words(), 0)
        return super().dump(request)


def test_a_question_that_is_refused_for_good_is_told() -> None:
    kernel = Silent()
    applied(kernel)
    with pytest.raises(NetlinkError, match="a question for the rules of table kuma_net"):
        Nftables(kernel).read()
