"""One file stops the trader: halted, nothing rests, and only a person resumes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.trader import faults
from tests.integration.trader.stage import Stage

from milkbot.domain.modes import TradingMode
from milkbot.venue.errors import CancelFailedError
from milkbot.venue.values import VenueOrder, VenueOrderStatus


@pytest.fixture
def kill_file(stage: Stage, tmp_path: Path) -> Path:
    """Where this trader expects it; it is not there."""
    path = tmp_path / "data" / "HALT"
    path.parent.mkdir()
    stage.settings = stage.settings.model_copy(update={"kill_file": path})
    return path


def rest_by_hand(stage: Stage) -> None:
    """An order on the account that the ledger did not send."""
    with stage.venue() as venue:
        # Of the newest day: in one that is nearly over most brackets are sold at one cent.
        newest = max(venue.open_events("KXHIGHNY"), key=lambda event: event.markets[0].close_time)
    market = newest.markets[2]
    stage.rest_by_hand(market.ticker, contracts=1)


def still_resting(stage: Stage) -> list[VenueOrder]:
    with stage.venue() as venue:
        return venue.orders(status=VenueOrderStatus.RESTING)


def test_kill_file_halts_triggers_the_group_and_cancels_manual_orders(stage: Stage, kill_file: Path) -> None:
    stage.tick()
    stage.wire.requests.clear()
    rest_by_hand(stage)
    kill_file.touch()
    stage.later(minutes=5)
    report = stage.tick()
    assert report.message == "trading state is halted"
    assert report.counts.canceled
    assert still_resting(stage) == []
    assert [request for request in stage.wire.creates if b"by-hand" not in request.content] == []
    acts = [row["act"] for row in stage.rows("SELECT act FROM ops.order_groups ORDER BY id")]
    assert acts == ["created", "triggered"]


def test_kill_file_triggers_the_group_in_a_trading_pause_and_halts_after_it(stage: Stage, kill_file: Path) -> None:
    """Orders may be canceled in one, and a group triggered: nothing has to wait."""
    stage.tick()
    kill_file.touch()
    stage.exchange.advance_to(datetime(2026, 8, 6, 8, 0, tzinfo=UTC))  # a Thursday, in the exchange's weekly pause
    report = stage.tick()
    assert report.message == "trading is paused at the exchange"
    assert [row["act"] for row in stage.rows("SELECT act FROM ops.order_groups ORDER BY id")] == [
        "created",
        "triggered",
    ]
    stage.later(hours=3)
    assert stage.tick().message == "trading state is halted"


@pytest.mark.parametrize("whole", [False, True], ids=["trading paused", "exchange paused"])
def test_kill_file_removed_before_a_pause_ends_halts_nevertheless(
    stage: Stage, kill_file: Path, *, whole: bool
) -> None:
    """Without an order group, which would keep that it was triggered."""
    stage.settings = stage.settings.model_copy(update={"order_group_contracts": 0})
    kill_file.touch()
    stage.exchange.advance_to(datetime(2026, 8, 6, 8, 0, tzinfo=UTC))
    stage.wire.always = faults.exchange_paused if whole else None
    assert stage.tick().outcome == "paused"
    stage.wire.always = None
    kill_file.unlink()
    stage.later(hours=3)
    assert stage.tick().message == "trading state is halted"
    assert stage.wire.creates == []


def test_removing_the_kill_file_does_not_resume(stage: Stage, kill_file: Path) -> None:
    kill_file.touch()
    stage.tick()
    kill_file.unlink()
    stage.later(hours=30)
    assert stage.tick().message == "trading state is halted"
    assert stage.wire.creates == []


def test_a_refused_cancel_is_repeated_in_the_next_tick(
    stage: Stage, kill_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: object) -> None:
        raise CancelFailedError("cancel of all orders: HTTP 500")

    rest_by_hand(stage)
    kill_file.touch()
    monkeypatch.setattr("milkbot.venue.client.KalshiClient.cancel_all", refused)
    assert stage.tick().message == "trading state is halted"
    assert len(still_resting(stage)) == 1
    monkeypatch.undo()
    stage.later(minutes=5)
    stage.tick()
    assert still_resting(stage) == []


def test_shadow_mode_halts_by_the_kill_file_and_sends_nothing(stage: Stage, kill_file: Path) -> None:
    stage.settings = stage.settings.model_copy(update={"trading_mode": TradingMode.SHADOW})
    kill_file.touch()
    assert stage.tick().message == "trading state is halted"
    assert all(request.method == "GET" for request in stage.wire.requests)
