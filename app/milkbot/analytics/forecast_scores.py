"""Scoring stored forecasts once their events' results are there, and what the days so far say of each forecaster.

Each forecaster, live or in shadow, is scored at fixed times of the city's clock, by the forecast that it made last
before. The market is scored by its mid in the order books which that forecast was made from: as of the same moment. A
result that comes late, or is corrected, has its event scored again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Row, func, insert, text
from sqlalchemy.orm import Session

from milkbot.analytics.event_scores import Compared, compare
from milkbot.analytics.touched import PUBLIC_CUTOFF
from milkbot.db.rollup_tables import ForecastScore
from milkbot.domain.chances import mid
from milkbot.domain.cities import City, city_of_series
from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.settlement import is_exhaustive
from milkbot.sizing.evidence import DayGain, evidence

LEADS: Final[Mapping[str, tuple[int, time]]] = {
    "prev18": (1, time(18)),
    "day07": (0, time(7)),
    "day10": (0, time(10)),
    "day13": (0, time(13)),
}
"""When forecasts are scored: days before the climate day, and the time on the city's clocks with daylight saving."""
EVIDENCE_LEAD: Final = "day10"
"""The one whose gains the sequential test is made on. With several the gain of a day would be known in part before its
stake is fixed, and that of the evening before overlaps with the day before: either breaks the test's promise."""
NEAREST_WITHIN: Final = timedelta(minutes=90)
"""How long before the moment the forecast may be. A challenger makes one an hour."""
_EVENTS_A_RUN: Final = 100
_RESULTS_A_RUN: Final = 1_000

_MODES = text("SELECT trading_mode, result_id FROM analytics.score_marks")
# A score says how an event came out, so a result is scored once it is public. The mark never passes one that is not.
_NEW = text(
    f"""
    SELECT event_ticker, climate_day, max(id) AS newest FROM (
        SELECT id, event_ticker, climate_day FROM ops.market_results
        WHERE trading_mode = :mode AND id > :mark AND id < COALESCE((
            SELECT min(id) FROM ops.market_results
            WHERE trading_mode = :mode AND id > :mark AND recorded_at > {PUBLIC_CUTOFF}), {2**63 - 1})
        ORDER BY id LIMIT :most
    ) AS new GROUP BY event_ticker, climate_day ORDER BY newest
    """  # noqa: S608 - the only things put in are constants of ours
)
_OF_DAYS = text(
    """
    SELECT event_ticker, climate_day FROM ops.market_results AS over
    WHERE trading_mode = :mode AND climate_day BETWEEN :first AND :last AND EXISTS (
        SELECT FROM ops.forecasts WHERE trading_mode = :mode AND climate_day = over.climate_day
            AND event_ticker = over.event_ticker)
    UNION SELECT event_ticker, climate_day FROM analytics.forecast_scores
    WHERE trading_mode = :mode AND climate_day BETWEEN :first AND :last
    """
)
_JUDGED = text(
    "SELECT forecaster, version, parameters_hash FROM analytics.forecast_scores WHERE trading_mode = :mode "
    "UNION SELECT forecaster, version, parameters_hash FROM analytics.forecast_evidence WHERE trading_mode = :mode"
)
_MARK = text(
    "INSERT INTO analytics.score_marks (trading_mode, result_id) VALUES (:mode, :mark) "
    "ON CONFLICT (trading_mode) DO UPDATE SET result_id = excluded.result_id"
)
_RESULTS = text(
    f"""
    SELECT DISTINCT ON (ticker) event_ticker, ticker, result FROM ops.market_results
    WHERE trading_mode = :mode AND event_ticker = ANY(:events) AND recorded_at <= {PUBLIC_CUTOFF}
    ORDER BY ticker, id DESC
    """  # noqa: S608 - the only thing put in is a constant of ours
)
# The last one before the moment counts, also where it is no forecast: then there was none.
_FORECASTS = text(
    f"""
    SELECT * FROM (
        SELECT DISTINCT ON (event_ticker, forecaster) event_ticker, forecaster, version, parameters_hash, as_of,
            probabilities, market_snapshot_ids
        FROM ops.forecasts
        WHERE trading_mode = :mode AND climate_day = :day AND event_ticker = ANY(:events)
          AND as_of <= :moment AND as_of > :earliest AND as_of <= {PUBLIC_CUTOFF}
        ORDER BY event_ticker, forecaster, as_of DESC, id DESC
    ) AS nearest WHERE probabilities IS NOT NULL
    """  # noqa: S608 - the only thing put in is a constant of ours
)
_BOOKS = text(
    "SELECT id, ticker, strike_type, floor_strike, cap_strike, yes_bid, yes_ask FROM ops.market_snapshots "
    "WHERE id = ANY(:ids)"
)
_FORGET = text(
    """
    DELETE FROM analytics.forecast_scores
    WHERE trading_mode = :mode AND climate_day = ANY(:days) AND event_ticker = ANY(:events)
    RETURNING forecaster, version, parameters_hash
    """
)
_DAYS = text(
    """
    SELECT climate_day, count(*) AS events, avg(gain) AS gain, avg(least) AS least, avg(most) AS most
    FROM analytics.forecast_scores
    WHERE trading_mode = :mode AND forecaster = :forecaster AND version = :version
      AND parameters_hash = :parameters_hash AND lead = :lead
    GROUP BY climate_day ORDER BY climate_day
    """
)
_FORGET_EVIDENCE = text(
    """
    DELETE FROM analytics.forecast_evidence
    WHERE trading_mode = :mode AND forecaster = :forecaster AND version = :version
      AND parameters_hash = :parameters_hash
    """
)
# A trigger keeps the sums of scores by day and by month; a rebuild makes them anew.
_FORGET_SUMS = (
    text("DELETE FROM analytics.forecast_skill WHERE trading_mode = :mode"),
    text("DELETE FROM analytics.forecast_reliability WHERE trading_mode = :mode"),
)
_SUM = text(
    "SELECT analytics.sum_scores(:mode, array_agg(DISTINCT climate_day)) FROM analytics.forecast_scores "
    "WHERE trading_mode = :mode"
)
_SAVE_EVIDENCE = text(
    """
    INSERT INTO analytics.forecast_evidence (trading_mode, forecaster, version, parameters_hash, standing, days, events,
        mean_gain, wealth_for, wealth_against, first_day, last_day, computed_at)
    VALUES (:mode, :forecaster, :version, :parameters_hash, :standing, :days, :events, :mean, :wealth_for,
        :wealth_against, :first_day, :last_day, now())
    """
)


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Exactly one forecaster: another version or other parameters are another one."""

    forecaster: str
    version: str
    parameters_hash: str


@dataclass(frozen=True, slots=True, order=True)
class _Event:
    day: date
    ticker: str


def moment_of(lead: str, city: City, day: date) -> datetime:
    """When forecasts of a city's climate day are scored at that lead time, in UTC."""
    days_before, at = LEADS[lead]
    return city.moment(day - timedelta(days=days_before), at)


