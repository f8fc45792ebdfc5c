"""How markets came out is stored of every event that was seen, held or not, by few requests and off the usual tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
from tests.fakes import reply
from tests.integration.trader.stage import Send, Stage

from milkbot.simulator.engine import interventions

TODAY = "26AUG03"
SETTLED = datetime(2026, 8, 4, 17, 10, tzinfo=UTC)
"""On Tuesday, when Monday's events have settled."""
OVER = datetime(2026, 8, 4, 10, 10, tzinfo=UTC)
"""When their day is over, and they have not settled."""
STORED = """
    SELECT ticker, event_ticker, climate_day, result, yes_value, expiration_value, settled_at FROM ops.market_results
    ORDER BY id
"""


def result_reads(stage: Stage) -> list[httpx2.Request]:
    """The requests that ask for events whatever their state."""
    return [one for one in stage.wire.requests if one.url.path.endswith("/events") and "status" not in one.url.params]


def settle(stage: Stage) -> None:
    """A tick on Monday, and one on Tuesday after the settlement."""
    stage.tick()
    stage.exchange.advance_to(SETTLED)
    stage.tick()


def test_results_of_markets_that_were_not_held_are_stored_by_one_request(stage: Stage) -> None:
    settle(stage)
    rows = stage.rows(STORED)
    assert {row["event_ticker"] for row in rows} == {f"KXHIGHNY-{TODAY}", f"KXHIGHCHI-{TODAY}"}
    assert len(rows) == 12 > stage.value("SELECT count(DISTINCT ticker) FROM ops.fills")
    for row in rows:
        market = stage.exchange.simulator.state.markets[row["ticker"]]
        assert (row["result"], row["expiration_value"]) == (market.result, market.expiration_value)
        assert row["yes_value"] == (1 if market.result == "yes" else 0)
        assert row["settled_at"] == market.finalized_at
        assert row["climate_day"] == market.plan.day
    assert len(result_reads(stage)) == 1


def test_results_are_those_by_which_held_markets_were_settled(stage: Stage) -> None:
    settle(stage)
    differing = """
        SELECT * FROM ops.settlements AS held LEFT JOIN ops.market_results AS market USING (trading_mode, ticker)
        WHERE market.result IS DISTINCT FROM held.result OR market.yes_value IS DISTINCT FROM held.yes_value
    """
    assert stage.value("SELECT count(*) FROM ops.settlements") > 0
    assert stage.rows(differing) == []


def test_the_usual_tick_reads_no_results(stage: Stage) -> None:
    stage.tick()
    stage.exchange.advance_to(OVER)
    stage.tick()
    assert len(result_reads(stage)) == 1
    assert stage.rows(STORED) == []
    for _ in range(3):
        stage.later(minutes=5)
        stage.tick()
    assert len(result_reads(stage)) == 1
    stage.later(minutes=20)
    stage.tick()
    assert len(result_reads(stage)) == 2


def test_a_result_that_is_stored_is_read_again_once_a_day_and_stored_once(stage: Stage) -> None:
    settle(stage)
    for hours in (1, 2, 12, 26):
        stage.later(hours=hours)
        stage.tick()
    of_monday = [one for one in result_reads(stage) if TODAY in one.url.params["tickers"]]
    assert len(of_monday) == 3
    assert stage.value("SELECT count(*) - count(DISTINCT ticker) FROM ops.market_results") == 0


def test_a_corrected_result_counts_and_the_earlier_one_is_kept(stage: Stage) -> None:
    settle(stage)
    ticker = next(row["ticker"] for row in stage.rows(STORED) if row["result"] == "yes")
    with stage.exchange.simulator.turn() as state:
        market = state.markets[ticker]
        interventions.resettle(state, market, interventions.another_high(market))
    stage.exchange.advance_to(SETTLED + timedelta(days=1))
    stage.tick()
    kept = stage.rows("SELECT result FROM ops.market_results WHERE ticker = :ticker ORDER BY id", ticker=ticker)
    assert [row["result"] for row in kept] == ["yes", "no"]
    noted = "SELECT ticker FROM ops.risk_events WHERE event_type = 'result_corrected'"
    assert ticker in {row["ticker"] for row in stage.rows(noted)}


def test_an_odd_market_is_kept_as_unread_and_the_others_results_are_stored(stage: Stage) -> None:
    def odd(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        if request.method != "GET" or not request.url.path.endswith("/events") or "status" in request.url.params:
            return answer
        body = answer.json()
        body["events"][0]["markets"][0]["strike_type"] = "sideways"
        return reply(body)

    stage.tick()
    stage.exchange.advance_to(SETTLED)
    stage.wire.always = odd
    report = stage.tick()
    assert report.outcome == "completed"
    assert len(stage.rows(STORED)) == 11
    assert report.counts.unread == {"market": 1}
    (kept,) = stage.rows("SELECT ticker FROM ops.unread_objects WHERE kind = 'market'")
    stage.wire.always = None
    stage.later(minutes=30)
    stage.tick()
    assert kept["ticker"] in {row["ticker"] for row in stage.rows(STORED)}
    assert len(stage.rows(STORED)) == 12


def test_an_exchange_that_does_not_answer_costs_no_tick(stage: Stage) -> None:
    def silent(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.url.path.endswith("/events") and "status" not in request.url.params:
            return reply({"error": {"code": "internal_error", "message": "no"}}, 500)
        return send(request)

    stage.tick()
    stage.exchange.advance_to(SETTLED)
    stage.wire.always = silent
    assert stage.tick().outcome == "completed"
    assert stage.rows(STORED) == []
    stage.wire.always = None
    stage.later(minutes=30)
    stage.tick()
    assert len(stage.rows(STORED)) == 12
