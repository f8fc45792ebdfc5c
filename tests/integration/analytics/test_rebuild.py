"""Rebuilding the rollups: equal to what the timer's runs made, whatever happened, and wherever it was killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.facts import STRATEGY, Facts, market, place
from tests.patience import PATIENCE
from tests.postgres import Cluster, TestDatabase

from milkbot.analytics import rebuild as rebuilding
from milkbot.analytics.rebuild import Progress, Resumed, rebuild
from milkbot.analytics.rollups import run_rollups
from milkbot.domain.orders import BookSide

BANKROLL = Decimal("992.10")
FIRST = datetime(2026, 8, 30, 12, tzinfo=UTC)
"""Two months, so that a rebuild has two chunks of days."""
DAILY = ("city_metrics_daily", "strategy_metrics_daily", "equity_curve_daily")
TABLES = (*DAILY, "result_totals", "hero_figures", "result_months", "equity_runs", "market_folds")
# What says when it was computed.
MOMENTS = {"computed_at", "as_of"}
TICKERS = [market(city, FIRST.date() + timedelta(days=day)) for city in ("NYC", "CHI") for day in range(4)]

Act = Callable[[Facts], None]


def _state(database: TestDatabase) -> dict[str, list[dict[str, Any]]]:
    with database.engine("milkbot_api").connect() as connection:
        found = {
            table: connection.execute(text(f"SELECT * FROM analytics.{table} AS row ORDER BY row::text"))
            .mappings()
            .all()
            for table in TABLES
        }
    return {
        table: [{name: value for name, value in row.items() if name not in MOMENTS} for row in rows]
        for table, rows in found.items()
    }


def _roll_up(database: TestDatabase) -> None:
    run_rollups(database.engine("milkbot_rollups"), bankroll=BANKROLL)


class _KilledError(Exception):
    """Ends a rebuild between two chunks; within one, its transaction would be rolled back."""


def _rebuild(database: TestDatabase, *, killed_after: int | None = None) -> list[Progress | Resumed]:
    seen: list[Progress | Resumed] = []

    def note(made: Progress | Resumed) -> None:
        seen.append(made)
        if isinstance(made, Progress) and made.number == killed_after:
            raise _KilledError

    try:
        rebuild(database.engine("milkbot_rollups"), bankroll=BANKROLL, report=note)
    except _KilledError:
        assert killed_after is not None
    return seen


def _spoil(database: TestDatabase) -> None:
    """What a rebuild is for: rows that are wrong, that are missing, and that nothing stands behind."""
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE analytics.city_metrics_daily SET net_pnl = 77, win_count = 5"))
        connection.execute(text("UPDATE analytics.result_totals SET win_count = 99"))
        connection.execute(text("UPDATE analytics.result_months SET net_pnl = 99, days = days + 1"))
        connection.execute(text("UPDATE analytics.market_folds SET net = 99, strike_type = 'less'"))
        connection.execute(text("UPDATE analytics.equity_runs SET highest = '2020-01-01', pnl = 99"))
        connection.execute(text("DELETE FROM analytics.strategy_metrics_daily WHERE date > '2026-08-31'"))
        connection.execute(text("UPDATE analytics.equity_curve_daily SET daily_pnl = 77, ending_equity = 77"))
        connection.execute(
            text(
                "INSERT INTO analytics.city_metrics_daily SELECT 'demo', 'LAX', '2026-09-09', 1, 1, 1, 1, 1, 1, 1, 1, "
                "1, now() WHERE EXISTS (SELECT FROM ops.fills)"
            )
        )


def _correct(database: TestDatabase, ticker: str, *, yes: bool) -> None:
    """The exchange takes a result back: what was paid is turned round, with the keys that the trader touches."""
    with database.engine().begin() as connection:
        changed = connection.execute(
            text(
                "UPDATE ops.settlements SET yes_value = :value, realized_pnl = signed_count * :value - cost "
                "WHERE ticker = :ticker AND signed_count > 0 RETURNING settled_at"
            ),
            {"value": Decimal(yes), "ticker": ticker},
        ).one_or_none()
        city, day = place(ticker)
        if changed is not None:
            for bucket, key, of in (
                ("city", city, day),
                ("strategy", STRATEGY, day),
                ("strategy", "another", day),
                ("equity", "", changed.settled_at.astimezone(UTC).date()),
            ):
                connection.execute(
                    text("INSERT INTO ops.rollup_touched (trading_mode, bucket, key, day) VALUES ('demo', :b, :k, :d)"),
                    {"b": bucket, "k": key, "d": of},
                )


def _fill(ticker: str, hours: int, side: BookSide, price: int, strategy: str) -> Act:
    at = FIRST + timedelta(days=place(ticker)[1].day % 5, hours=hours)
    return lambda facts: facts.fill(ticker, at, side=side, price=f"0.{price}", strategy=strategy)


FILLS = st.builds(
    _fill,
    st.sampled_from(TICKERS),
    st.integers(-30, 30),
    st.sampled_from(BookSide),
    st.integers(10, 90),
    st.sampled_from([STRATEGY, "another"]),
)
SIGNALS = st.builds(
    lambda ticker, edge, count: lambda facts: facts.signal(*place(ticker), FIRST, edge=edge, count=count),
    st.sampled_from(TICKERS),
    st.sampled_from([None, "0.05", "-0.02"]),
    st.integers(0, 3),
)


def _settle(ticker: str, days: int, won: str) -> tuple[str, Act]:
    yes = won == "yes"
    return ticker, lambda facts: facts.settle(ticker, FIRST + timedelta(days=days), yes=yes)


SETTLEMENTS = st.lists(
    st.builds(_settle, st.sampled_from(TICKERS), st.integers(0, 6), st.sampled_from(["yes", "no"])),
    unique_by=lambda one: one[0],
    max_size=5,
).map(lambda listed: [act for _, act in listed])
FACTS = st.tuples(st.lists(FILLS | SIGNALS, min_size=1, max_size=10), SETTLEMENTS).flatmap(
    lambda listed: st.permutations([*listed[0], *listed[1]])
)


@given(
    facts=FACTS,
    runs=st.sets(st.integers(0, 14)),
    corrections=st.lists(st.tuples(st.sampled_from(TICKERS), st.booleans()), max_size=3),
    killed_after=st.integers(1, 3),
)
@settings(max_examples=12)
def test_a_rebuild_equals_incremental_runs_wherever_it_is_killed(
    cluster: Cluster, facts: list[Act], runs: set[int], corrections: list[tuple[str, bool]], killed_after: int
) -> None:
    with cluster.database() as database:
        writer = Facts(database.engine())
        for number, act in enumerate(facts):
            act(writer)
            if number in runs:
                _roll_up(database)
        for ticker, yes in corrections:
            _correct(database, ticker, yes=yes)
        _roll_up(database)
        incremental = _state(database)
        _check_curve(incremental["equity_curve_daily"])
        _rebuild(database)
        assert _state(database) == incremental
        _spoil(database)
        _rebuild(database, killed_after=killed_after)
        _rebuild(database)
        assert _state(database) == incremental


def _check_curve(rows: list[dict[str, Any]]) -> None:
    """The running values, added up once more."""
    ending = high = BANKROLL
    for row in rows:
        assert row["starting_equity"] == ending
        ending += row["daily_pnl"]
        high = max(high, ending)
        percent = (100 * (high - ending) / high).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        assert (row["ending_equity"], row["cumulative_pnl"]) == (ending, ending - BANKROLL)
        assert (row["high_water_mark"], row["drawdown"], row["drawdown_pct"]) == (high, high - ending, percent)


def test_loss_on_the_first_day_is_measured_from_the_start(database: TestDatabase) -> None:
    Facts(database.engine()).fill(TICKERS[0], FIRST, fee="10")
    _roll_up(database)
    (row,) = _state(database)["equity_curve_daily"]
    assert (row["drawdown"], row["high_water_mark"]) == (Decimal(10), BANKROLL)


def test_account_without_money_has_no_percentage(database: TestDatabase) -> None:
    Facts(database.engine()).fill(TICKERS[0], FIRST)
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(0))
    assert _state(database)["equity_curve_daily"][0]["drawdown_pct"] == 0


@pytest.fixture
def months(database: TestDatabase) -> TestDatabase:
    """Facts of two months."""
    facts = Facts(database.engine())
    for ticker in TICKERS:
        facts.fill(ticker, FIRST)
        facts.settle(ticker, FIRST + timedelta(days=5), yes=True)
    return database


def test_a_killed_rebuild_continues_where_it_was_and_says_so(months: TestDatabase) -> None:
    _rebuild(months, killed_after=1)
    resumed, *rest = _rebuild(months)
    assert isinstance(resumed, Resumed)
    assert (resumed.done, resumed.total) == (1, 3)
    assert [str(one.chunk) for one in rest if isinstance(one, Progress)] == ["demo 2026-09", "demo totals"]
    assert len(_rebuild(months)) == 3, "a finished one begins anew"


@pytest.mark.parametrize("change", ["release", "days"])
def test_another_rebuild_does_not_continue_an_unfinished_one(
    months: TestDatabase, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    _rebuild(months, killed_after=2)
    first = None
    if change == "release":
        monkeypatch.setattr(rebuilding, "release_id", lambda: "another")
    else:
        first = date(2026, 8, 1)
    seen: list[Progress | Resumed] = []
    rebuild(months.engine("milkbot_rollups"), bankroll=BANKROLL, first=first, report=seen.append)
    assert [type(one) for one in seen] == [Progress] * 3


def test_facts_that_come_during_a_rebuild_are_in_the_rollups_after_the_next_run(months: TestDatabase) -> None:
    facts = Facts(months.engine(), prefix="late-")
    seen: list[Progress | Resumed] = []

    def note(made: Progress | Resumed) -> None:
        seen.append(made)
        facts.fill(TICKERS[len(seen)], FIRST, fee="3")
        if len(seen) == 2:
            _roll_up(months)  # the timer's run comes in between

    rebuild(months.engine("milkbot_rollups"), bankroll=BANKROLL, report=note)
    _roll_up(months)
    incremental = _state(months)
    assert sum(row["fees"] for row in incremental["city_metrics_daily"]) == Decimal("0.17") * len(TICKERS) + 9
    _rebuild(months)
    assert _state(months) == incremental


def test_the_timers_run_waits_for_one_chunk_only(cluster: Cluster, months: TestDatabase) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE datname = :name AND locktype = 'advisory' AND NOT granted"
    )
    run = threading.Thread(target=_roll_up, args=(months,))
    order: list[str] = []
    original = rebuilding.set_mark

    def while_it_has_the_lock(*given: Any) -> None:
        if not order:
            run.start()
            deadline = time.monotonic() + PATIENCE
            with cluster.admin.connect() as admin:
                while not admin.scalar(waiting, {"name": months.name}):
                    assert time.monotonic() < deadline, "the run does not wait for the rebuild"
                    time.sleep(0.01)
        original(*given)

    def note(_: Progress | Resumed) -> None:
        order.append("chunk")
        if len(order) == 1:
            run.join(PATIENCE)
            order.append("run" if not run.is_alive() else "still waits")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rebuilding, "set_mark", while_it_has_the_lock)
        rebuild(months.engine("milkbot_rollups"), bankroll=BANKROLL, report=note)
    assert order == ["chunk", "run", "chunk", "chunk"]
