"""Any reply that a server may send: JSON of the names that the program reads, with whatever in them, or no JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx2
from hypothesis import strategies as st
from pydantic import BaseModel

from milkbot.errors import MilkbotError

_MOST_CHARACTERS = 2_000
"""Of an error: it goes into a log and an alert, whatever the server sent."""

# Other kinds than are expected, beyond all measure, and what breaks those who do not look.
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, -1, 0, 0.5, 10**400, -(10**400), [], {}, [[]], ["x"], {"odd": []}),
        *("", "x", "\x00", "\ud800", "NaN", "1e999999", "-5.00", "9" * 5000, "../..", "KXHIGHNY-26JUL19", "yes"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-07-18T15:00:00Z", "2026-07-18T11:00:00/PT9H"),
    ]
)
_BYTES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 50_000, b"1" * 100_000, b"NaN", b"\xff\xfe{}", b'{"cursor": 1e999999}']
    ),
)
_STATUSES = st.sampled_from([200, 200, 200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 409, 429, 500, 503, 599])
_DATES = st.sampled_from(
    ["Sat, 18 Jul 2026 12:00:00 GMT", "", "yesterday", "Sat, 99 Jul 2026 12:00:00 GMT", "Sat, 18 Jul 99999 12:00:00"]
)


def names_of(models: Iterable[type[BaseModel]]) -> list[str]:
    """Every name that these read off the wire."""
    fields = (field for model in models for field in model.model_fields.items())
    return sorted({str(info.alias or name) for name, info in fields})


def bodies(names: list[str]) -> st.SearchStrategy[bytes]:
    """JSON whose objects have these names, deep and wrong in any way, and what is no JSON."""
    keys = st.sampled_from(names)
    json_values = st.recursive(
        _ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6), max_leaves=25
    )
    # A page of rows, whatever they are called, with another page to follow or not.
    pages = st.builds(lambda rows, cursor: dict.fromkeys(names, rows) | {"cursor": cursor}, json_values, _ODD)
    return st.one_of(st.one_of(json_values, pages).map(lambda value: json.dumps(value).encode()), _BYTES)


@st.composite
def replies(draw: st.DrawFn, names: list[str]) -> httpx2.Response:
    """A reply of any status."""
    headers = {"Date": draw(_DATES), "Cache-Control": draw(st.sampled_from(["", "max-age=" + "9" * 400, "max-age=x"]))}
    return httpx2.Response(draw(_STATUSES), content=draw(bodies(names)), headers=headers)


def expect_a_value_or_words(call: Callable[[], object]) -> None:
    """It returns, or raises an error of ours that a log and a terminal can show."""
    said = "a value"
    try:
        call()
    except MilkbotError as error:
        said = str(error)
    assert said.isprintable()
    assert 0 < len(said) < _MOST_CHARACTERS
