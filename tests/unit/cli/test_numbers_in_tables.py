"""Numbers of a table: as many decimals as they need, the same in the whole column."""

from __future__ import annotations

from decimal import Decimal

import pytest

from milkbot.cli.tables import show


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["0.400000", "0.432100"], ["0.4000", "0.4321"]),
        (["10.00", "3.00"], ["10.00", "3.00"]),
        (["0", "0E-6"], ["0.00", "0.00"]),
        (["5"], ["5"]),
        (["-370.400100", "0"], ["-370.4001", "0.0000"]),
        (["1E+2"], ["100"]),
    ],
)
def test_each_column_shows_the_decimals_that_it_needs(
    capsys: pytest.CaptureFixture[str], given: list[str], shown: list[str]
) -> None:
    show("t", ("n",), [(Decimal(number),) for number in given], as_json=False)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[3:]] == shown
