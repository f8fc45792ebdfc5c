"""What the public may see: nothing younger than an hour, no second, no id."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import RowMapping, text
from tests.facts import Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.domain.orders import BookSide

DAY = date(2026, 11, 20)


def _public(database: TestDatabase) -> list[RowMapping]:
    with database.engine("milkbot_api").connect() as connection:
        rows = connection.execute(text("SELECT * FROM analytics.v_public_trades ORDER BY trade_time DESC"))
        return list(rows.mappings())


def test_trade_of_59_minutes_is_hidden_and_one_of_61_is_shown(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), hours_ago(59 / 60))
    assert _public(database) == []
    facts.fill(market("CHI", DAY), hours_ago(61 / 60))
    assert [row["city_code"] for row in _public(database)] == ["CHI"]


def test_no_function_of_the_reader_sees_a_hidden_trade(database: TestDatabase) -> None:
    """A plain view would let a condition that raises run before the delay, and the error would show the row."""
    Facts(database.engine()).fill(market("NYC", DAY), hours_ago(0.1))
    with database.engine("milkbot_api").connect() as connection:
        count = connection.scalar(
            text("SELECT count(*) FROM analytics.v_public_trades WHERE CAST(ticker AS integer) = 1")
        )
    assert count == 0


def test_time_of_a_trade_is_shown_to_the_minute(database: TestDatabase) -> None:
    at = (hours_ago(5)).replace(second=42, microsecond=123_456)
    Facts(database.engine()).fill(market("NYC", DAY), at)
    assert _public(database)[0]["trade_time"] == at.replace(second=0, microsecond=0)


def test_no_column_names_an_id(database: TestDatabase) -> None:
    Facts(database.engine()).fill(market("NYC", DAY), hours_ago(2))
    row = _public(database)[0]
    assert [name for name in row if name.endswith("id") or name in {"tick", "order", "signal"}] == []
    assert not [
        value for value in row.values() if isinstance(value, str) and value.startswith(("order-", "fill-", "mb-"))
    ]


@pytest.mark.parametrize(
    ("side", "yes", "leg", "price", "pnl"),
    [
        (BookSide.BID, True, "yes", "0.40", "5.83"),
        (BookSide.BID, False, "yes", "0.40", "-4.17"),
        (BookSide.ASK, True, "no", "0.60", "-6.17"),
        (BookSide.ASK, False, "no", "0.60", "3.83"),
    ],
)
def test_trade_shows_the_leg_that_was_bought_and_its_result(
    database: TestDatabase, side: BookSide, *, yes: bool, leg: str, price: str, pnl: str
) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), hours_ago(30), side=side)
    assert _public(database)[0]["realized_pnl"] is None
    facts.settle(market("NYC", DAY), hours_ago(2), yes=yes)
    row = _public(database)[0]
    assert (row["side"], row["price"], row["realized_pnl"]) == (leg, Decimal(price), Decimal(pnl))


def test_results_of_a_reversed_position_add_up(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    ticker = market("NYC", DAY)
    facts.fill(ticker, hours_ago(30), count="10", price="0.40", fee="0")
    facts.fill(ticker, hours_ago(29), side=BookSide.ASK, count="4", price="0.55", fee="0")
    facts.settle(ticker, hours_ago(2), yes=True)
    # 10 bought at 0.40, 4 of them sold at 0.55, 6 paid 1.
    assert sum(row["realized_pnl"] for row in _public(database)) == Decimal("4.20")


def test_status_shows_the_latest_finished_tick_of_each_mode(database: TestDatabase) -> None:
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    demo = Facts(database.engine())
    demo.tick(start, finished=start + timedelta(seconds=2), outcome="ok")
    demo.tick(start + timedelta(minutes=5))
    Facts(database.engine(), mode="shadow").tick(start, finished=start, outcome="ok")
    with database.engine("milkbot_api").connect() as connection:
        rows = connection.execute(text("SELECT * FROM analytics.v_platform_status ORDER BY trading_mode")).all()
    assert [(row.trading_mode, row.last_tick_started, row.last_tick_finished) for row in rows] == [
        ("demo", start + timedelta(minutes=5), start + timedelta(seconds=2)),
        ("shadow", start, start),
    ]
