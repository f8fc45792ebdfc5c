"""`milkbot series`: what the exchange lists, and what of it is missed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.atlas import XANADU, table_with
from tests.cli import Milkbot

from milkbot.domain.cities import all_series


def test_the_listing_of_the_exchange_is_held_against_the_table(connected: Milkbot) -> None:
    done = connected("series", "--json")
    rows = {row["series"]: row for row in json.loads(done.out)}
    assert done.code == 0
    assert rows["KXHIGHNY"] == {
        "series": "KXHIGHNY", "standing": "traded", "city": "New York", "extreme": "high",
        "detail": "Highest temperature in New York",
    }  # fmt: skip
    others = {series.ticker for series in all_series()} - {"KXHIGHNY"}
    assert {name for name, row in rows.items() if row["standing"] == "known"} == others


def test_a_traded_series_that_is_not_listed_fails(connected: Milkbot, tmp_path: Path) -> None:
    with table_with(tmp_path, XANADU):
        done = connected("series", TRADING_SERIES="KXHIGHNY,KXHIGHTXAN")
    assert done.code == 1
    assert "KXHIGHTXAN" in done.out
    assert "gone" in done.out


def test_the_listing_is_shown_where_the_trader_refuses_its_settings(connected: Milkbot) -> None:
    done = connected("series", TRADING_SERIES="KXHIGHROME", KALSHI_PRIVATE_KEY_PATH="/nowhere")
    assert "KXHIGHNY" in done.out
    assert "KXHIGHROME" in done.err


def test_an_exchange_that_does_not_answer_has_its_own_exit_code(milkbot: Milkbot) -> None:
    assert milkbot("series").code == 69
