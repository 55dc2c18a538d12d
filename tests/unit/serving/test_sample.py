"""How much of a flood is written: its text is what the options of our services read."""

from __future__ import annotations

from kuma_net.serving.sample import Sample


def test_it_prints_as_it_is_written_on_a_command_line() -> None:
    assert str(Sample(10, 1000)) == "10/1000"