def score_new(session: Session, modes: Iterable[str]) -> int:
    """Score the events whose results are new, a bounded number of them; returns how many had a forecast to score.
    Running it again changes nothing.
    """
    marks = {row.trading_mode: row.result_id for row in session.execute(_MODES)}
    scored = 0
    for mode in modes:
        new = session.execute(_NEW, {"mode": mode, "mark": marks.get(mode, 0), "most": _RESULTS_A_RUN}).all()
        taken = new[:_EVENTS_A_RUN]
        if not taken:
            continue
        made, changed = _score(session, mode, sorted({_Event(row.climate_day, row.event_ticker) for row in taken}))
        scored += made
        for identity in sorted(changed):
            judge(session, mode, identity)
        session.execute(_MARK, {"mode": mode, "mark": taken[-1].newest})
    return scored


def score_days(session: Session, mode: str, first: date, last: date) -> int:
    """Score all events of those days anew; returns how many had a forecast to score. `judge_all` comes after it."""
    rows = session.execute(_OF_DAYS, {"mode": mode, "first": first, "last": last})
    events = sorted(_Event(row.climate_day, row.event_ticker) for row in rows)
    parts = (events[start : start + _EVENTS_A_RUN] for start in range(0, len(events), _EVENTS_A_RUN))
    return sum(_score(session, mode, part)[0] for part in parts)


def sum_scores(session: Session, mode: str) -> None:
    """Add up a mode's scores anew, by day and by month: for a rebuild, not for the timer."""
    for statement in (*_FORGET_SUMS, _SUM):
        session.execute(statement, {"mode": mode})


def judge_all(session: Session, mode: str) -> None:
    """Judge every forecaster that has scores, or had."""
    for row in session.execute(_JUDGED, {"mode": mode}).all():
        judge(session, mode, Identity(*row))


def _score(session: Session, mode: str, events: Sequence[_Event]) -> tuple[int, set[Identity]]:
    """Replace the scores of these events; returns how many have some now, and whose scores may have changed."""
    tickers = [event.ticker for event in events]
    days = sorted({event.day for event in events})
    changed = {Identity(*row) for row in session.execute(_FORGET, {"mode": mode, "days": days, "events": tickers})}
    results: dict[str, dict[str, str]] = defaultdict(dict)
    for row in session.execute(_RESULTS, {"mode": mode, "events": tickers}):
        results[row.event_ticker][row.ticker] = row.result
    rows = [
        row
        for (day, lead, moment), of_it in _by_moment(events).items()
        for row in _rows(session, mode, day, lead, moment, of_it, results)
    ]
    save(session, rows)
    changed |= {Identity(row["forecaster"], row["version"], row["parameters_hash"]) for row in rows}
    return len({row["event_ticker"] for row in rows}), changed


