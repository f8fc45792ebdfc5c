"""Fields that the exchange documents and that nothing here needs, of the objects that have many."""

from __future__ import annotations

from typing import Final

MARKET: Final = frozenset(
    [
        "can_close_early",
        "created_time",
        "custom_strike",
        "early_close_condition",
        "expected_expiration_time",
        "expiration_time",
        "fee_waiver_expiration_time",
        "functional_strike",
        "is_provisional",
        "last_price_dollars",
        "latest_expiration_time",
        "market_type",
        "mve_collection_ticker",
        "mve_selected_legs",
        "no_ask_dollars",
        "no_bid_dollars",
        "no_sub_title",
        "notional_value_dollars",
        "occurrence_datetime",
        "open_interest_fp",
        "previous_price_dollars",
        "previous_yes_ask_dollars",
        "previous_yes_bid_dollars",
        "price_level_structure",
        "primary_participant_key",
        "rules_secondary",
        "settlement_bounds_type",
        "settlement_floor_dollars",
        "settlement_timer_seconds",
        "subtitle",
        "title",
        "updated_time",
        "volume_24h_fp",
        "volume_fp",
        "yes_ask_dollars",
        "yes_ask_size_fp",
        "yes_bid_dollars",
        "yes_bid_size_fp",
    ]
)
"""Of a market; its quotes are cached by the exchange for seconds, so prices come from the order book."""

EVENT: Final = frozenset(
    [
        "category",
        "collateral_return_type",
        "exchange_index",
        "last_updated_ts",
        "product_metadata",
        "settlement_sources",
        "strike_date",
        "strike_period",
        "sub_title",
        "title",
    ]
)
"""Of an event."""

SERIES: Final = frozenset(
    [
        "additional_prohibitions",
        "categories",
        "category",
        "contract_terms_url",
        "contract_url",
        "exchange_index",
        "last_updated_ts",
        "product_metadata",
        "tags",
        "volume_fp",
    ]
)
"""Of a series."""

ORDER: Final = frozenset(
    [
        "action",
        "cancel_order_on_pause",
        "maker_fees_dollars",
        "maker_fill_cost_dollars",
        "no_price_dollars",
        "outcome_side",
        "self_trade_prevention_type",
        "side",
        "subaccount_number",
        "taker_fees_dollars",
        "taker_fill_cost_dollars",
        "type",
        "user_id",
    ]
)
"""Of an order, `side` and `action` deprecated."""

FILL: Final = frozenset(
    [
        "action",
        "exchange_index",
        "market_ticker",
        "no_price_dollars",
        "outcome_side",
        "side",
        "subaccount_number",
        "trade_id",
    ]
)
"""Of a fill, `side` and `action` deprecated."""
