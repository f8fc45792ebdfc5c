"""Each wire model against the one in the exchange's own SDK: nothing of it is news, nothing optional is demanded."""

from __future__ import annotations

import kalshi_python_sync
import pytest
from pydantic import BaseModel, ValidationError

from milkbot.validation import reason
from milkbot.venue.wire import exchange, groups, markets, orders, portfolio
from milkbot.venue.wire.base import WireModel, known_names

REPLIES: dict[type[WireModel], str] = {
    portfolio.Balance: "GetBalanceResponse",
    portfolio.MarketPosition: "MarketPosition",
    portfolio.Order: "Order",
    portfolio.OrderReply: "GetOrderResponse",
    portfolio.QueuePositions: "GetOrderQueuePositionsResponse",
    portfolio.QueuedOrder: "OrderQueuePosition",
    portfolio.Fill: "Fill",
    portfolio.Settlement: "Settlement",
    markets.Series: "Series",
    markets.Source: "SettlementSource",
    markets.SeriesReply: "GetSeriesResponse",
    markets.Market: "Market",
    markets.PriceRange: "PriceRange",
    markets.Event: "EventData",
    markets.EventReply: "GetEventResponse",
    markets.TickerBook: "MarketOrderbookFp",
    markets.BookSides: "OrderbookCountFp",
    exchange.ExchangeStatus: "ExchangeStatus",
    exchange.ScheduleReply: "GetExchangeScheduleResponse",
    exchange.ExchangeSchedule: "Schedule",
    exchange.WeeklyHours: "WeeklySchedule",
    exchange.Session: "DailySchedule",
    exchange.MaintenanceWindow: "MaintenanceWindow",
    exchange.UserDataTimestamp: "GetUserDataTimestampResponse",
    exchange.AccountLimits: "GetAccountApiLimitsResponse",
    exchange.Bucket: "BucketLimit",
    exchange.ErrorBody: "ErrorResponse",
    orders.CreatedOrder: "CreateOrderV2Response",
    orders.CanceledOrder: "CancelOrderV2Response",
    groups.CreatedGroup: "CreateOrderGroupResponse",
    groups.ListedGroup: "OrderGroup",
    groups.GroupList: "GetOrderGroupsResponse",
    groups.Group: "GetOrderGroupResponse",
}
REQUESTS: dict[type[WireModel], str] = {
    orders.CreateOrder: "CreateOrderV2Request",
    groups.CreateGroup: "CreateOrderGroupRequest",
}
BEYOND_THE_DOCUMENT: dict[type[WireModel], set[str]] = {
    exchange.ErrorBody: {"service"},  # dropped on 2026-08-06
}


def documented(schema: str) -> tuple[set[str], set[str]]:
    """The names of a schema's fields, and of those that are always there."""
    model: type[BaseModel] = getattr(kalshi_python_sync, schema)
    names = {field.alias or name: field.is_required() for name, field in model.model_fields.items()}
    return set(names), {name for name, is_required in names.items() if is_required}


def required(model: type[WireModel]) -> set[str]:
    return {name for name, field in model.model_fields.items() if field.is_required()}


@pytest.mark.parametrize(("model", "schema"), REPLIES.items(), ids=lambda part: getattr(part, "__name__", part))
def test_a_reply_model_knows_the_documented_fields_and_no_others(model: type[WireModel], schema: str) -> None:
    assert known_names(model) - BEYOND_THE_DOCUMENT.get(model, set()) == documented(schema)[0]


@pytest.mark.parametrize(("model", "schema"), REPLIES.items(), ids=lambda part: getattr(part, "__name__", part))
def test_a_reply_model_requires_only_fields_that_are_always_present(model: type[WireModel], schema: str) -> None:
    assert required(model) <= documented(schema)[1]


@pytest.mark.parametrize(("model", "schema"), REQUESTS.items(), ids=lambda part: getattr(part, "__name__", part))
def test_a_request_has_all_required_fields_and_no_unknown_one(model: type[WireModel], schema: str) -> None:
    names, demanded = documented(schema)
    assert set(model.model_fields) <= names
    assert demanded <= required(model)


@pytest.mark.parametrize("model", [model for model in REPLIES if required(model)], ids=lambda model: model.__name__)
def test_each_missing_field_is_named(model: type[WireModel]) -> None:
    with pytest.raises(ValidationError) as error:
        model.from_wire({})
    named = {part.partition(":")[0] for part in reason(error.value).split("; ")}
    assert named == {str(model.model_fields[name].alias or name) for name in required(model)}


def test_every_model_of_the_wire_is_compared_with_the_document() -> None:
    modules = (exchange, groups, markets, orders, portfolio)
    found = {
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, WireModel) and thing.__module__ == module.__name__
    }
    without_schema = {"_Nested", "_Plain"}  # two of the three forms of an error, from recordings
    assert {model.__name__ for model in found} - without_schema == {m.__name__ for m in {**REPLIES, **REQUESTS}}
