"""Reads of what forecasts were worth, from the sums that a trigger keeps by day and by month."""

from __future__ import annotations

from sqlalchemy import text

from milkbot.analytics.forecast_scores import EVIDENCE_LEAD, LEADS
from milkbot.analytics.service.listed import Listed, as_json, as_lines, code, json_row, plain, words
from milkbot.analytics.service.queries import FIRST_DAY, FIRST_MONTH, as_of_and_mode
from milkbot.analytics.service.skill_schemas import MeanScores, Reliability, ReliabilityBin, Skill
from milkbot.db.session import Bind, reading
from milkbot.domain.cities import cities
from milkbot.domain.modes import TradingMode

_SCORE_DIGITS = 6
_BINS = 10
_ALL_CITIES = ""
_IDENTITY = ("forecaster", "version", "parameters_hash")


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
_MEAN_SCORES = {
    name: (words if name in _IDENTITY else code if name == "lead" else plain)(f"scored.{name}")
    for name in MeanScores.model_fields
}
_STANDING = {
    "standing": "'\"' || COALESCE(evidence.standing, 'unproven') || '\"'",
    "evidence_days": "COALESCE(evidence.days, 0)",
}
_CITY = {"city_code": code("wanted.city_code"), "city_name": words("wanted.city_name")}
_SCORED = _PARTS.format(table="forecast_skill", key="city_code = wanted.city_code AND lead = wanted.lead")
# Those of all cities, and those of each, a line each. Each city with its lead time is two short ranges of the key.
_SKILL = text(
    f"""
    SELECT string_agg(line, E'\\n') FILTER (WHERE city_code = '{_ALL_CITIES}') AS forecasters,
        string_agg(line, E'\\n') FILTER (WHERE city_code <> '{_ALL_CITIES}') AS cities
    FROM (
        SELECT wanted.city_code, CASE wanted.city_code WHEN '{_ALL_CITIES}' THEN {json_row(_MEAN_SCORES | _STANDING)}
            ELSE {json_row(_MEAN_SCORES | _CITY)} END AS line
        FROM unnest(CAST(:cities AS text[]), CAST(:names AS text[]), CAST(:leads AS text[]))
            WITH ORDINALITY AS wanted (city_code, city_name, lead, place)
        CROSS JOIN LATERAL (
            SELECT {", ".join(_IDENTITY)}, wanted.lead, CAST(sum(days) AS bigint) AS days,
                CAST(sum(events) AS bigint) AS events, {_MEANS}
            FROM ({_SCORED}) AS part GROUP BY {", ".join(_IDENTITY)}
        ) AS scored
        LEFT JOIN analytics.forecast_evidence AS evidence
            ON evidence.trading_mode = :mode AND evidence.forecaster = scored.forecaster
            AND evidence.version = scored.version AND evidence.parameters_hash = scored.parameters_hash
        ORDER BY scored.forecaster COLLATE "C", scored.version COLLATE "C", scored.parameters_hash COLLATE "C",
            wanted.place
    ) AS listed
    """  # noqa: S608 - the only things put in are constants of ours
)
_RELIABILITY = text(
    f"""
    SELECT {", ".join(_IDENTITY)}, lead, CAST(bin AS double precision) / {_BINS} AS low,
        CAST(bin + 1 AS double precision) / {_BINS} AS high,
        sum(n) AS n, {_mean("sum(said)", "n")} AS said, {_mean("sum(happened)", "n")} AS happened,
        sum(market_n) AS market_n, {_mean("sum(market_said)", "market_n")} AS market_said,
        {_mean("sum(market_happened)", "market_n")} AS market_happened
    FROM ({_PARTS.format(table="forecast_reliability", key="lead = :lead")}) AS part
    GROUP BY {", ".join(_IDENTITY)}, lead, bin ORDER BY {", ".join(_IDENTITY)}, bin
    """  # noqa: S608 - the only things put in are constants of ours
)


def read_skill(bind: Bind, days: int, mode: TradingMode | None = None) -> Skill:
    """The forecasters that were scored in the last `days` UTC days, in that mode or in the one that ticked last."""
    return Skill.model_validate_json(as_json(list_skill(bind, days, mode)))


def list_skill(bind: Bind, days: int, mode: TradingMode | None = None) -> Listed:
    """The same as the API answers it."""
    known = cities()
    # All cities together at each lead time, and each at the one of the sequential test.
    wanted = {
        "cities": [_ALL_CITIES] * len(LEADS) + [city.code for city in known],
        "names": [_ALL_CITIES] * len(LEADS) + [city.name for city in known],
        "leads": [*LEADS] + [EVIDENCE_LEAD] * len(known),
    }
    with reading(bind) as connection:
        as_of, newest = as_of_and_mode(connection)
        found = connection.execute(_SKILL, {"mode": mode or newest, "days": days, **wanted}).one()
    head = Skill(mode=mode or newest, as_of=as_of, days=days, forecasters=[])
    return Listed(head, "forecasters", as_lines(found.forecasters), {"cities": as_lines(found.cities)})


def read_reliability(bind: Bind, days: int, lead: str) -> Reliability:
    """How often what was said at a lead time in the last `days` UTC days came true."""
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        found = connection.execute(_RELIABILITY, {"mode": mode, "days": days, "lead": lead}).mappings().all()
    bins = [ReliabilityBin.model_validate(row) for row in found]
    return Reliability(mode=mode, as_of=as_of, days=days, lead=lead, bins=bins)
