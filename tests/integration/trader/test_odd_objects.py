"""One object of the exchange that cannot be read stops nothing else; one of the account holds the trader back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from tests.fakes import reply
from tests.integration.trader import faults
from tests.integration.trader.stage import Fault, Send, Stage

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan, rule

NY, CHICAGO = "KXHIGHNY", "KXHIGHCHI"
Change = Callable[[Any], Any]


def changed(path: str, change: Change) -> Fault:
    """Every reply to a GET of a path that ends so, with its body changed."""

    def play(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        if request.method != "GET" or not request.url.path.endswith(path):
            return answer
        return reply(change(answer.json()), answer.status_code)

    return play


def in_list(key: str, change: Change, which: Callable[[Any], bool] = lambda _: True) -> Change:
    """The body with the first row of a list changed that is meant."""

    def play(body: Any) -> Any:
        rows = list(body[key])
        place = next((at for at, row in enumerate(rows) if which(row)), None)
        if place is not None:
            rows[place] = change(rows[place])
        return {**body, key: rows}

    return play


def without(name: str) -> Change:
    return lambda row: {field: value for field, value in row.items() if field != name}


def decided(stage: Stage, tick_id: int) -> dict[str, Any]:
    """What a tick decided of each market, by its ticker."""
    rows = stage.rows("SELECT ticker, decision, reasons FROM ops.signals WHERE tick_id = :id", id=tick_id)
    return {row.pop("ticker"): row for row in rows}


def kept(stage: Stage) -> list[tuple[str, str, int]]:
    rows = stage.rows("SELECT kind, subject, times FROM ops.unread_objects ORDER BY id")
    return [(row["kind"], row["subject"], row["times"]) for row in rows]


def test_a_series_that_was_renamed_leaves_the_others_to_trade(stage: Stage) -> None:
    def renamed(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.url.path.endswith(f"/series/{NY}"):
            return reply({"error": {"code": "not_found", "message": "series not found"}}, 404)
        return send(request)

    stage.wire.always = renamed
    report = stage.tick()
    assert report.outcome == "completed"
    assert report.counts.unread == {"series": 1}
    series = {ticker.partition("-")[0] for ticker in decided(stage, report.tick_id)}
    assert series == {CHICAGO}
    assert sum(report.counts.orders.values()) > 0
    assert kept(stage) == [("series", NY, 1)]
    stage.tick()
    assert kept(stage) == [("series", NY, 2)]


def test_an_exchange_that_knows_none_of_the_series_fails_the_tick(stage: Stage) -> None:
    stage.wire.always = lambda request, send: (
        reply({"error": "not found"}, 404) if "/series/" in request.url.path else send(request)
    )
    with pytest.raises(Exception, match="404"):
        stage.tick()
    assert stage.value("SELECT outcome FROM ops.ticks") == "failed"


def test_an_order_book_that_is_null_leaves_the_other_markets_to_trade(stage: Stage) -> None:
    whole = decided(stage, stage.tick().tick_id)
    stage.wire.always = changed("/orderbooks", in_list("orderbooks", lambda row: {**row, "orderbook_fp": None}))
    report = stage.tick()
    (row,) = stage.rows("SELECT kind, subject, body FROM ops.unread_objects")
    assert (row["kind"], json.loads(row["body"])["orderbook_fp"]) == ("orderbook", None)
    assert decided(stage, report.tick_id).keys() == whole.keys()
    reasons = stage.rows("SELECT ticker FROM ops.signals WHERE reasons::text LIKE '%book_missing%'")
    assert [found["ticker"] for found in reasons] == [row["subject"]]


@pytest.mark.parametrize(
    "change", [without("status"), lambda row: {**row, "cap_strike": {}, "floor_strike": {}}, lambda _: None]
)
def test_a_market_that_is_odd_is_left_out_alone(stage: Stage, change: Change) -> None:
    def in_event(event: Any) -> Any:
        return {**event, "markets": [change(event["markets"][0]), *event["markets"][1:]]}

    stage.wire.always = changed("/events", in_list("events", in_event))
    report = stage.tick()
    # The first event of each series has five of its six.
    assert report.counts.unread == {"market": 2}
    assert report.counts.decisions == 4 * 6 - 2


@pytest.mark.parametrize(
    "change", [without("event_ticker"), lambda row: {**row, "fee_multiplier_override": 2}, lambda _: []]
)
def test_an_event_that_is_odd_is_left_out_alone(stage: Stage, change: Change) -> None:
    stage.wire.always = changed("/events", in_list("events", change, lambda row: NY in row["event_ticker"]))
    report = stage.tick()
    assert report.counts.unread == {"event": 1}
    assert (report.counts.events, report.counts.decisions) == (3, 18)


@pytest.mark.parametrize(
    ("path", "key", "change"),
    [
        ("/portfolio/fills", "fills", without("count_fp")),
        ("/portfolio/fills", "fills", lambda row: {**row, "created_time": "2999-01-01T00:00:00Z"}),
        ("/portfolio/positions", "market_positions", without("position_fp")),
    ],
)
def test_a_row_of_the_account_that_is_odd_takes_all_new_risk_away_until_it_is_read(
    stage: Stage, path: str, key: str, change: Change
) -> None:
    assert sum(stage.tick().counts.orders.values()) > 0
    stage.wire.always = changed(path, in_list(key, change))
    stage.later(minutes=5)
    report = stage.tick()
    (finding,) = stage.rows("SELECT * FROM ops.findings WHERE kind = 'unread_row'")
    assert finding["effect"] == "reducing"
    assert report.counts.unread.total() == 1
    assert not report.counts.orders
    assert finding["event_ticker"] is not None
    told = stage.rows("SELECT message FROM ops.risk_events WHERE event_type = 'unread_row'")
    assert len(told) == 1
    # However much later: the row is asked for again, and only when it was read the finding ends.
    stage.later(hours=4)
    stage.tick()
    assert stage.value("SELECT count(*) FROM ops.findings WHERE kind = 'unread_row' AND closed_at IS NULL") == 1
    stage.wire.always = None
    stage.later(minutes=5)
    stage.tick()
    assert stage.value("SELECT count(*) FROM ops.findings WHERE closed_at IS NULL") == 0


def test_an_order_that_may_be_the_one_that_cannot_be_read_is_not_given_up(stage: Stage) -> None:
    stage.wire.faults = [faults.reply_lost]
    stage.tick()
    (lost,) = stage.rows("SELECT client_order_id FROM ops.orders WHERE state = 'unknown'")
    state = "SELECT state FROM ops.orders WHERE client_order_id = :name"
    stage.wire.always = changed(
        "/portfolio/orders",
        in_list("orders", without("status"), lambda row: row["client_order_id"] == lost["client_order_id"]),
    )
    for _ in range(3):
        stage.later(minutes=5)
        report = stage.tick()
        assert not report.counts.orders
        assert stage.value(state, name=lost["client_order_id"]) == "unknown"
    stage.wire.always = None
    stage.later(minutes=5)
    stage.tick()
    assert stage.value(state, name=lost["client_order_id"]) == "filled"
    assert stage.value("SELECT count(*) FROM ops.findings WHERE kind = 'unread_row' AND closed_at IS NULL") == 0


def test_an_odd_row_of_a_market_that_we_do_not_trade_stops_nothing(stage: Stage) -> None:
    foreign = {"ticker": "KXNFLGAME-26AUG03-NE", "fill_id": "elsewhere"}
    stage.wire.always = changed("/portfolio/fills", lambda body: {**body, "fills": [foreign, *body["fills"]]})
    report = stage.tick()
    assert sum(report.counts.orders.values()) > 0
    assert kept(stage)[0][:2] == ("fill", "elsewhere")
    assert stage.value("SELECT count(*) FROM ops.findings") == 0


def test_money_on_another_shard_is_no_cash_of_the_ledger(stage: Stage) -> None:
    stage.tick()
    stage.exchange.simulator.set_faults(FaultPlan((rule(FaultKind.CASH_ON_ANOTHER_SHARD, times=None),)))
    stage.later(minutes=5)
    report = stage.tick()
    assert report.counts.mismatches == 0
    assert stage.value("SELECT count(*) FROM ops.findings") == 0
    assert stage.value("SELECT max(cash) FROM ops.balance_snapshots") <= 1000


@pytest.mark.parametrize(
    ("fault", "what", "unread"),
    [
        (FaultKind.SERIES_VANISHED, {"ticker": NY}, {"series": 1}),
        (FaultKind.NULL_BOOK, {}, {"orderbook": 1}),
        (
            FaultKind.OBJECT_MANGLED,
            {"call": "GET /events", "after": 1, "field": "event_ticker", "ticker": CHICAGO},
            {"event": 1},
        ),
    ],
)
def test_what_the_simulator_makes_odd_is_skipped_alone(
    stage: Stage, fault: FaultKind, what: dict[str, object], unread: dict[str, int]
) -> None:
    times = None if fault is FaultKind.SERIES_VANISHED else 1
    stage.exchange.simulator.set_faults(FaultPlan((rule(fault, times=times, **what),)))
    report = stage.tick()
    assert (report.outcome, report.counts.unread) == ("completed", unread)
    assert report.counts.missing.total() > 0
