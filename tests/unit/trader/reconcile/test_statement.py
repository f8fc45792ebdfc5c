"""What is not read cannot be reconciled: each list goes back far enough, and no order is given up unread."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.trader.ledger import DEMO, Account, Ledger

from milkbot.db.ops import SettlementRow
from milkbot.domain.orders import BookSide, OrderState
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.domain.unread import ObjectKind, UnreadObject
from milkbot.trader.reconcile import findings, unread
from milkbot.trader.reconcile.statement import Reach, Statement, read_statement
from milkbot.venue.errors import VenueReadError
from milkbot.venue.values import Balance, VenueOrder, VenueOrderStatus, VenuePosition, VenueSettlement

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TICKER, OTHER = "KXHIGHNY-26AUG03-B86.5", "KXHIGHCHI-26AUG03-B86.5"
TEN, NONE, PRICE = Count(Decimal(10)), Count(Decimal(0)), Price(Decimal("0.40"))
NOTHING = Cash(Decimal(0))
LISTED = VenueOrder("venue-1", "mb-1", TICKER, BookSide.BID, VenueOrderStatus.RESTING, PRICE, TEN, NONE, TEN, NOW)
FILL = Fill("fill-1", "venue-1", TICKER, BookSide.BID, TEN, PRICE, NOTHING, True, NOW)
RESTING = VenueOrderStatus.RESTING


@pytest.fixture(autouse=True)
def there(account: Account) -> None:
    """An account with money, whose lists are fresh."""
    account.as_of = NOW
    account.cash = Balance(Cash(Decimal(1000)), NOTHING, NOW)


def sent(ledger: Ledger, ago: timedelta, state: OrderState = OrderState.RESTING, **values: Any) -> None:
    row: dict[str, Any] = {"client_order_id": "mb-1", "venue_order_id": "venue-1", "ticker": TICKER, **values}
    ledger.add_order(state, created_at=NOW - ago, **row)


def read(ledger: Ledger, account: Account, reach: Reach = Reach.NEAR) -> Statement:
    return read_statement(ledger.engine, account, DEMO, reach)


def lists_read(account: Account) -> list[tuple[object, ...]]:
    return [asked for asked in account.asked if asked[0] == "orders"]


def test_all_of_the_account_is_read_and_how_fresh_it_is_first(ledger: Ledger, account: Account) -> None:
    position = VenuePosition(TICKER, TEN, NOTHING, NOTHING, NOTHING)
    settled = VenueSettlement(TICKER, "E", "yes", PRICE, TEN, NONE, NOTHING, NOTHING, NOTHING, NOTHING, NOW)
    account.resting, account.held, account.settled = [LISTED], [position], [settled]
    statement = read(ledger, account)
    assert account.asked[0] == ("user_data_as_of",)
    assert [asked[0] for asked in account.asked[1:]] == ["orders", "fills", "settlements", "positions", "balance"]
    assert statement == Statement(
        as_of=NOW,
        orders=(LISTED,),
        resting=(LISTED,),
        fills=(),
        settlements=(settled,),
        positions=(position,),
        balance=Balance(Cash(Decimal(1000)), NOTHING, NOW),
        unlisted=frozenset(),
        since={ObjectKind.FILL: None, ObjectKind.SETTLEMENT: None},
    )


def test_without_rows_every_list_is_read_from_its_start(ledger: Ledger, account: Account) -> None:
    read(ledger, account)
    assert ("fills", None) in account.asked
    assert ("settlements", None) in account.asked
    assert lists_read(account) == [("orders", None, None, RESTING, None)]


@pytest.mark.parametrize(
    ("reach", "fills", "settlements"),
    [(Reach.NEAR, timedelta(hours=1), timedelta(hours=1)), (Reach.FAR, timedelta(days=2), timedelta(days=7))],
)
def test_lists_are_read_from_before_the_newest_row(
    ledger: Ledger, account: Account, reach: Reach, fills: timedelta, settlements: timedelta
) -> None:
    ledger.add_fill(FILL, order_id=1)
    sent(ledger, timedelta(hours=3))
    ledger.settlements[TICKER] = SettlementRow(settled_at=NOW - timedelta(hours=5))
    read(ledger, account, reach)
    assert ("fills", NOW - fills) in account.asked
    assert ("settlements", NOW - timedelta(hours=5) - settlements) in account.asked
    assert ("orders", None, None, None, NOW - timedelta(hours=3) - fills) in account.asked


def test_an_order_that_is_open_for_two_days_is_read_in_its_own_market(ledger: Ledger, account: Account) -> None:
    sent(ledger, timedelta(days=2), client_order_id="mb-0", venue_order_id="venue-0", ticker=OTHER)
    sent(ledger, timedelta(hours=2))
    old = replace(LISTED, order_id="venue-0", ticker=OTHER)
    account.listed, account.of_market = [LISTED], {OTHER: [old]}
    statement = read(ledger, account)
    assert lists_read(account) == [
        ("orders", None, None, None, NOW - timedelta(hours=3)),
        ("orders", None, None, RESTING, None),
        ("orders", OTHER, None, None, None),
    ]
    assert statement.orders == (LISTED, old)
    assert statement.resting == ()


@pytest.mark.parametrize(("ago", "sought"), [(timedelta(days=2), True), (timedelta(days=2, seconds=-1), False)])
def test_an_order_without_an_id_is_read_in_its_market_once_it_is_old(
    ledger: Ledger, account: Account, ago: timedelta, *, sought: bool
) -> None:
    sent(ledger, ago, OrderState.RESTING, venue_order_id=None)
    read(ledger, account)
    assert (("orders", TICKER, None, None, None) in account.asked) is sought


@pytest.mark.parametrize("shown_in", ["listed", "resting"])
def test_an_order_that_a_list_shows_is_not_read_again(ledger: Ledger, account: Account, shown_in: str) -> None:
    sent(ledger, timedelta(hours=2))
    setattr(account, shown_in, [LISTED])
    read(ledger, account)
    assert len(lists_read(account)) == 2


def test_the_orders_behind_fills_that_nobody_knows_are_read_in_their_markets(ledger: Ledger, account: Account) -> None:
    """One fill is new, one was stored before its order was known, one is of a series that is not ours."""
    ledger.add_fill(FILL)
    ledger.add_fill(replace(FILL, fill_id="fill-4", order_id="venue-4", ticker="KXHIGHDEN-26AUG03-B86.5"), order_id=4)
    account.filled = [
        replace(FILL, fill_id="fill-2", order_id="venue-2", ticker=OTHER),
        replace(FILL, fill_id="fill-3", order_id="venue-3", ticker="KXFED-26SEP-T4.00"),
    ]
    behind = replace(LISTED, order_id="venue-2", ticker=OTHER)
    account.of_market = {OTHER: [behind], TICKER: [LISTED]}
    statement = read(ledger, account)
    assert lists_read(account)[1:] == [("orders", OTHER, None, None, None), ("orders", TICKER, None, None, None)]
    assert statement.orders == (behind, LISTED)
    assert statement.fills == tuple(account.filled)


@pytest.mark.parametrize("known_by", ["ledger", "list"])
def test_the_order_behind_a_fill_is_not_read_again_where_it_is_known(
    ledger: Ledger, account: Account, known_by: str
) -> None:
    account.filled = [FILL]
    if known_by == "ledger":
        sent(ledger, timedelta(hours=2), OrderState.FILLED)
    else:
        account.resting = [LISTED]
    read(ledger, account)
    assert [asked for asked in lists_read(account) if asked[1] is not None] == []


def test_an_order_is_as_its_newest_list_shows_it(ledger: Ledger, account: Account) -> None:
    sent(ledger, timedelta(hours=2))
    newer = replace(LISTED, fill_count=TEN)
    account.listed, account.resting = [LISTED], [newer]
    assert read(ledger, account).orders == (newer,)


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.UNKNOWN])
def test_the_queue_is_read_before_an_order_is_rejected(ledger: Ledger, account: Account, state: OrderState) -> None:
    sent(ledger, timedelta(seconds=60), state, venue_order_id=None)
    account.in_queue = [("venue-9", TICKER)]
    assert read(ledger, account).unlisted == {TICKER}
    assert account.asked[-1] == ("queued", frozenset({TICKER}))


def test_an_order_in_the_queue_that_is_known_explains_itself(ledger: Ledger, account: Account) -> None:
    sent(ledger, timedelta(seconds=60), OrderState.UNKNOWN, venue_order_id=None)
    sent(ledger, timedelta(hours=1), client_order_id="mb-2", venue_order_id="venue-2")
    account.resting = [replace(LISTED, order_id="venue-3", client_order_id="mb-3")]
    account.in_queue = [("venue-2", TICKER), ("venue-3", TICKER)]
    assert read(ledger, account).unlisted == frozenset()


@pytest.mark.parametrize(
    ("ago", "state", "listed"),
    [(59, OrderState.UNKNOWN, False), (60, OrderState.RESTING, False), (60, OrderState.UNKNOWN, True)],
    ids=["too young", "not unknown", "listed"],
)
def test_the_queue_is_read_only_for_an_order_to_be_rejected(
    ledger: Ledger, account: Account, ago: int, state: OrderState, *, listed: bool
) -> None:
    sent(ledger, timedelta(seconds=ago), state, venue_order_id="venue-1" if state is OrderState.RESTING else None)
    account.resting = [LISTED] if listed else []
    assert read(ledger, account).unlisted == frozenset()
    assert [asked for asked in account.asked if asked[0] == "queued"] == []


def test_an_exchange_that_does_not_answer_ends_the_reading(ledger: Ledger, account: Account) -> None:
    account.refuses["positions"] = VenueReadError("HTTP 500")
    with pytest.raises(VenueReadError):
        read(ledger, account)


def test_a_reach_without_a_newest_row_has_no_beginning() -> None:
    assert (Reach.FAR.before(None), Reach.FAR.before_settlement(None)) == (None, None)


def odd(kind: ObjectKind, subject: str = "x") -> UnreadObject:
    return UnreadObject(kind, subject, TICKER, "it is odd", "{}")


def test_rows_that_cannot_be_read_are_part_of_the_statement_once(ledger: Ledger, account: Account) -> None:
    sent(ledger, timedelta(hours=2))
    account.odd = [
        odd(kind) for kind in (ObjectKind.ORDER, ObjectKind.FILL, ObjectKind.SETTLEMENT, ObjectKind.POSITION)
    ]
    # The order stands in both lists, and in that of its market.
    assert list(read(ledger, account).unread) == account.odd


def test_a_row_of_the_orders_that_cannot_be_read_may_be_any_of_them(ledger: Ledger, account: Account) -> None:
    sent(ledger, timedelta(seconds=60), OrderState.UNKNOWN, venue_order_id=None)
    sent(ledger, timedelta(hours=1), client_order_id="mb-2", venue_order_id="venue-2", ticker=OTHER)
    account.odd = [odd(ObjectKind.ORDER)]
    assert read(ledger, account).unlisted == {TICKER, OTHER}
    account.odd = [odd(ObjectKind.FILL)]
    assert read(ledger, account).unlisted == frozenset()


@pytest.mark.parametrize(("kind", "call"), [(ObjectKind.FILL, "fills"), (ObjectKind.SETTLEMENT, "settlements")])
@pytest.mark.parametrize("first", [None, NOW - timedelta(days=3)])
def test_a_list_with_a_row_that_could_not_be_read_begins_where_it_began_then(
    ledger: Ledger, account: Account, kind: ObjectKind, call: str, first: datetime | None
) -> None:
    ledger.add_fill(FILL)
    ledger.settlements[OTHER] = SettlementRow(ticker=OTHER, settled_at=NOW)
    with ledger.session() as session:
        found = unread.found([odd(kind, "a")], {kind: first})
        findings.store(session, DEMO, 1, found, (), NOW)
        findings.store(session, DEMO, 1, unread.found([odd(kind, "b")], {kind: NOW}), (), NOW)
    statement = read(ledger, account)
    assert (call, first) in account.asked
    usual = dict.fromkeys((ObjectKind.FILL, ObjectKind.SETTLEMENT), NOW - timedelta(hours=1))
    assert statement.since == {**usual, kind: first}


@pytest.mark.parametrize(
    ("ticker", "kinds"), [(TICKER, ["unread_row"]), (None, ["unread_row"]), ("KXFED-26SEP-T4.00", []), ("", [])]
)
def test_only_a_row_that_names_a_market_of_others_stops_nothing(ticker: str | None, kinds: list[str]) -> None:
    one = UnreadObject(ObjectKind.ORDER, "o", ticker, "it is odd", "{}")
    found = unread.found([one], {})
    assert [each.kind for each in found] == kinds
    for each in found:
        assert (each.subject, each.ticker, each.ours) == ("order o", ticker, {"read_from": None})
        assert each.theirs == {"reason": "it is odd", "body": "{}"}
        assert "order o of the account cannot be read (it is odd)" in each.message