def _by_moment(events: Iterable[_Event]) -> Mapping[tuple[date, str, datetime], list[str]]:
    """The events that are scored by the forecasts of one moment, by their day, lead time and that moment."""
    found: dict[tuple[date, str, datetime], list[str]] = defaultdict(list)
    for event in events:
        try:
            city = city_of_series(event.ticker.partition("-")[0])
        except KeyError:
            continue  # a release before knew it, and this one has no clock for it
        for lead in LEADS:
            found[event.day, lead, moment_of(lead, city, event.day)].append(event.ticker)
    return found


def _rows(
    session: Session,
    mode: str,
    day: date,
    lead: str,
    moment: datetime,
    events: Sequence[str],
    results: Mapping[str, Mapping[str, str]],
) -> Iterator[dict[str, Any]]:
    for forecast, books in nearest(session, mode, day, moment, events):
        compared = _compared(forecast.probabilities, books, results[forecast.event_ticker])
        if compared is not None:
            yield {
                "trading_mode": mode,
                "climate_day": day,
                "event_ticker": forecast.event_ticker,
                "lead": lead,
                "forecaster": forecast.forecaster,
                "version": forecast.version,
                "parameters_hash": forecast.parameters_hash,
                "as_of": forecast.as_of,
                **asdict(compared.ours),
                **{f"market_{name}": value for name, value in asdict(compared.market).items()},
                "gain": compared.gain,
                "least": compared.least,
                "most": compared.most,
                "chances": compared.chances,
                "market_chances": compared.market_chances,
                "winner": compared.winner,
                "city_code": city_of_series(forecast.event_ticker.partition("-")[0]).code,
            }


def nearest(
    session: Session, mode: str, day: date, moment: datetime, events: Sequence[str]
) -> list[tuple[Row[Any], list[Row[Any]]]]:
    """The last forecast of each forecaster for each event before a moment, with the order books that it was made from,
    in the order of its probabilities.
    """
    keys = {"mode": mode, "day": day, "events": list(events), "moment": moment, "earliest": moment - NEAREST_WITHIN}
    made = session.execute(_FORECASTS, keys).all()
    if not made:
        return []
    ids = sorted({one for row in made for one in row.market_snapshot_ids})
    books = {row.id: row for row in session.execute(_BOOKS, {"ids": ids})}
    return [(row, [books[one] for one in row.market_snapshot_ids]) for row in made]


def save(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store scores."""
    if rows:
        session.execute(insert(ForecastScore).values(computed_at=func.now()), [dict(row) for row in rows])


def _compared(probabilities: Sequence[float], seen: Sequence[Row[Any]], results: Mapping[str, str]) -> Compared | None:
    """The scores of a forecast. None where they would mean nothing: a bracket was not seen, no result or not one winner
    is known, or no bracket had a price.
    """
    strikes = [Strike(StrikeType(one.strike_type), one.floor_strike, one.cap_strike) for one in seen]
    order = sorted(range(len(seen)), key=lambda number: strikes[number].lower_edge)
    came_out = [results.get(seen[number].ticker) for number in order]
    prices = [mid(seen[number].yes_bid, seen[number].yes_ask) for number in order]
    mids = [None if price is None else float(price) for price in prices]
    settled = came_out.count("yes") == 1 and came_out.count("no") == len(came_out) - 1
    if not (settled and is_exhaustive(strikes)) or all(price is None for price in mids):
        return None
    return compare([probabilities[number] for number in order], mids, came_out.index("yes"))


def judge(session: Session, mode: str, identity: Identity) -> None:
    """What all days so far say of a forecaster; nothing where no day is left."""
    keys = {"mode": mode, **asdict(identity)}
    days = session.execute(_DAYS, {**keys, "lead": EVIDENCE_LEAD}).all()
    session.execute(_FORGET_EVIDENCE, keys)
    if not days:
        return
    # The averages of ordered numbers are ordered, up to their last digit.
    found = evidence([DayGain(min(max(row.gain, row.least), row.most), row.least, row.most) for row in days])
    values = {
        "standing": found.standing,
        "days": found.days,
        "events": sum(row.events for row in days),
        "mean": found.mean,
        "wealth_for": found.wealth_for,
        "wealth_against": found.wealth_against,
        "first_day": days[0].climate_day,
        "last_day": days[-1].climate_day,
    }
    session.execute(_SAVE_EVIDENCE, {**keys, **values})
