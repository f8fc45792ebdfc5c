"""Sizes grow by evidence alone: of exactly the live forecaster, from scored days, and never beyond Kelly's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.cli import Milkbot
from tests.exchange import Exchange, environment
from tests.forecaster_packages import BODY, Install
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

from milkbot.analytics import forecast_scores
from milkbot.analytics.rollups import run_rollups
from milkbot.db.session import transaction
from milkbot.forecast.forecaster import identity_of, load

LIMITS = ("MAX_EVENT_RISK_PCT", "MAX_CITY_EXPOSURE_PCT", "MAX_CLUSTER_EXPOSURE_PCT", "MAX_OPEN_RISK_PCT")
SIZES = """
    SELECT ticker, decision, count, reasons, created_at FROM ops.signals
    WHERE tick_id = (SELECT max(id) FROM ops.ticks) AND count > 0 AND decision LIKE 'buy%' ORDER BY ticker
"""
DAYS = 60
"""Of a gain that is as large as it can be, a week or two is enough."""


@pytest.fixture
def sized(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader that sizes by evidence, and whose limits stop nothing."""
    more = {**dict.fromkeys(LIMITS, "100"), "SIZE_BY_EVIDENCE": "true"}
    with staged(exchange, database, TRADING_SERIES=SERIES, **more) as stage:
        yield stage


def bought(stage: Stage) -> list[dict[str, Any]]:
    """What the next tick decides to buy."""
    stage.tick()
    found = stage.rows(SIZES)
    assert found, "nothing to buy shows no size"
    stage.later(minutes=1)
    return found


def score(stage: Stage, gain: float, days: int = DAYS, changed: str = "") -> None:
    """Scores of the live forecaster, a gain a day at the test's lead time; the rollups judge them.

    What the rollups score of real ticks is in test_forecast_scores.py: here is what the size makes of it.
    """
    live = identity_of(load(stage.settings.forecaster))
    stage.act(
        """
        INSERT INTO analytics.forecast_scores
        SELECT 'demo', date '2026-05-01' + number, 'KXHIGHNY-X' || number, 'day10', :forecaster, :version, :hash,
            now(), 0.5, 0.5, 0.5, 0.5 + :gain, 0.5, 0.5, :gain, -0.02, 0.02, now()
        FROM generate_series(1, :days) AS number
        """,
        forecaster=live.name,
        version=live.version,
        hash=changed or live.parameters_hash,
        gain=gain,
        days=days,
    )
    judge(stage)


def judge(stage: Stage) -> None:
    """Have the rollups judge the live forecaster anew, as they do after each scored event."""
    with transaction(stage.database.engine("milkbot_rollups")) as session:
        for row in stage.rows("SELECT DISTINCT forecaster, version, parameters_hash FROM analytics.forecast_scores"):
            forecast_scores.judge(session, "demo", forecast_scores.Identity(**row))


def is_floored(rows: list[dict[str, Any]], reason: str) -> bool:
    """Whether every size is one contract, with that reason and what Kelly would have held wherever that was more."""
    lowered = [row for row in rows if row["reasons"]["codes"] == ["edge", reason]]
    return (
        bool(lowered)
        and all(row["count"] == 1 for row in rows)
        and all(Decimal(row["reasons"]["kelly"]) > 1 for row in lowered)
    )


def test_without_scores_each_order_is_at_the_floor(sized: Stage) -> None:
    assert is_floored(bought(sized), "size_unproven")
    assert sized.value("SELECT max(count) FROM ops.orders") == 1


def test_sizes_grow_once_the_evidence_is_there(sized: Stage) -> None:
    assert is_floored(bought(sized), "size_unproven")
    score(sized, gain=0.02)
    grown = bought(sized)
    assert max(row["count"] for row in grown) > 1
    assert {code for row in grown for code in row["reasons"]["codes"]} == {"edge"}


def test_a_few_good_days_are_no_evidence(sized: Stage) -> None:
    score(sized, gain=0.02, days=2)
    assert is_floored(bought(sized), "size_unproven")


def test_a_forecaster_that_is_worse_is_at_the_floor_with_that_reason(sized: Stage) -> None:
    score(sized, gain=-0.02)
    assert is_floored(bought(sized), "size_worse")


def test_the_evidence_of_other_parameters_counts_for_nothing(sized: Stage) -> None:
    score(sized, gain=0.02, changed="another")
    assert is_floored(bought(sized), "size_unproven")


def test_changed_parameters_begin_at_the_floor_again(
    exchange: Exchange, database: TestDatabase, install: Install
) -> None:
    answers = "return [1.0 if one.quote and one.quote.ask else 0.1 for one in inputs.brackets]"
    body = BODY.replace("return [1.0] * len(inputs.brackets)", answers)
    install("mine", body.format(name="mine", parameters={"weight": 1}))
    more = {**dict.fromkeys(LIMITS, "100"), "SIZE_BY_EVIDENCE": "true", "MAX_MODEL_MARKET_GAP": "1"}
    with staged(exchange, database, TRADING_SERIES=SERIES, FORECASTER="mine", **more) as stage:
        score(stage, gain=0.02)
        assert max(row["count"] for row in bought(stage)) > 1
        stage.act("UPDATE analytics.forecast_evidence SET parameters_hash = 'before'")
        stage.later(hours=1)
        stage.tick()
        lowered = stage.rows(
            "SELECT reasons FROM ops.signals WHERE tick_id = (SELECT max(id) FROM ops.ticks) AND reasons ? 'kelly'"
        )
        assert lowered
        assert {row["reasons"]["codes"][-1] for row in lowered} == {"size_unproven"}


def test_switched_off_the_size_is_kellys(stage_without_limits: Stage) -> None:
    rows = bought(stage_without_limits)
    assert max(row["count"] for row in rows) > 1
    assert {code for row in rows for code in row["reasons"]["codes"]} == {"edge"}


def test_state_shows_the_size_and_its_reason(
    sized: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    milkbot = Milkbot(monkeypatch, capsys)
    milkbot.environment = environment(
        sized.exchange.origin, sized.exchange.keys, sized.database, role="milkbot", SIZE_BY_EVIDENCE="true"
    )

    def shown(**more: str) -> tuple[str, str, str]:
        (row,) = [row for row in json.loads(milkbot("state", "--json", **more).out) if row["what"] == "size"]
        return row["value"], row["by"], row["reason"]

    assert shown() == ("at most 1 a market", "no forecast yet", "unproven after 0 scored days")
    sized.tick()
    live = identity_of(load("normal"))
    by = f"normal {live.version}, parameters {live.parameters_hash}"
    assert shown() == ("at most 1 a market", by, "unproven after 0 scored days")
    score(sized, gain=0.02)
    assert shown() == ("by Kelly", by, f"better after {DAYS} scored days")
    switched_off = ("by Kelly", by, f"better after {DAYS} scored days; SIZE_BY_EVIDENCE is false")
    assert shown(SIZE_BY_EVIDENCE="false") == switched_off


def test_the_rollups_keep_what_was_judged(sized: Stage) -> None:
    sized.tick()
    score(sized, gain=0.02)
    before = sized.rows("SELECT * FROM analytics.forecast_evidence")
    run_rollups(sized.database.engine("milkbot_rollups"), bankroll=Decimal(1000))
    assert sized.rows("SELECT * FROM analytics.forecast_evidence") == before
