"""Many series are read out of listings; whatever a listing lacks is read alone, and the decisions are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import httpx2
import pytest
from tests.exchange import Exchange
from tests.integration.trader.stage import Send, Stage, staged
from tests.postgres import TestDatabase

from milkbot.settings import TRADED_SERIES

SERIES = (*TRADED_SERIES, "KXLOWTDEN")
Answer = dict[str, object] | None
Change = Callable[[httpx2.Request], Answer]


@pytest.fixture
def stage(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader of eight series that sends nothing."""
    with staged(exchange, database, TRADING_SERIES=",".join(SERIES), TRADING_MODE="shadow") as ready:
        yield ready


def as_listed(request: httpx2.Request) -> Answer:  # noqa: ARG001 - the real answer, whatever was asked
    return None


def no_event_by_name(request: httpx2.Request) -> Answer:
    """An exchange that knows no filter by several tickers."""
    return {"events": [], "cursor": ""} if "tickers" in request.url.params and "events" in request.url.path else None


def no_listing(request: httpx2.Request) -> Answer:
    return {"series": []} if request.url.path.endswith("/series") else None


def odd_listing(request: httpx2.Request) -> Answer:
    """One of our series is listed twice, with other fees the second time, and one without fees."""
    row = {"ticker": "KXHIGHNY", "fee_type": "quadratic", "fee_multiplier": 1}
    rows = [row, row | {"fee_multiplier": 9}, {"ticker": "KXHIGHDEN"}]
    return {"series": rows} if request.url.path.endswith("/series") else None


# How many reads of single series, and of one series' events, each answer leads to.
@pytest.mark.parametrize(
    ("change", "fees", "events"),
    [(as_listed, 0, 0), (no_event_by_name, 0, 8), (no_listing, 8, 0), (odd_listing, 8, 1)],
    ids=["as listed", "no event by name", "no listing", "odd listing"],
)
def test_what_a_listing_lacks_is_read_alone(stage: Stage, change: Change, fees: int, events: int) -> None:
    def play(request: httpx2.Request, send: Send) -> httpx2.Response:
        changed = change(request)
        return send(request) if changed is None else httpx2.Response(200, json=changed, request=request)

    stage.wire.always = play
    report = stage.tick()

    paths = Counter(request.url.path.removeprefix("/trade-api/v2") for request in stage.wire.requests)
    alone = [request for request in stage.wire.requests if _of_one_series(request)]
    assert sum(number for path, number in paths.items() if path.startswith("/series/")) == fees
    assert (len(alone), report.counts.events, report.counts.decisions) == (events, 16, 96)


def test_a_series_of_which_the_list_omits_a_due_event_is_read_alone(stage: Stage) -> None:
    """Seen at the exchange in August 2026: an event that is there alone is not in the list by names."""
    omitted: list[str] = []

    def play(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = send(request)
        if "tickers" in request.url.params and request.url.path.endswith("/events"):
            page = response.json()
            # Today's: tomorrow's is due from noon on.
            omitted.append(min(e["event_ticker"] for e in page["events"] if e["series_ticker"] == "KXHIGHDEN"))
            page["events"] = [event for event in page["events"] if event["event_ticker"] not in omitted]
            return httpx2.Response(200, json=page, request=request)
        return response

    stage.wire.always = play
    report = stage.tick()

    alone = [request.url.params["series_ticker"] for request in stage.wire.requests if _of_one_series(request)]
    assert omitted
    assert (alone, report.counts.events, report.missing["KXHIGHDEN"]) == (["KXHIGHDEN"], 16, 0)


def _of_one_series(request: httpx2.Request) -> bool:
    return "series_ticker" in request.url.params
