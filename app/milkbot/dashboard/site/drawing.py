"""The templates, and what is in every page that is made of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from milkbot.dashboard import wording
from milkbot.dashboard.site.files import address
from milkbot.domain.cities import cities

# What changes while nothing has happened: when it was made and read, and how long ago things were.
_VOLATILE = re.compile(r'(?:data-(?:made|read)="[^"]*"|(<span data-age="[^"]*">))[^<]*')


def version_of(markup: str) -> str:
    """A page without what changes by itself: two pages of one version say the same."""
    return _VOLATILE.sub(r"\1", markup)


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("milkbot.dashboard.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("dollars", "signed_dollars", "percent", "signed_percent", "signed", "tone", "day", "city_name")
    found.filters |= {name: getattr(wording, name) for name in names}
    found.globals |= {
        "asset": address,
        "cities": cities,
        "MODE_NOTES": wording.MODE_NOTES,
        "NOTHING": wording.NOTHING,
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
