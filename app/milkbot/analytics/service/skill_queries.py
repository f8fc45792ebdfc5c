"""Reads of what forecasts were worth, from the sums that a trigger keeps by day and by month."""

from __future__ import annotations

from sqlalchemy import text

from milkbot.analytics.forecast_scores import EVIDENCE_LEAD, LEADS
from milkbot.analytics.service.listed import Listed, Row, named, rows_as_json
from milkbot.analytics.service.queries import FIRST_DAY, FIRST_MONTH, as_of_and_mode
from milkbot.analytics.service.skill_schemas import MeanScores, Reliability, ReliabilityBin, Skill
from milkbot.db.session import Bind, reading
from milkbot.domain.cities import cities
from milkbot.domain.modes import TradingMode

_SCORE_DIGITS = 6
_BINS = 10
_ALL_CITIES = ""
_IDENTITY = "forecaster, version, parameters_hash"


def _mean(total: str, number: str) -> str:
    """A sum of sums by the sum of their numbers, null where that is none."""
    mean = f"CAST(({total}) / NULLIF(sum({number}), 0) AS numeric)"
    return f"CAST(round({mean}, {_SCORE_DIGITS}) AS double precision)"


_MEANS = ", ".join(
    f"{_mean(f'sum({name})', 'events')} AS {name}, {_mean(f'sum(market_{name})', 'events')} AS market_{name}, "
    f"{_mean(f'sum({name}) - sum(market_{name})', 'events')} AS {name}_difference"
    for name in ("brier", "log", "rps")
)
_PARTS = f"""
    SELECT * FROM analytics.{{table}}
    WHERE trading_mode = :mode AND span = 'month' AND {{key}} AND first_day >= {FIRST_MONTH}
    UNION ALL
    SELECT * FROM analytics.{{table}}
    WHERE trading_mode = :mode AND span = 'day' AND {{key}} AND first_day >= {FIRST_DAY} AND first_day < {FIRST_MONTH}
"""  # noqa: S608 - the only things put in are constants of ours
_MEAN_SCORES = tuple(MeanScores.model_fields)
_SCORED = _PARTS.format(table="forecast_skill", key="city_code = wanted.city_code AND lead = wanted.lead")
# Each city with its lead time is two short ranges of the key.
_SKILL = text(
    f"""
    SELECT {", ".join(f"scored.{name}" for name in _MEAN_SCORES)}, COALESCE(evidence.standing, 'unproven') AS standing,
        COALESCE(evidence.days, 0) AS evidence_days, wanted.city_code
    FROM unnest(CAST(:cities AS text[]), CAST(:leads AS text[])) WITH ORDINALITY AS wanted (city_code, lead, place)
    CROSS JOIN LATERAL (
        SELECT {_IDENTITY}, wanted.lead, CAST(sum(days) AS bigint) AS days, CAST(sum(events) AS bigint) AS events,
            {_MEANS}
        FROM ({_SCORED}) AS part GROUP BY {_IDENTITY}
    ) AS scored
    LEFT JOIN analytics.forecast_evidence AS evidence
        ON evidence.trading_mode = :mode AND evidence.forecaster = scored.forecaster
        AND evidence.version = scored.version AND evidence.parameters_hash = scored.parameters_hash
    ORDER BY scored.forecaster COLLATE "C", scored.version COLLATE "C", scored.parameters_hash COLLATE "C",
        wanted.place
    """  # noqa: S608 - the only things put in are constants of ours
)
_STANDING = (*_MEAN_SCORES, "standing", "evidence_days", "city_code")
_RELIABILITY = text(
    f"""
    SELECT {_IDENTITY}, lead, CAST(bin AS double precision) / {_BINS} AS low,
        CAST(bin + 1 AS double precision) / {_BINS} AS high,
        sum(n) AS n, {_mean("sum(said)", "n")} AS said, {_mean("sum(happened)", "n")} AS happened,
        sum(market_n) AS market_n, {_mean("sum(market_said)", "market_n")} AS market_said,
        {_mean("sum(market_happened)", "market_n")} AS market_happened
    FROM ({_PARTS.format(table="forecast_reliability", key="lead = :lead")}) AS part
    GROUP BY {_IDENTITY}, lead, bin ORDER BY {_IDENTITY}, bin
    """  # noqa: S608 - the only things put in are constants of ours
)


def read_skill(bind: Bind, days: int, mode: TradingMode | None = None) -> Skill:
    """The forecasters that were scored in the last `days` UTC days, in that mode or in the one that ticked last."""
    head, forecasters, cities = _read_skill(bind, days, mode)
    return Skill.model_validate({**head.model_dump(), "forecasters": forecasters, "cities": cities})


def list_skill(bind: Bind, days: int) -> Listed:
    """The same as the API answers it."""
    head, forecasters, cities = _read_skill(bind, days, None)
    return Listed(head, "forecasters", rows_as_json(forecasters), {"cities": rows_as_json(cities)})


def _read_skill(bind: Bind, days: int, mode: TradingMode | None) -> tuple[Skill, list[Row], list[Row]]:
    """The answer without its lists, and these."""
    names = {city.code: city.name for city in cities()}
    with reading(bind) as connection:
        as_of, newest = as_of_and_mode(connection)
        # All cities together at each lead time, and each at the one of the sequential test.
        wanted = {
            "cities": [_ALL_CITIES] * len(LEADS) + list(names),
            "leads": [*LEADS] + [EVIDENCE_LEAD] * len(names),
        }
        found = named(_STANDING, connection.execute(_SKILL, {"mode": mode or newest, "days": days, **wanted}).all())
    forecasters = [row for row in found if row["city_code"] == _ALL_CITIES]
    of_cities = [row for row in found if row["city_code"] != _ALL_CITIES]
    for row in forecasters:
        del row["city_code"]
    for row in of_cities:
        del row["standing"], row["evidence_days"]
        row["city_name"] = names[row["city_code"]]
    return Skill(mode=mode or newest, as_of=as_of, days=days, forecasters=[]), forecasters, of_cities


def read_reliability(bind: Bind, days: int, lead: str) -> Reliability:
    """How often what was said at a lead time in the last `days` UTC days came true."""
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        found = connection.execute(_RELIABILITY, {"mode": mode, "days": days, "lead": lead}).mappings().all()
    bins = [ReliabilityBin.model_validate(row) for row in found]
    return Reliability(mode=mode, as_of=as_of, days=days, lead=lead, bins=bins)
