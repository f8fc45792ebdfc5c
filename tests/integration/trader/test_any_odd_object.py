"""Whatever is wrong with one object of the exchange, all others are decided on and read as before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.exchange import Exchange
from tests.fakes import reply
from tests.integration.trader.stage import Send, Stage, staged
from tests.postgres import TestDatabase

from milkbot.domain.unread import Unread
from milkbot.trader.report import TickReport

# What stands in a field of another object, is of no kind that is expected, or is beyond all measure.
ABSURD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, -1, 0, 10**40, [], [None], {}, {"odd": []}),
        *("", "x", "\x00", "\ud800", "NaN", "1e400", "-5.00", "9" * 30, "KXHIGHNY-26AUG03-T1", "active"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-08-03T15:00:00"),
    ]
)
LISTS = {
    "/events": "events",
    "/markets/orderbooks": "orderbooks",
    "/portfolio/fills": "fills",
    "/portfolio/orders": "orders",
    "/portfolio/positions": "market_positions",
}


@st.composite
def mangled(draw: st.DrawFn, row: Any) -> Any:
    """The object with one thing wrong: it is another thing as a whole, or somewhere within it a field is or is gone."""
    if not isinstance(row, dict | list) or not row or draw(st.integers(0, 9)) == 0:
        return draw(ABSURD)
    key = draw(st.sampled_from(sorted(row) if isinstance(row, dict) else range(len(row))))
    if isinstance(row, dict) and draw(st.booleans()) and draw(st.booleans()):
        return {name: value for name, value in row.items() if name != key}
    changed = draw(mangled(row[key]))
    if isinstance(row, dict):
        return {**row, key: changed}
    return [*row[:key], changed, *row[key + 1 :]]


class Tape:
    """The wire that gives each request its first reply again: no example spends the exchange's limits."""

    def __init__(self) -> None:
        self._replies: dict[str, httpx2.Response] = {}

    def __call__(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        name = f"{request.method} {request.url}"
        if name not in self._replies:
            self._replies[name] = send(request)
        first = self._replies[name]
        return httpx2.Response(first.status_code, headers={"Date": first.headers["Date"]}, content=first.content)


class Mangler:
    """The wire's fault: in the first list of that path that has any, one object is mangled. `hit`: what it was."""

    def __init__(self, path: str, data: st.DataObject, tape: Tape) -> None:
        self._path, self._data, self._tape = path, data, tape
        self.hit: Any = None
        self.rows: list[Any] = []

    def __call__(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = self._tape(request, send)
        if self.hit is not None or not request.url.path.endswith(self._path):
            return answer
        body = answer.json()
        key = LISTS[self._path]
        return reply({**body, key: self._changed(body[key])})

    def _changed(self, rows: list[Any]) -> list[Any]:
        at = self._data.draw(st.integers(0, len(rows) - 1), label="row")
        row = rows[at]
        if "markets" in row and self._data.draw(st.booleans(), label="within"):
            return [*rows[:at], {**row, "markets": self._changed(row["markets"])}, *rows[at + 1 :]]
        self.hit, self.rows = row, rows
        return [*rows[:at], self._data.draw(mangled(row), label="odd"), *rows[at + 1 :]]


def decided(stage: Stage, report: TickReport) -> dict[str, Any]:
    rows = stage.rows(
        "SELECT ticker, decision, price, count, reasons FROM ops.signals WHERE tick_id = :id", id=report.tick_id
    )
    return {row.pop("ticker"): row for row in rows}


@pytest.fixture
def shadow(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader that changes nothing: all of its ticks at one moment decide the same."""
    with staged(exchange, database, TRADING_SERIES="KXHIGHNY,KXHIGHCHI", TRADING_MODE="shadow") as ready:
        yield ready


@pytest.mark.parametrize("path", ["/events", "/markets/orderbooks"])
def test_whatever_one_object_of_the_markets_is_the_others_are_decided_on_as_before(shadow: Stage, path: str) -> None:
    shadow.tick()
    shadow.wire.always = tape = Tape()
    whole = decided(shadow, shadow.tick())
    assert len(whole) == 24

    @settings(max_examples=30, database=None)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        shadow.wire.always = mangler = Mangler(path, data, tape)
        report = shadow.tick()
        assert report.outcome == "completed"
        assert mangler.hit is not None
        theirs = {mangler.hit.get("ticker"), *(market["ticker"] for market in mangler.hit.get("markets", ()))}
        event(f"{len(theirs)} {report.counts.unread.total()} unread")
        found = decided(shadow, report)
        assert {ticker: row for ticker, row in found.items() if ticker not in theirs} == {
            ticker: row for ticker, row in whole.items() if ticker not in theirs
        }

    holds()


@pytest.mark.parametrize(("path", "call"), [("fills", "fills"), ("orders", "orders"), ("positions", "positions")])
def test_whatever_one_row_of_the_account_is_the_others_are_read_as_before(stage: Stage, path: str, call: str) -> None:
    stage.tick()
    stage.wire.always = tape = Tape()
    with stage.venue() as venue:
        whole = getattr(venue, call)()
    assert len(whole) > 1

    @settings(max_examples=200, database=None)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        stage.wire.always = mangler = Mangler(f"/portfolio/{path}", data, tape)
        unread: Unread = []
        with stage.venue() as venue:
            found = getattr(venue, call)(unread=unread)
        event(f"{len(unread)} unread")
        assert len(found) + len(unread) == len(mangler.rows)
        assert len([row for row in found if row in whole]) >= len(whole) - 1

    holds()
