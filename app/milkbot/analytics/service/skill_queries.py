"""Reads of what forecasts were worth, from the sums that a trigger keeps by day and by month."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from milkbot.analytics.forecast_scores import EVIDENCE_LEAD, LEADS
from milkbot.analytics.service.queries import FIRST_DAY, FIRST_MONTH, as_of_and_mode
from milkbot.analytics.service.skill_schemas import CitySkill, ForecasterSkill, Reliability, ReliabilityBin, Skill
from milkbot.db.session import Bind, transaction
from milkbot.domain.cities import cities
from milkbot.domain.modes import TradingMode

_SCORE_DIGITS = 6
_BINS = 10
_ALL_CITIES = [""]
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
_SKILL = text(
    f"""
    SELECT scored.*, COALESCE(evidence.standing, 'unproven') AS standing, COALESCE(evidence.days, 0) AS evidence_days
    FROM (
        SELECT city_code, {_IDENTITY}, lead, sum(days) AS days, sum(events) AS events, {_MEANS}
        FROM ({_PARTS.format(table="forecast_skill", key="city_code = ANY(:cities) AND lead = ANY(:leads)")}) AS part
        GROUP BY city_code, {_IDENTITY}, lead
    ) AS scored
    LEFT JOIN analytics.forecast_evidence AS evidence
        ON evidence.trading_mode = :mode AND evidence.forecaster = scored.forecaster
        AND evidence.version = scored.version AND evidence.parameters_hash = scored.parameters_hash
    """  # noqa: S608 - the only things put in are constants of ours
)
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
    names = {city.code: city.name for city in cities()}
    order, leads = list(names), list(LEADS)
    with transaction(bind) as session:
        as_of, newest = as_of_and_mode(session)
        of_mode = mode or newest
        whole = _skill(session, mode=of_mode, days=days, cities=_ALL_CITIES, leads=leads)
        by_city = _skill(session, mode=of_mode, days=days, cities=order, leads=[EVIDENCE_LEAD])
    whole.sort(key=lambda row: (row["forecaster"], row["version"], row["parameters_hash"], leads.index(row["lead"])))
    by_city.sort(
        key=lambda row: (row["forecaster"], row["version"], row["parameters_hash"], order.index(row["city_code"]))
    )
    return Skill(
        mode=of_mode,
        as_of=as_of,
        days=days,
        forecasters=[ForecasterSkill.model_validate(row) for row in whole],
        cities=[CitySkill.model_validate({**row, "city_name": names[row["city_code"]]}) for row in by_city],
    )


def _skill(session: Session, **keys: Any) -> list[RowMapping]:
    return list(session.execute(_SKILL, keys).mappings())


def read_reliability(bind: Bind, days: int, lead: str) -> Reliability:
    """How often what was said at a lead time in the last `days` UTC days came true."""
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(_RELIABILITY, {"mode": mode, "days": days, "lead": lead}).mappings().all()
    bins = [ReliabilityBin.model_validate(row) for row in found]
    return Reliability(mode=mode, as_of=as_of, days=days, lead=lead, bins=bins)
