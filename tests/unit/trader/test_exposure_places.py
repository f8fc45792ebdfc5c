"""In whose limits an event counts: a high and a low of one city together, an unknown series alone."""

from __future__ import annotations

import pytest

from milkbot.trader.exposure import place_of


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ("KXHIGHDEN-26AUG03", ("DEN", "mountain")),
        ("KXLOWTDEN-26AUG03", ("DEN", "mountain")),
        ("KXHIGHROME-26AUG03", ("KXHIGHROME", "KXHIGHROME")),
    ],
)
def test_an_event_counts_in_its_citys_limits_and_an_unknown_one_in_its_own(event: str, place: tuple[str, str]) -> None:
    assert place_of(event) == place
