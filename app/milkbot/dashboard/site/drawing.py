"""The templates, and what is in every page that is made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from milkbot import amounts
from milkbot.dashboard import wording
from milkbot.dashboard.site.files import address
from milkbot.domain.cities import cities
from milkbot.domain.modes import MODE_NOTES

# What changes while nothing has happened: when it was made and read, and how long ago things were.
_VOLATILE = re.compile(r'(?:data-(?:made|read)="[^"]*"|(<span data-age="[^"]*">))[^<]*')


def version_of(markup: str) -> str:
    """A page without what changes by itself: two pages of one version say the same."""
    return _VOLATILE.sub(r"\1", markup)


def _address(name: str) -> str:
    """An address that is set for this process, empty where it is not."""
    from milkbot.dashboard.configured import settings  # noqa: PLC0415 - it imports what draws

    return getattr(settings(), f"{name}_url") or ""


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("milkbot.dashboard.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written: tuple[Callable[..., str], ...] = (
        *(amounts.dollars, amounts.signed_dollars),
        *(wording.percent, wording.signed_percent, wording.signed, wording.tone, wording.day, wording.city_name),
    )
    found.filters |= {function.__name__: function for function in written}
    found.globals |= {
        "asset": address,
        "address": _address,
        "cities": cities,
        "MODE_NOTES": MODE_NOTES,
        "NOTHING": amounts.NOTHING,
    }
    return found


def draw(name: str, *, now: datetime, **values: Any) -> str:
    """The page of that template. `now` is when the API was read for it: ages count from there."""

    def moment(when: datetime) -> Markup:
        utc = when.astimezone(UTC)
        shown = f"{utc:%H:%M}" if utc.date() == now.date() else wording.clock_time(utc)
        return Markup('<time datetime="{}">{} UTC</time> <span data-age="{}">({})</span>').format(
            utc.isoformat(), shown, utc.isoformat(), wording.ago(now - when)
        )

    return _templates().get_template(f"{name}.html").render(now=now, moment=moment, **values)
