"""`milkbot replay`: a recorded day traded through gives the same figures on every run."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli import finished, start_milkbot


@pytest.fixture(scope="module")
def recordings(shared_data: Path) -> Path:
    """The recorded quotes of December 2025."""
    folder = shared_data / "history" / "nyc_quotes_2025-12"
    if not folder.is_dir():
        pytest.skip(f"the recorded days are absent at {folder}")
    return folder


def test_recorded_day_trades_settles_and_is_the_same_on_every_run(recordings: Path) -> None:
    command = ("replay", str(recordings), "--day", "2025-12-16", "--step-minutes", "120", "--json")
    demonstration = ("--forecaster", "normal", "--min-edge", "0.03")
    runs = [start_milkbot({}, *command, *demonstration) for _ in range(2)]
    first, second = (finished(run) for run in runs)
    assert first.code == 0, first.err
    assert first.out == second.out

    day = json.loads(first.out)
    assert day["orders"] == len(day["order_list"]) > 0
    assert day["fills"] == len(day["fill_list"]) > 0
    assert sum(day["decisions"].values()) > day["ticks"]
    assert {row[0].rpartition("-")[0] for row in day["settlements"]} == {"KXHIGHNY-25DEC16"}
    won = [Decimal(profit) for *_, profit in day["settlements"]]
    assert sum(won) + Decimal(day["closed_pnl"]) == Decimal(day["gross_pnl"])
    assert Decimal(day["net_pnl"]) == Decimal(day["gross_pnl"]) - Decimal(day["fees"])
    assert Decimal(day["claimed_edge"]) > Decimal("0.03")
    # With two hours from tick to tick there is no forecast near enough to the other two moments.
    assert [row[:3] for row in day["scores"]] == [["normal", "day07", "1"], ["normal", "day13", "1"]]
    assert all(float(ours) > float(market) for ours, market in (row[3:5] for row in day["scores"]))
    assert Decimal(day["realised_edge"]) == round(Decimal(day["net_pnl"]) / Decimal(day["bought"]), 4)


def test_the_default_finds_no_edge_on_a_recorded_day_and_trades_nothing(recordings: Path) -> None:
    done = finished(
        start_milkbot({}, "replay", str(recordings), "--day", "2025-12-16", "--step-minutes", "120", "--json")
    )
    day = json.loads(done.out)
    assert (day["orders"], day["net_pnl"], day["claimed_edge"]) == (0, "0.0000", None)
    assert day["decisions"]["hold: edge_small"] > 0
