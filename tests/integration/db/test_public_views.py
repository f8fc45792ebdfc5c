"""What the public may see: nothing younger than an hour, no second, no id."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import RowMapping, text
from tests.facts import Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.db import state
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.trading_state import TradingState

DAY = date(2026, 11, 20)


def _public(database: TestDatabase) -> list[RowMapping]:
    with database.engine("milkbot_api").connect() as connection:
        rows = connection.execute(text("SELECT * FROM analytics.v_public_trades ORDER BY trade_time DESC"))
        return list(rows.mappings())


def _rows(database: TestDatabase, view: str) -> list[RowMapping]:
    with database.engine("milkbot_api").connect() as connection:
        return list(connection.execute(text(f"SELECT * FROM analytics.{view}")).mappings())


def young() -> datetime:
    """A moment that is not public yet."""
    return hours_ago(59 / 60)


def old() -> datetime:
    """A moment that is public since a minute ago."""
    return hours_ago(61 / 60)


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


def test_a_trade_shows_the_strike_of_its_market(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.snapshot(market("NYC", DAY, "T49"), hours_ago(9), "0.10", "0.20")
    facts.snapshot(market("NYC", DAY, "T49"), hours_ago(8), "0.10", "0.20")
    facts.fill(market("NYC", DAY, "T49"), hours_ago(8))
    (row,) = _public(database)
    assert (row["strike_type"], row["floor_strike"], row["cap_strike"]) == ("greater", 49, None)


def test_a_result_of_59_minutes_is_hidden_in_trades_and_markets(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    for city, at in (("NYC", young()), ("CHI", old())):
        facts.fill(market(city, DAY), hours_ago(30))
        facts.settle(market(city, DAY), at, yes=True)
        facts.result(market(city, DAY), at, "yes", "60.00")
    assert {row["city_code"]: row["realized_pnl"] for row in _public(database)} == {"NYC": None, "CHI": Decimal("5.83")}
    markets = {row["city_code"]: row for row in _rows(database, "v_public_markets")}
    assert [(markets[city]["is_open"], markets[city]["result"]) for city in ("NYC", "CHI")] == [
        (True, None),
        (False, "yes"),
    ]
    assert [row["expiration_value"] for row in markets.values()].count(None) == 1
    assert [row["ticker"] for row in _rows(database, "v_public_results")] == [market("CHI", DAY)]


def test_a_market_is_shown_an_hour_after_its_first_trade_and_without_its_younger_ones(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), young())
    assert _rows(database, "v_public_markets") == []
    facts.fill(market("CHI", DAY), old())
    facts.fill(market("CHI", DAY), young())
    (row,) = _rows(database, "v_public_markets")
    assert (row["trades"], row["signed_count"], row["cost"], row["fees"]) == (1, 10, Decimal(4), Decimal("0.17"))


def _folds(database: TestDatabase) -> int:
    with database.engine("milkbot_rollups").connect() as connection:
        return connection.execute(text("SELECT * FROM analytics.market_folds")).rowcount


def test_a_market_is_the_same_by_its_fold_and_the_trades_since_as_by_all_its_trades(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.snapshot(market("NYC", DAY), hours_ago(10), "0.30", "0.34")
    facts.fill(market("NYC", DAY), hours_ago(9), price="0.40")
    facts.fill(market("NYC", DAY), hours_ago(8), price="0.45", count="4", side=BookSide.ASK, reduce_only=True)
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1000))
    facts.fill(market("NYC", DAY), hours_ago(7), price="0.35", count="12", side=BookSide.ASK, strategy="another")
    facts.fill(market("NYC", DAY), young())
    assert _folds(database) == 1
    by_fold = _rows(database, "v_public_markets"), _public(database)
    assert [row["trades"] for row in by_fold[0]] == [3]
    with database.engine().begin() as connection:
        connection.execute(text("DELETE FROM analytics.market_folds"))
    assert (_rows(database, "v_public_markets"), _public(database)) == by_fold


def test_a_day_that_the_release_before_computes_keeps_no_fold_that_may_be_old(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    for city in ("NYC", "CHI"):
        facts.fill(market(city, DAY), hours_ago(9))
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1000))
    with database.engine("milkbot_rollups").begin() as connection:
        connection.execute(text("DELETE FROM analytics.city_metrics_daily WHERE city_code = 'NYC'"))
        row = "SELECT 'demo', 'NYC', CAST(:day AS date), 1, 1, 1, 1, 1, 1, 1, 1, 1, now()"
        connection.execute(text(f"INSERT INTO analytics.city_metrics_daily {row}"), {"day": DAY})
    assert _folds(database) == 1


def test_an_open_position_is_marked_by_the_newest_book_that_is_public(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), hours_ago(9), price="0.40")
    facts.fill(market("CHI", DAY), hours_ago(9), price="0.40", side=BookSide.ASK)
    for city in ("NYC", "CHI"):
        facts.snapshot(market(city, DAY), hours_ago(8), "0.10", "0.20")
        facts.snapshot(market(city, DAY), old(), "0.45", "0.48")
        facts.snapshot(market(city, DAY), young(), "0.90", "0.95")
    marked = {row["city_code"]: row["unrealized_pnl"] for row in _rows(database, "v_public_markets")}
    # YES: 10 x (0.45 - 0.40). NO: 10 x (1 - 0.48) - 10 x 0.60.
    assert marked == {"NYC": Decimal("0.50"), "CHI": Decimal("-0.80")}


def test_a_position_that_nobody_offers_to_buy_has_no_worth_rather_than_none(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), hours_ago(9))
    facts.snapshot(market("NYC", DAY), hours_ago(8), None, "0.20")
    (row,) = _rows(database, "v_public_markets")
    assert (row["unrealized_pnl"], row["is_open"]) == (None, True)


@pytest.mark.parametrize("yes", [True, False])
def test_a_markets_result_is_the_sum_of_its_trades(database: TestDatabase, *, yes: bool) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), hours_ago(30), price="0.40")
    facts.fill(market("NYC", DAY), hours_ago(29), price="0.55", count="4", side=BookSide.ASK, reduce_only=True)
    facts.fill(market("CHI", DAY), hours_ago(30), price="0.40", side=BookSide.ASK)
    for city in ("NYC", "CHI"):
        facts.settle(market(city, DAY), hours_ago(2), yes=yes)
    markets = {row["ticker"]: row["realized_pnl"] for row in _rows(database, "v_public_markets")}
    trades: dict[str, Decimal] = dict.fromkeys(markets, Decimal(0))
    for row in _public(database):
        trades[row["ticker"]] += row["realized_pnl"]
    assert markets == trades


def test_a_position_that_was_sold_has_its_result_before_settlement(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", DAY), hours_ago(30), price="0.40")
    facts.fill(market("NYC", DAY), hours_ago(29), price="0.55", side=BookSide.ASK, reduce_only=True)
    (row,) = _rows(database, "v_public_markets")
    shown = [row[name] for name in ("is_open", "signed_count", "bought", "sold", "realized_pnl", "unrealized_pnl")]
    assert shown == [False, 0, 10, 10, Decimal("1.16"), None]


def test_a_forecast_of_59_minutes_is_hidden_and_one_of_61_is_shown_with_what_was_held_then(
    database: TestDatabase,
) -> None:
    facts = Facts(database.engine())
    event = market("NYC", DAY).rsplit("-", 1)[0]
    facts.forecast(event, young(), {"B60.5": 0.9})
    facts.forecast(event, old(), {"B60.5": 0.7}, is_live=False)
    assert _rows(database, "v_public_forecasts") == []
    facts.fill(f"{event}-B60.5", old())
    facts.fill(f"{event}-B60.5", young())
    facts.forecast(event, old(), {"L60": 0.2, "B60.5": 0.7, "T61": 0.1})
    rows = _rows(database, "v_public_forecasts")
    assert {row["ticker"].rsplit("-", 1)[1]: (row["probability"], row["signed_count"]) for row in rows} == {
        "L60": (0.2, 0),
        "B60.5": (0.7, 10),
        "T61": (0.1, 0),
    }


def test_the_newest_word_on_a_market_that_is_public_is_its_result(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    for at, result, degrees in ((hours_ago(9), "yes", "60.00"), (old(), "no", "62.00"), (young(), "yes", "61.00")):
        facts.result(market("NYC", DAY), at, result, degrees)
    (row,) = _rows(database, "v_public_results")
    assert (row["result"], row["expiration_value"]) == ("no", "62.00")


@pytest.mark.parametrize(
    ("set_by", "hours", "code"),
    [
        ("breaker daily_loss", 2, "daily_loss"),
        ("breaker daily_loss", 0.5, None),
        ("breaker blind", 0.5, "blind"),
        ("reconciliation", 0.5, "reconciliation"),
        ("alice", 0.5, "operator"),
    ],
)
def test_status_names_no_person_and_no_loss_of_the_last_hour(
    database: TestDatabase, set_by: str, hours: float, code: str | None
) -> None:
    Facts(database.engine()).tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    with transaction(database.engine()) as session:
        state.set_state(
            session,
            mode=TradingMode.DEMO,
            state=TradingState.HALTED,
            reason="lost 51.20 of 50.00 dollars",
            set_by=set_by,
            since=hours_ago(hours),
        )
    (row,) = _rows(database, "v_platform_status")
    assert (row["trading_state"], row["trading_state_code"]) == ("halted", code)
    assert "alice" not in str(dict(row))
    assert "51.20" not in str(dict(row))


def test_an_active_trader_has_no_reason_for_its_state(database: TestDatabase) -> None:
    Facts(database.engine()).tick(hours_ago(0), finished=hours_ago(0), outcome="ok")
    (row,) = _rows(database, "v_platform_status")
    assert (row["trading_state"], row["trading_state_code"], row["trading_state_since"]) == ("active", None, None)
