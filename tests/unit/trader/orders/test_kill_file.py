"""One file stops the trader: it is obeyed without a doubt, and whatever fails is tried as far as it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs
from tests.unit.trader.ledger import DEMO, Account, Ledger

from milkbot.db.order_groups import Act
from milkbot.db.risk_tables import OrderGroupAct
from milkbot.domain.orders import BookSide
from milkbot.domain.units import Count, Price
from milkbot.errors import MilkbotError
from milkbot.settings import Settings
from milkbot.trader.orders import kill_file
from milkbot.venue.errors import CancelFailedError, OrderGroupError
from milkbot.venue.values import VenueOrder, VenueOrderStatus

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
ONE = Count(Decimal(1))
BY_HAND = VenueOrder(
    "venue-1",
    "by-hand",
    "KXHIGHNY-26AUG03-B86.5",
    BookSide.BID,
    VenueOrderStatus.RESTING,
    Price(Decimal("0.01")),
    ONE,
    Count(Decimal(0)),
    ONE,
    NOW,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose kill file is not there."""
    return Settings().model_copy(update={"trading_mode": DEMO, "kill_file": tmp_path / "HALT"})


@pytest.fixture(autouse=True)
def group(ledger: Ledger) -> None:
    """There is an order group."""
    made = {"venue_group_id": "group-1", "contracts_limit": 500, "act": Act.CREATED, "reason": "a test", "at": NOW}
    ledger.group_acts.append(OrderGroupAct(trading_mode=DEMO, **made))


def obey(ledger: Ledger, account: Account, settings: Settings, *resting: VenueOrder) -> int:
    return kill_file.obey(ledger.engine, account, settings, resting, NOW)


def test_an_absent_file_is_not_found(tmp_path: Path) -> None:
    assert kill_file.found(tmp_path / "HALT") is None
    (tmp_path / "file").touch()
    assert kill_file.found(tmp_path / "file" / "HALT") is None


def test_a_file_is_found_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "HALT").touch()
    assert kill_file.found(tmp_path / "HALT") == f"the kill file {tmp_path}/HALT exists"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert kill_file.found(tmp_path / "link") == f"the kill file {tmp_path}/link exists"


def test_a_file_that_cannot_be_checked_counts_as_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", refused)
    found = kill_file.found(tmp_path / "HALT")
    monkeypatch.undo()
    assert found == f"the kill file {tmp_path}/HALT cannot be checked: Permission denied"


def test_the_file_is_written_with_its_words(tmp_path: Path) -> None:
    kill_file.write(tmp_path / "HALT", "Zo\u00eb: why")
    assert (tmp_path / "HALT").read_text(encoding="utf-8") == "Zo\u00eb: why"


def test_whoever_cannot_write_the_file_learns_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "HALT"
    with pytest.raises(MilkbotError) as raised:
        kill_file.write(path, "why")
    assert str(raised.value) == (
        f"the kill file {path} cannot be written: No such file or directory; as root type: touch {path}"
    )


def test_without_the_file_nothing_is_done(ledger: Ledger, account: Account, settings: Settings) -> None:
    assert obey(ledger, account, settings, BY_HAND) == 0
    assert account.asked == []
    assert ledger.holds == []


def test_the_file_triggers_the_group_and_cancels_all_orders_also_manual_ones(
    ledger: Ledger, account: Account, settings: Settings
) -> None:
    settings.kill_file.touch()
    assert obey(ledger, account, settings, BY_HAND, BY_HAND) == 2
    assert account.asked == [("trigger_order_group", "group-1"), ("cancel_all",)]
    act = ledger.group_acts[-1]
    assert (act.act, act.reason, act.at) == ("triggered", f"the kill file {settings.kill_file} exists", NOW)


def test_nothing_is_canceled_where_nothing_rests(ledger: Ledger, account: Account, settings: Settings) -> None:
    settings.kill_file.touch()
    assert obey(ledger, account, settings) == 0
    assert account.asked == [("trigger_order_group", "group-1")]


def test_orders_are_canceled_though_the_group_cannot_be_triggered(
    ledger: Ledger, account: Account, settings: Settings
) -> None:
    settings.kill_file.touch()
    account.refuses["trigger_order_group"] = OrderGroupError("HTTP 500")
    with capture_logs() as logs:
        assert obey(ledger, account, settings, BY_HAND) == 1
    assert account.asked[-1] == ("cancel_all",)
    assert logs == [{"event": "order group not triggered", "log_level": "error", "problem": "HTTP 500"}]


def test_a_cancel_that_the_exchange_refused_counts_none(ledger: Ledger, account: Account, settings: Settings) -> None:
    settings.kill_file.touch()
    account.refuses["cancel_all"] = CancelFailedError("HTTP 500")
    with capture_logs() as logs:
        assert obey(ledger, account, settings, BY_HAND) == 0
    assert logs == [{"event": "orders not canceled", "log_level": "error", "problem": "HTTP 500"}]
