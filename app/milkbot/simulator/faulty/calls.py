"""Names for the calls of the exchange and of the weather service, by which a fault says which of them it hits."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

_ORDERS: Final = "/portfolio/events/orders"
_ID: Final = "[^/]+"

_CALLS: Final = {
    "create": ("POST", _ORDERS),
    "cancel_all": ("DELETE", _ORDERS),
    "batch_create": ("POST", f"{_ORDERS}/batched"),
    "batch_cancel": ("DELETE", f"{_ORDERS}/batched"),
    "cancel": ("DELETE", f"{_ORDERS}/(?!batched$){_ID}"),
    "amend": ("POST", f"{_ORDERS}/{_ID}/amend"),
    "decrease": ("POST", f"{_ORDERS}/{_ID}/decrease"),
    "group_write": ("POST|PUT|DELETE", "/portfolio/order_groups/.+"),
    "groups": ("GET", "/portfolio/order_groups(/.+)?"),
    "orders": ("GET", f"/portfolio/orders(/(?!queue_positions$){_ID})?"),
    "queue": ("GET", "/portfolio/orders/(queue_positions|[^/]+/queue_position)"),
    "fills": ("GET", "/portfolio/fills"),
    "positions": ("GET", "/portfolio/positions"),
    "settlements": ("GET", "/portfolio/settlements"),
    "balance": ("GET", "/portfolio/balance"),
    "historical": ("GET", "/historical/.+"),
    "user_data": ("GET", "/exchange/user_data_timestamp"),
    "status": ("GET", "/exchange/status"),
    "schedule": ("GET", "/exchange/schedule"),
    "limits": ("GET", "/account/.+"),
    "events": ("GET", "/(series|events)(/.+)?"),
    "books": ("GET", "/markets/(orderbooks|[^/]+/orderbook)"),
    "markets": ("GET", "/markets(/(?!orderbooks$)[^/]+)?"),
    "points": ("GET", "/nws/points/.+"),
    "gridpoints": ("GET", "/nws/gridpoints/.+"),
    "observations": ("GET", "/nws/stations/[^/]+/observations(/latest)?"),
}
_FAMILIES: Final = {
    "any": (".*", "(?!/nws/).*"),
    "read": ("GET", "(?!/nws/).*"),
    "write": ("POST|PUT|DELETE", ".*"),
    "grid": ("GET", "/nws/(points|gridpoints)/.+"),
    "weather": ("GET", "/nws/.+"),
    "portfolio": ("GET", "/(portfolio/.+|exchange/user_data_timestamp)"),
}
_PATTERNS: Final = {
    name: (re.compile(methods), re.compile(path)) for name, (methods, path) in {**_CALLS, **_FAMILIES}.items()
}

CALL_NAMES: Final = tuple(_PATTERNS)


def check_call(text: str) -> str:
    """A call's name, or a method and a path with wildcards. Raises ValueError for anything else."""
    method, _, path = text.partition(" ")
    if text not in _PATTERNS and not (method.isalpha() and method.isupper() and path.startswith("/")):
        raise ValueError(
            f"call is {text!r}, expected one of {', '.join(CALL_NAMES)}, or a method and a path "
            "below /trade-api/v2 such as 'GET /portfolio/*'"
        )
    return text


def is_call(text: str, method: str, path: str) -> bool:
    """Whether a request, its path without /trade-api/v2 (of the weather service's with /nws), is of that call."""
    if text in _PATTERNS:
        methods, paths = _PATTERNS[text]
        return bool(methods.fullmatch(method) and paths.fullmatch(path))
    wanted, _, pattern = text.partition(" ")
    return wanted == method and fnmatchcase(path, pattern)
