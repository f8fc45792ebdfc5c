"""Selling at the exchange: what is held and no more, once, and never in a market where something is open."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from tests.property.floor import Floor
from tests.property.trial import Trial
from tests.property.watch import DEFAULT, Allowed
from tests.property.world import CENTRE

from milkbot.domain.orders import BookSide, TimeInForce

CITIES = ("NYC", "CHI")
FIVE_MINUTES = timedelta(minutes=5)


@dataclass
class Desk:
    """A trader that bought by one forecast, and reads another one now."""

    trial: Trial
    sales: list[dict[str, Any]] = field(default_factory=list)

    @property
    def held(self) -> dict[str, Decimal]:
        """What the account holds at the exchange."""
        holdings = self.trial.floor.account.holdings.items()
        return {ticker: one.position.signed_count for ticker, one in holdings if one.position.signed_count}

    def forecast(self, degrees: int) -> None:
        floor = self.trial.floor
        for code in CITIES:
            floor.world.forecasts[code].move(floor.now(), CENTRE + degrees)
        self.trial.later(timedelta(seconds=30))

    def tick(self) -> None:
        self.trial.tick()
        self.trial.later(FIVE_MINUTES)

    def orders(
        self, what: str = "ticker, side, count, price, reduce_only, time_in_force, state"
    ) -> list[tuple[Any, ...]]:
        """The sales that the ledger holds."""
        return self.trial.floor.rows(f"SELECT {what} FROM ops.orders WHERE reduce_only ORDER BY id")


def is_sale(request: httpx2.Request) -> bool:
    """Whether a request creates an order that only reduces."""
    creates = request.method == "POST" and request.url.path.endswith("/portfolio/events/orders")
    return creates and bool(json.loads(request.read())["reduce_only"])


@pytest.fixture(params=["immediate", "resting"])
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bought(floor: Floor, style: str = "immediate") -> Desk:
    """A trader that holds what a forecast of two degrees more than the market believes asks for."""
    trial = Trial(floor)
    trial.begin("immediate", DEFAULT)
    desk = Desk(trial)
    desk.forecast(2)
    desk.tick()
    assert desk.held, "this world must offer something to buy"
    trial.begin(style, DEFAULT)
    return desk


def wrong(desk: Desk) -> list[str]:
    """Whatever is not as it must be, once the trader has read what it did last."""
    desk.trial.heal()
    return desk.trial.verdict()


def signals(desk: Desk) -> dict[str, tuple[str, str]]:
    """What the newest tick decided, and why."""
    newest = (
        "SELECT ticker, decision, reasons->'codes'->>0 FROM ops.signals WHERE tick_id = (SELECT max(id) FROM ops.ticks)"
    )
    return {ticker: (decision, reason) for ticker, decision, reason in desk.trial.floor.rows(newest)}


def test_a_position_is_sold_when_its_edge_is_gone(floor: Floor, style: str) -> None:
    desk = bought(floor, style)
    before = desk.held
    desk.forecast(-2)
    desk.trial.tick()
    after = desk.held
    sold = {ticker: size - after.get(ticker, 0) for ticker, size in before.items() if after.get(ticker) != size}
    assert sold, "a forecast that turned must sell something"
    told = signals(desk)
    for ticker, (_, side, count, price, reduce_only, kind, state) in {row[0]: row for row in desk.orders()}.items():
        leg = "yes" if before[ticker] > 0 else "no"
        assert told[ticker] == (f"sell_{leg}", "exit_edge_gone")
        assert (side, reduce_only, kind, state) == (
            "ask" if leg == "yes" else "bid",
            True,
            "immediate_or_cancel",
            "filled",
        )
        assert 0 < price < 1
        assert abs(sold[ticker]) == count <= abs(before[ticker])
        assert before[ticker] * after.get(ticker, Decimal(0)) >= 0
    assert set(sold) == {row[0] for row in desk.orders()}
    assert wrong(desk) == []


def test_the_reason_and_the_gain_of_a_sale_are_stored_with_its_order(floor: Floor) -> None:
    desk = bought(floor)
    desk.forecast(-2)
    desk.trial.tick()
    stored = desk.trial.floor.rows(
        """
        SELECT signals.count = orders.count, signals.edge > 0.01,
            signals.price = CASE orders.side WHEN 'ask' THEN orders.price ELSE 1 - orders.price END
        FROM ops.orders JOIN ops.signals ON signals.id = orders.signal_id WHERE reduce_only
        """
    )
    assert stored
    assert set(stored) == {(True, True, True)}


def test_sales_are_sent_before_anything_is_bought(floor: Floor) -> None:
    desk = bought(floor)
    newest = floor.rows("SELECT max(id) FROM ops.orders")[0][0]
    desk.forecast(-2)
    desk.trial.tick()
    sent = [sold for (sold,) in floor.rows("SELECT reduce_only FROM ops.orders WHERE id > %s ORDER BY id", newest)]
    assert sent == sorted(sent, reverse=True)
    assert set(sent) == {True, False}, "this world must offer something to sell and something to buy"


def test_of_what_pays_for_its_event_no_more_is_sold_than_the_limits_let_go(floor: Floor) -> None:
    trial = Trial(floor)
    limit = Decimal("1.5")
    trial.begin("immediate", Allowed(event=limit, city=limit))
    desk = Desk(trial)
    event = "KXHIGHNY-26AUG04"
    # NO of two brackets: where one wins, the other pays for it.
    for bracket in ("T79", "T80"):
        trial.operator_trades(f"{event}-{bracket}", BookSide.ASK, 1, 30, TimeInForce.IMMEDIATE_OR_CANCEL)
    desk.tick()
    trial.close_findings()
    trial.command("resume", "--reason", "a test")
    assert desk.held == {f"{event}-T79": -30, f"{event}-T80": -30}
    desk.forecast(2)
    for _ in range(3):
        desk.tick()
    stored = "SELECT decision, reasons->'codes', count FROM ops.signals WHERE ticker = %s AND decision = 'sell_no'"
    ((decision, codes, count),) = floor.rows(f"{stored} ORDER BY id LIMIT 1", f"{event}-T80")
    assert (decision, codes) == ("sell_no", ["exit_edge_gone", "exit_adds_risk"])
    assert 0 < count < 30
    assert desk.held.get(f"{event}-T80", Decimal(0)) > -30
    denied = floor.rows("SELECT event_type FROM ops.risk_events WHERE message LIKE 'sell %%denied'")
    assert denied == []
    assert wrong(desk) == []


def test_what_was_sold_is_not_sold_again(floor: Floor) -> None:
    desk = bought(floor)
    desk.forecast(-2)
    desk.tick()
    first = len(desk.orders())
    assert first
    again = {row[0] for row in desk.orders()} & desk.held.keys()
    desk.tick()
    assert {row[0] for row in desk.orders()[first:]} <= again
    assert wrong(desk) == []


def test_only_sales_are_sent_while_the_trader_only_reduces(floor: Floor) -> None:
    desk = bought(floor)
    floor.rows(
        """
        INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
        VALUES ('demo', 'reducing', 'a test', 'test', %s) RETURNING id
        """,
        floor.now(),
    )
    before = len(floor.rows("SELECT 1 FROM ops.orders"))
    desk.forecast(-2)
    desk.trial.tick()
    assert desk.orders()
    assert len(floor.rows("SELECT 1 FROM ops.orders")) == before + len(desk.orders())
    assert wrong(desk) == []


def test_nothing_is_sold_while_trading_is_halted(floor: Floor) -> None:
    desk = bought(floor)
    desk.trial.command("halt", "--reason", "a test")
    desk.forecast(-2)
    desk.trial.tick()
    assert {decision for decision, _ in signals(desk).values()} & {"sell_yes", "sell_no"}
    assert desk.orders() == []


def test_nothing_is_sold_where_somebody_placed_an_order_manually(floor: Floor) -> None:
    desk = bought(floor)
    for ticker in desk.held:
        desk.trial.operator_trades(ticker, BookSide.BID, 1, 1, TimeInForce.GOOD_TILL_CANCELED)
    desk.tick()
    desk.trial.close_findings()
    desk.trial.command("resume", "--reason", "a test")
    desk.forecast(-2)
    desk.trial.tick()
    told = signals(desk)
    assert "order_open" in {told[ticker][1] for ticker in desk.held}
    assert desk.orders() == []


def test_a_sale_whose_answer_is_lost_is_not_repeated(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = bought(floor)
    desk.forecast(-2)
    lose = httpx2.ReadTimeout("a test")
    handle = desk.trial.faulty.handle_request

    def lost(request: httpx2.Request) -> httpx2.Response:
        response = handle(request)
        if is_sale(request):
            raise lose
        return response

    monkeypatch.setattr(desk.trial.faulty, "handle_request", lost)
    desk.trial.tick()
    monkeypatch.undo()
    states = {row[-1] for row in desk.orders()}
    assert states == {"unknown"}
    sent = len(desk.orders())
    desk.trial.later(timedelta(seconds=61))
    desk.trial.tick()
    assert {row[-1] for row in desk.orders()[:sent]} == {"filled"}
    assert wrong(desk) == []


def test_a_sale_of_what_was_sold_meanwhile_is_refused_and_turns_nothing(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator sells on the exchange's own site between the tick's reconciliation and its order."""
    desk = bought(floor)
    desk.forecast(-2)
    handle = desk.trial.faulty.handle_request

    def interrupted(request: httpx2.Request) -> httpx2.Response:
        if is_sale(request):
            ticker = str(json.loads(request.read())["ticker"])
            holding = floor.account.holdings[ticker].position.signed_count
            side = BookSide.ASK if holding > 0 else BookSide.BID
            kind = TimeInForce.IMMEDIATE_OR_CANCEL
            desk.trial.operator_trades(ticker, side, 1 if holding > 0 else 99, int(abs(holding)), kind)
            assert floor.account.holdings[ticker].position.signed_count == 0
        return handle(request)

    monkeypatch.setattr(desk.trial.faulty, "handle_request", interrupted)
    desk.trial.tick()
    monkeypatch.undo()
    rows = desk.orders("ticker, state, state_reason")
    assert rows
    for ticker, state, reason in rows:
        assert (state, reason) == ("rejected", "invalid_order: reduce only")
        assert desk.held.get(ticker) is None
