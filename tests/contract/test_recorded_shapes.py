"""The simulator's replies have the names, types and number formats of the exchange's, field by field.

`samples.json` holds invented objects of the recorded form, so the simulator is held to it where no recording is.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.simulator.api import Api, served

SAMPLES = Path(__file__).with_name("samples.json")
JULY, JUNE, ORDERS = "2026-07_fairline", "2026-06_demo_portfolio/portfolio", "2026-07_v2_orders/orders_and_errors.json"
POSITIONS = f"{JUNE}_positions_demo.json"
# Where the recordings of each kind are: files, and the keys that lead to the objects.
RECORDED: dict[str, list[tuple[str, list[str]]]] = {
    "market": [
        (f"{JULY}/market_single.json", ["market"]),
        (f"{JULY}/markets_resolved.json", ["markets"]),
        (f"{JULY}/historical_markets_rain.json", ["markets"]),
    ],
    "event": [(f"{JULY}/events_mixed.json", ["events"]), (f"{JULY}/events_settled.json", ["events"])],
    "orderbook": [(f"{JULY}/orderbook.json", [])],
    "candlesticks": [(f"{JULY}/candlesticks_weather.json", [])],
    "historical_candlesticks": [(f"{JULY}/historical_candlesticks.json", [])],
    "balance": [(f"{JUNE}_balance_demo.json", [])],
    "market_position": [(POSITIONS, ["market_positions"])],
    "event_position": [(POSITIONS, ["event_positions"])],
    "order": [(ORDERS, ["get_order_executed_demo_2026-07-18"])],
    "created_order": [
        (ORDERS, [key]) for key in ("create_order_v2_201_demo_2026-07-18", "create_order_v2_201_prod_2026-06-05")
    ],
}
NO_LONGER_SENT = {
    "market": {"liquidity_dollars"},
    "event": {"available_on_brokers"},
    "market_position": {"resting_orders_count"},
    "order": {"action", "side"},
}
NEWER_OR_OPTIONAL = {
    "market": {"settlement_bounds_type"},
    "event": {"exchange_index"},
    "market_position": {"exchange_index"},
    "order": {"cancel_order_on_pause", "exchange_index", "expiration_time", "order_group_id"},
}
Shape = dict[str, set[str]]


def kind(value: object) -> str:
    """The type of a JSON value; of a text also whether it is a moment or a number, with how many decimals."""
    if not isinstance(value, str):
        return type(value).__name__
    if number := re.fullmatch(r"-?\d+\.(\d+)", value):
        return f"number of {len(number[1])} decimals"
    return "moment" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) else "text"


def shape(objects: list[Any]) -> Shape:
    """The kinds of each field, by its path."""
    found: Shape = defaultdict(set)

    def walk(path: str, value: Any) -> None:
        found[path].add(kind(value))
        if isinstance(value, dict):
            for name, part in value.items():
                walk(f"{path}.{name}".lstrip("."), part)
        if isinstance(value, list):
            for part in value:
                walk(f"{path}[]", part)

    for thing in objects:
        walk("", thing)
    return dict(found)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    with served(tmp_path_factory.mktemp("state")) as api:
        return replies(api)


@pytest.fixture(scope="module")
def samples() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(SAMPLES.read_text("utf-8"))
    return found


def replies(api: Api) -> dict[str, list[Any]]:
    """One of each kind, in every state that adds fields."""
    market = api.liquid_market()
    ticker, series = market["ticker"], market["ticker"].partition("-")[0]
    group = api.ask("POST", "/portfolio/order_groups/create", json={"contracts_limit": 50}).json()["order_group_id"]
    taken = {"price": market["yes_ask_dollars"], "time_in_force": "immediate_or_cancel", "client_order_id": "taken"}
    found = {"created_order": [api.order(ticker=ticker, **taken).json()]}
    found["created_order"].append(api.order(ticker=ticker, order_group_id=group).json())
    api.tick(hours=6)
    event = ticker.rpartition("-")[0]
    found["market"] = api.get("/markets", event_ticker=event)["markets"]
    found["event"] = [api.get(f"/events/{event}")["event"]]
    found["orderbook"] = [api.get(f"/markets/{ticker}/orderbook")]
    span = {"start_ts": int(api.now.timestamp()) - 8 * 3600, "end_ts": int(api.now.timestamp()), "period_interval": 60}
    found["candlesticks"] = [api.get(f"/series/{series}/markets/{ticker}/candlesticks", **span)]
    found["balance"] = [api.get("/portfolio/balance")]
    positions = api.get("/portfolio/positions")
    found["market_position"], found["event_position"] = positions["market_positions"], positions["event_positions"]
    found["order"] = api.get("/portfolio/orders")["orders"]
    api.tick(days=100)
    found["market"].append(api.get(f"/historical/markets/{ticker}")["market"])
    found["historical_candlesticks"] = [api.get(f"/historical/markets/{ticker}/candlesticks", **span)]
    return found


def recordings(folder: Path, name: str) -> Iterator[Any]:
    """The recorded objects of a kind, without the objects within that have a kind of their own."""
    for file, keys in RECORDED[name]:
        body = json.loads((folder / "api_kalshi" / file).read_text("utf-8"))
        for page in body if isinstance(body, list) else [body]:
            part = functools.reduce(operator.getitem, keys, page)
            for row in part if isinstance(part, list) else [part]:
                yield {field: value for field, value in row.items() if field != "markets"}


@pytest.mark.parametrize("name", RECORDED)
def test_a_simulated_object_has_the_shape_of_the_sample(
    simulated: dict[str, list[Any]], samples: dict[str, list[Any]], name: str
) -> None:
    assert shape(simulated[name]) == shape(samples[name])


@pytest.mark.parametrize("name", RECORDED)
def test_the_sample_has_the_shape_of_the_recordings(
    shared_data: Path, samples: dict[str, list[Any]], name: str
) -> None:
    recorded, ours = shape(list(recordings(shared_data, name))), shape(samples[name])
    assert recorded.keys() - ours.keys() <= NO_LONGER_SENT.get(name, set())
    assert ours.keys() - recorded.keys() == NEWER_OR_OPTIONAL.get(name, set())
    assert {
        path: ours[path] - recorded[path] for path in ours.keys() & recorded.keys() if ours[path] - recorded[path]
    } == {}
