"""The series that the exchange lists beside those that cities.toml knows: what is new, renamed or gone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from milkbot.domain.cities import City, Extreme, Series, all_series, cities
from milkbot.domain.fees import FeeSchedule

CATEGORY = "Climate and Weather"
"""Under which the exchange lists temperatures."""

_DAILY = "daily"
_IN_TITLE = {
    Extreme.HIGH: re.compile(r"\b(?:high|highest|max|maximum)\b", re.IGNORECASE),
    Extreme.LOW: re.compile(r"\b(?:low|lowest|min|minimum)\b", re.IGNORECASE),
}
_TEMPERATURE = re.compile(r"\btemp(?:erature)?\b", re.IGNORECASE)
_ISSUED_BY = re.compile(r"\bissuedby=([A-Z]{3})\b")


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """A series as the exchange lists it. `sources` are names and addresses of what it says it settles by."""

    ticker: str
    title: str
    frequency: str
    sources: tuple[str, ...]
    fees: FeeSchedule


class Standing(StrEnum):
    """Where a series stands."""

    GONE = "gone"
    RENAMED = "renamed"
    NEW = "new"
    DUPLICATE = "duplicate"
    TRADED = "traded"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Compared:
    """One series of either side, and what to know or do about it."""

    ticker: str
    standing: Standing
    city: str
    extreme: Extreme
    detail: str
    is_missed: bool = False
    """Whether the trader asks for it although it is no longer there."""


def compare(listed: Iterable[ListedSeries], traded: Sequence[str]) -> tuple[Compared, ...]:
    """Every daily temperature of either side, those first that want something of the operator."""
    offered = {series.ticker: series for series in listed}
    known = {series.ticker: series for series in all_series()}
    strangers = [found for ticker, one in offered.items() if ticker not in known and (found := _stranger(one))]
    rows = [
        _of_table(series, offered, traded, [one for one in strangers if one.may_be(series)])
        for series in known.values()
    ]
    rows += [stranger.row(known, offered) for stranger in strangers]
    order = list(Standing)
    return tuple(sorted(rows, key=lambda row: order.index(row.standing)))


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A daily temperature that the table does not know, with the city that its station or title speaks of."""

    listed: ListedSeries
    extreme: Extreme
    city: City | None

    def may_be(self, series: Series) -> bool:
        return self.city == series.city and self.extreme is series.extreme

    def row(self, known: dict[str, Series], offered: dict[str, ListedSeries]) -> Compared:
        same = [ticker for ticker, series in known.items() if self.may_be(series)]
        ticker, title = self.listed.ticker, self.listed.title
        if self.city is None or not same:
            detail = f"{title}: not in cities.toml, so never traded; a row there needs its station, from its rules"
            return Compared(ticker, Standing.NEW, self.city.name if self.city else "", self.extreme, detail)
        if same[0] in offered:
            detail = f"{title}: {same[0]} is listed too, and is the one in cities.toml"
            return Compared(ticker, Standing.DUPLICATE, self.city.name, self.extreme, detail)
        detail = (
            f"{title}: may be what {same[0]} is called now; read its rules, then change {self.extreme} in cities.toml"
        )
        return Compared(ticker, Standing.NEW, self.city.name, self.extreme, detail)


def _of_table(
    series: Series, offered: dict[str, ListedSeries], traded: Sequence[str], alike: Sequence[_Stranger]
) -> Compared:
    is_traded = series.ticker in traded
    if series.ticker in offered:
        standing = Standing.TRADED if is_traded else Standing.KNOWN
        return Compared(series.ticker, standing, series.city.name, series.extreme, offered[series.ticker].title)
    named = ", ".join(one.listed.ticker for one in alike)
    standing = Standing.RENAMED if named else Standing.GONE
    detail = f"not listed; by station or title it may be {named} now" if named else "not listed, and nothing like it is"
    return Compared(series.ticker, standing, series.city.name, series.extreme, detail, is_missed=is_traded)


def _stranger(listed: ListedSeries) -> _Stranger | None:
    named = [extreme for extreme, words in _IN_TITLE.items() if words.search(listed.title)]
    if listed.frequency != _DAILY or len(named) != 1 or not _TEMPERATURE.search(listed.title):
        return None
    return _Stranger(listed, named[0], _at_station(listed) or _in_title(listed.title))


def _at_station(listed: ListedSeries) -> City | None:
    text = " ".join(listed.sources)
    issued = {f"CLI{code}" for code in _ISSUED_BY.findall(text)}
    return next((city for city in cities() if city.climate_report in issued or city.climate_report in text), None)


def _in_title(title: str) -> City | None:
    words = f" {re.sub(r'[^a-z]+', ' ', title.casefold())} "
    return next((city for city in cities() if any(f" {n.casefold()} " in words for n in (city.name, city.code))), None)
