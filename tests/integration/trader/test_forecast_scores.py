"""A day of real ticks with a challenger, its results, and the rollups that score both next to the market."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.cli import Milkbot
from tests.exchange import Keys, environment, served_exchange
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.metrics import samples
from tests.postgres import Cluster

from milkbot.analytics import forecast_scores, metrics
from milkbot.analytics.rebuild import rebuild
from milkbot.analytics.rollups import RollupReport, run_rollups
from milkbot.analytics.service.application import create_app
from milkbot.domain.cities import city_of_series
from milkbot.domain.markets import Strike, StrikeType, event_ticker
from milkbot.score import rules
from milkbot_hostcheck.checks import trading
from milkbot_hostcheck.checks.database import FACTS
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.settings import Settings as HostSettings

EVENING = datetime(2026, 8, 3, 21, 50, tzinfo=UTC)
"""Monday, ten minutes before 18:00 in New York and seventy before it in Chicago."""
TICKS = (EVENING, *(EVENING + timedelta(hours=hours) for hours in (13, 16, 17.5, 19)))
"""For 18:00 of the evening before, 7:00, 10:00 and 13:00 in both cities; the fourth is for none of them in New York."""
SETTLED = datetime(2026, 8, 5, 13, 0, tzinfo=UTC)
TUESDAY = "26AUG04"
SCORES = "SELECT * FROM analytics.forecast_scores ORDER BY event_ticker, forecaster, as_of, lead"
EVIDENCE = "SELECT * FROM analytics.forecast_evidence ORDER BY forecaster"


@dataclass(frozen=True, slots=True)
class Day:
    """The trader after that day; `roll_up` returns how many events the rollups scored."""

    stage: Stage

    def roll_up(self) -> int:
        return run_rollups(self.stage.database.engine("milkbot_rollups"), bankroll=Decimal(1000)).scored_events

    def rebuild(self, first: date | None = None, last: date | None = None) -> int:
        engine = self.stage.database.engine("milkbot_rollups")
        return rebuild(engine, bankroll=Decimal(1000), first=first, last=last).scored_events

    def scores(self) -> list[dict[str, Any]]:
        return [{**row, "computed_at": None} for row in self.stage.rows(SCORES)]

    def evidence(self) -> list[dict[str, Any]]:
        return [{**row, "computed_at": None} for row in self.stage.rows(EVIDENCE)]


@pytest.fixture(scope="module")
def day(cluster: Cluster, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Tuesday's events of two cities from the evening before to their settlement, scored."""
    directory: Path = tmp_path_factory.mktemp("scored") / "exchange"
    with (
        cluster.database() as database,
        served_exchange(directory, keys, EVENING) as exchange,
        staged(exchange, database, TRADING_SERIES=SERIES, FORECASTER_SHADOW="market") as stage,
    ):
        for moment in (*TICKS, SETTLED):
            exchange.advance_to(max(moment, exchange.now()))
            stage.tick()
        whole = Day(stage)
        assert whole.roll_up() == 2
        yield whole


def test_live_and_shadow_are_scored_at_each_lead_time(day: Day) -> None:
    found = {(row["event_ticker"], row["forecaster"], row["lead"]) for row in day.scores()}
    assert found == {
        (f"{series}-{TUESDAY}", forecaster, lead)
        for series in SERIES.split(",")
        for forecaster in ("normal", "market")
        for lead in forecast_scores.LEADS
    }


def test_the_forecast_nearest_before_the_moment_is_scored(day: Day) -> None:
    for row in day.scores():
        city = city_of_series(row["event_ticker"].partition("-")[0])
        moment = forecast_scores.moment_of(row["lead"], city, row["climate_day"])
        made = day.stage.value(
            "SELECT max(as_of) FROM ops.forecasts WHERE event_ticker = :event AND forecaster = :name AND as_of <= :at",
            event=row["event_ticker"],
            name=row["forecaster"],
            at=moment,
        )
        assert row["as_of"] == made
        assert moment - forecast_scores.NEAREST_WITHIN < made <= moment


def test_scores_are_the_yardsticks_of_the_stored_forecast_and_order_books(day: Day) -> None:
    stored = """
        SELECT book.ticker, one.chance, book.strike_type, book.floor_strike, book.cap_strike,
            CASE WHEN yes_bid IS NULL AND yes_ask IS NULL THEN 0.005
                 ELSE (coalesce(yes_bid, 0) + coalesce(yes_ask, 1)) / 2 END AS mid
        FROM ops.forecasts AS made
        CROSS JOIN unnest(made.market_snapshot_ids, made.probabilities) AS one (snapshot, chance)
        JOIN ops.market_snapshots AS book ON book.id = one.snapshot
        WHERE made.event_ticker = :event AND made.forecaster = :name AND made.as_of = :at
    """
    for row in day.scores():
        brackets = day.stage.rows(stored, event=row["event_ticker"], name=row["forecaster"], at=row["as_of"])
        brackets.sort(
            key=lambda one: Strike(StrikeType(one["strike_type"]), one["floor_strike"], one["cap_strike"]).lower_edge
        )
        markets = day.stage.exchange.simulator.state.markets
        winner = [markets[one["ticker"]].result for one in brackets].index("yes")
        (ours,) = rules.score([[one["chance"] for one in brackets]], [winner])
        (market,) = rules.score([[float(one["mid"]) for one in brackets]], [winner])
        assert (row["brier"], row["log"], row["rps"]) == pytest.approx((ours.event, ours.log, ours.rps), abs=1e-9)
        wanted = (market.event, market.log, market.rps)
        assert (row["market_brier"], row["market_log"], row["market_rps"]) == pytest.approx(wanted, abs=1e-9)
        assert row["least"] <= row["gain"] <= row["most"]


def test_evidence_is_one_gain_a_day_over_all_cities_for_each_forecaster(day: Day) -> None:
    of_lead = [row for row in day.scores() if row["lead"] == forecast_scores.EVIDENCE_LEAD]
    for found in day.evidence():
        gains = [row["gain"] for row in of_lead if row["forecaster"] == found["forecaster"]]
        assert (found["days"], found["events"], found["standing"]) == (1, 2, "unproven")
        assert found["mean_gain"] == pytest.approx(sum(gains) / len(gains))
        assert found["wealth_for"] >= 1 <= found["wealth_against"]
    assert [row["forecaster"] for row in day.evidence()] == ["market", "normal"]


def test_the_api_shows_each_forecasters_skill_next_to_the_markets(day: Day) -> None:
    with TestClient(create_app(day.stage.database.engine("milkbot_api"))) as client:
        shown = client.get("/v1/forecast/skill?days=400").json()
        assert client.get("/v1/forecast/skill?days=1").json()["forecasters"] == []
        assert client.get("/v1/forecast/skill?days=401").status_code == 422
    assert (shown["mode"], shown["days"]) == ("demo", 400)
    found = {(row["forecaster"], row["lead"]): row for row in shown["forecasters"]}
    assert list(found) == [(name, lead) for name in ("market", "normal") for lead in forecast_scores.LEADS]
    for (forecaster, lead), row in found.items():
        mine = [one for one in day.scores() if (one["forecaster"], one["lead"]) == (forecaster, lead)]
        assert (row["events"], row["days"], row["standing"], row["evidence_days"]) == (2, 1, "unproven", 1)
        for score in ("brier", "log", "rps"):
            ours, market = (sum(one[name] for one in mine) / 2 for name in (score, f"market_{score}"))
            assert row[score] == pytest.approx(ours, abs=1e-6)
            assert row[f"{score}_difference"] == pytest.approx(ours - market, abs=2e-6)


def test_the_command_fits_80_columns_and_says_the_same_to_programs(
    day: Day, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    milkbot = Milkbot(monkeypatch, capsys)
    exchange = day.stage.exchange
    milkbot.environment = environment(exchange.origin, exchange.keys, day.stage.database, role="milkbot")
    shown = milkbot("skill", "--days", "400").out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("unproven") == 8
    rows = json.loads(milkbot("skill", "--days", "400", "--json").out)["forecasters"]
    assert {row["forecaster"] for row in rows} == {"normal", "market"}
    assert "none" in milkbot("skill", "--days", "1").out


def test_the_metrics_have_each_forecasters_skill_next_to_the_markets(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "SKILL_DAYS", 400)
    metrics.publish(tmp_path, day.stage.database.engine("milkbot_rollups"), RollupReport(0, 0, 0, 0))
    found = samples((tmp_path / metrics.FILE).read_text("utf-8"))
    for forecaster in ("market", "normal"):
        for lead in forecast_scores.LEADS:
            of = f'{{forecaster="{forecaster}",lead="{lead}",mode="demo"}}'
            mine = [one for one in day.scores() if (one["forecaster"], one["lead"]) == (forecaster, lead)]
            assert found[f"milkbot_forecast_scored_events{of}"] == len(mine) == 2
            for name, column in (("forecast_brier", "brier"), ("forecast_market_brier", "market_brier")):
                assert found[f"milkbot_{name}{of}"] == pytest.approx(sum(one[column] for one in mine) / 2)
        assert found[f'milkbot_forecaster_evidence{{forecaster="{forecaster}",mode="demo"}}'] == 1
        said = {
            name: found[f'milkbot_forecaster_standing{{forecaster="{forecaster}",mode="demo",standing="{name}"}}']
            for name in ("unproven", "better", "worse")
        }
        assert said == {"unproven": 1, "better": 0, "worse": 0}


def test_the_metrics_are_of_the_version_that_was_scored_last(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "SKILL_DAYS", 400)
    columns = "trading_mode, climate_day, event_ticker, lead, forecaster"
    rest = "brier, log, rps, market_brier, market_log, market_rps, gain, least, most, computed_at"
    day.stage.act(
        f"INSERT INTO analytics.forecast_scores ({columns}, version, parameters_hash, as_of, {rest}) "
        f"SELECT {columns}, 'older', parameters_hash, as_of - interval '1 day', {rest} FROM analytics.forecast_scores"
    )
    try:
        metrics.publish(tmp_path, day.stage.database.engine("milkbot_rollups"), RollupReport(0, 0, 0, 0))
    finally:
        day.stage.act("DELETE FROM analytics.forecast_scores WHERE version = 'older'")
    found = samples((tmp_path / metrics.FILE).read_text("utf-8"))
    assert {value for name, value in found.items() if name.startswith("milkbot_forecast_scored_events")} == {2.0}


def health_row(stage: Stage, **settings: Any) -> tuple[str, str]:
    """The row of the health check, by its own query: its state and its value."""
    query = next(part for part in FACTS.split(";\n") if "'about', 'skill'" in part).replace(":'mode'", "'demo'")
    with stage.owner.connect() as connection:
        found = connection.exec_driver_sql(query.replace("%", "%%")).scalars().one()
    row = trading.skill(Host(HostSettings(**settings)), {"states": {"rows": []}, "skill": found})
    return row.state.value, row.value


def test_the_health_check_reports_the_live_forecaster_and_what_is_not_scored(day: Day) -> None:
    assert health_row(day.stage) == ("ok", "normal 1 is unproven after 1 scored days")
    day.stage.act("UPDATE analytics.forecast_evidence SET standing = 'worse' WHERE forecaster = 'normal'")
    assert health_row(day.stage) == ("warn", "normal 1 is worse after 1 scored days: worse than the market")
    assert health_row(day.stage, size_by_evidence=False) == ("ok", "normal 1 is worse after 1 scored days")
    day.stage.act("UPDATE analytics.forecast_evidence SET standing = 'unproven' WHERE forecaster = 'normal'")
    # The results of this test's world are months old.
    day.stage.act("DELETE FROM analytics.score_marks")
    state, value = health_row(day.stage)
    assert (state, "is not scored" in value) == ("warn", True)
    day.roll_up()
    assert health_row(day.stage)[0] == "ok"


def test_the_health_check_names_an_event_that_is_over_and_has_no_result(day: Day) -> None:
    gone = (datetime.now(UTC) - timedelta(days=5)).date()
    event = event_ticker("KXHIGHNY", gone)
    seen = "INSERT INTO ops.event_ladders SELECT :event, true, brackets, now() FROM ops.event_ladders LIMIT 1"
    day.stage.act(seen, event=event)
    assert health_row(day.stage)[0] == "ok", "an event without a forecast is nobody's"
    made = """
        INSERT INTO ops.forecasts (trading_mode, tick_id, event_ticker, climate_day, forecaster, is_live, as_of, lead_s,
            reason, elapsed_ms, weather_snapshot_id, market_snapshot_ids)
        SELECT trading_mode, tick_id, :event, :day, 'late', false, as_of, lead_s, 'no_forecast', 0, weather_snapshot_id,
            market_snapshot_ids FROM ops.forecasts LIMIT 1
    """
    day.stage.act(made, event=event, day=gone)
    state, value = health_row(day.stage)
    assert state == "warn"
    assert f"no result of 1 events, the oldest, {event}, over for " in value
    day.stage.act("DELETE FROM ops.event_ladders WHERE event_ticker = :event", event=event)
    day.stage.act("DELETE FROM ops.forecasts WHERE event_ticker = :event", event=event)


def test_the_curve_is_what_the_scored_rows_say_by_tenth(day: Day) -> None:
    """Each bracket of each scored event, put into its tenth here by comparison; the API sums what a trigger kept."""
    said = """
        SELECT forecaster, version, parameters_hash, lead, edge / 10.0 AS low, count(*) AS n, avg(chance) AS said,
            avg(CASE WHEN place = winner + 1 THEN 1.0 ELSE 0 END) AS happened
        FROM analytics.forecast_scores
        CROSS JOIN LATERAL unnest({chances}) WITH ORDINALITY AS of (chance, place)
        JOIN generate_series(0, 9) AS edge ON chance >= edge / 10.0 AND (chance < (edge + 1) / 10.0 OR edge = 9)
        WHERE lead = :lead GROUP BY 1, 2, 3, 4, 5
    """
    with TestClient(create_app(day.stage.database.engine("milkbot_api"))) as client:
        for lead in forecast_scores.LEADS:
            answer = client.get(f"/v1/forecast/reliability?days=400&lead={lead}").json()
            expected: dict[tuple[Any, ...], dict[str, Any]] = {}
            for prefix, chances in (("", "chances"), ("market_", "market_chances")):
                for row in day.stage.rows(said.format(chances=chances), lead=lead):
                    key = (row["forecaster"], row["version"], row["parameters_hash"], row["lead"], float(row["low"]))
                    one = expected.setdefault(key, {"n": 0, "market_n": 0})
                    one |= {f"{prefix}{name}": row[name] for name in ("n", "said", "happened")}
            found = {
                (row["forecaster"], row["version"], row["parameters_hash"], row["lead"], row["low"]): row
                for row in answer["bins"]
            }
            assert found.keys() == expected.keys()
            assert sum(row["n"] for row in answer["bins"]) > 12
            for key, one in expected.items():
                for name, value in one.items():
                    assert found[key][name] == pytest.approx(float(value), abs=1e-6), (key, name)


def test_scores_by_city_are_those_of_its_events(day: Day) -> None:
    means = """
        SELECT forecaster, split_part(event_ticker, '-', 1) AS series, count(*) AS events, avg(brier) AS brier,
            avg(market_log) AS market_log FROM analytics.forecast_scores WHERE lead = :lead GROUP BY 1, 2
    """
    with TestClient(create_app(day.stage.database.engine("milkbot_api"))) as client:
        cities = client.get("/v1/forecast/skill?days=400").json()["cities"]
    found = {(row["forecaster"], row["city_code"]): (row["events"], row["brier"], row["market_log"]) for row in cities}
    assert found == {
        (row["forecaster"], city_of_series(row["series"]).code): (
            row["events"],
            pytest.approx(row["brier"], abs=1e-6),
            pytest.approx(row["market_log"], abs=1e-6),
        )
        for row in day.stage.rows(means, lead=forecast_scores.EVIDENCE_LEAD)
    }


def test_a_rebuild_adds_the_scores_up_to_the_same_sums(day: Day) -> None:
    def sums() -> list[list[dict[str, Any]]]:
        tables = ("forecast_skill", "forecast_reliability")
        return [day.stage.rows(f"SELECT * FROM analytics.{table} AS row ORDER BY row::text") for table in tables]

    before = sums()
    assert all(before)
    day.stage.act("UPDATE analytics.forecast_skill SET brier = 9, events = 9")
    day.stage.act("DELETE FROM analytics.forecast_reliability WHERE span = 'month'")
    day.rebuild()
    assert sums() == before


def test_a_result_is_scored_once_it_is_an_hour_old(day: Day) -> None:
    before = day.scores()
    young = """
        INSERT INTO ops.market_results (trading_mode, ticker, event_ticker, climate_day, result, yes_value, recorded_at)
        SELECT trading_mode, ticker, event_ticker, climate_day, CASE result WHEN 'yes' THEN 'no' ELSE 'yes' END, 0,
            now() - interval '59 minutes'
        FROM ops.market_results WHERE event_ticker = :event
    """
    event = f"KXHIGHNY-{TUESDAY}"
    newest = day.stage.value("SELECT max(id) FROM ops.market_results")
    day.stage.act(young, event=event)
    assert (day.roll_up(), day.rebuild()) == (0, 2)
    assert day.scores() == before
    day.stage.act("UPDATE ops.market_results SET recorded_at = now() - interval '61 minutes' WHERE id > :id", id=newest)
    day.roll_up()
    assert {row["event_ticker"] for row in day.scores()} == {f"KXHIGHCHI-{TUESDAY}"}
    day.stage.act("DELETE FROM ops.market_results WHERE id > :id", id=newest)
    day.rebuild()
    assert day.scores() == before


def test_running_it_again_changes_nothing(day: Day) -> None:
    before = day.scores(), day.evidence()
    assert day.roll_up() == 0
    assert (day.scores(), day.evidence()) == before
    assert day.rebuild(first=date(2026, 8, 4), last=date(2026, 8, 4)) == 2
    assert day.rebuild(last=date(2026, 8, 3)) == 0
    assert day.rebuild() == 2
    assert (day.scores(), day.evidence()) == before


def test_a_corrected_result_is_scored_again(day: Day) -> None:
    before = day.scores()
    event = f"KXHIGHNY-{TUESDAY}"
    say = """
        INSERT INTO ops.market_results (trading_mode, ticker, event_ticker, climate_day, result, yes_value, recorded_at)
        SELECT trading_mode, ticker, event_ticker, climate_day, :result, :value, now() - interval '61 minutes'
        FROM ops.market_results
        WHERE ticker = :ticker ORDER BY id LIMIT 1
    """
    rows = day.stage.rows("SELECT ticker, result FROM ops.market_results WHERE event_ticker = :event", event=event)
    won = next(row["ticker"] for row in rows if row["result"] == "yes")
    other = next(row["ticker"] for row in rows if row["result"] == "no")
    for ticker, result, value in ((won, "no", 0), (other, "yes", 1)):
        day.stage.act(say, ticker=ticker, result=result, value=value)
    assert day.roll_up() == 1
    changed = {row["event_ticker"] for row, old in zip(day.scores(), before, strict=True) if row != old}
    assert changed == {event}
    for ticker, result, value in ((won, "yes", 1), (other, "no", 0)):
        day.stage.act(say, ticker=ticker, result=result, value=value)
    day.roll_up()
    assert day.scores() == before


def test_an_event_without_one_winner_is_not_scored(day: Day) -> None:
    before = day.scores(), day.evidence()
    event = f"KXHIGHCHI-{TUESDAY}"
    say = """
        INSERT INTO ops.market_results (trading_mode, ticker, event_ticker, climate_day, result, yes_value, recorded_at)
        SELECT trading_mode, ticker, event_ticker, climate_day, :result, NULL, now() - interval '61 minutes' FROM (
            SELECT DISTINCT ON (ticker) * FROM ops.market_results WHERE event_ticker = :event ORDER BY ticker, id
        ) AS first WHERE result = 'yes'
    """
    day.stage.act(say, event=event, result="scalar")
    day.roll_up()
    assert {row["event_ticker"] for row in day.scores()} == {f"KXHIGHNY-{TUESDAY}"}
    assert [row["events"] for row in day.evidence()] == [1, 1]
    day.stage.act(say, event=event, result="yes")
    day.roll_up()
    assert (day.scores(), day.evidence()) == before


def test_a_run_scores_a_bounded_number_of_events_and_the_next_continues(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = day.scores()
    day.stage.act("DELETE FROM analytics.score_marks")
    day.stage.act("DELETE FROM analytics.forecast_scores")
    monkeypatch.setattr(forecast_scores, "_EVENTS_A_RUN", 1)
    runs: list[int] = []
    while len(day.scores()) < len(before) and len(runs) < 10:
        runs.append(day.roll_up())
    assert max(runs) == 1
    assert day.scores() == before


def test_a_forecaster_with_other_parameters_begins_without_evidence(day: Day) -> None:
    day.stage.act("UPDATE ops.forecasts SET parameters_hash = 'another' WHERE forecaster = 'normal'")
    day.rebuild()
    found = {(row["forecaster"], row["parameters_hash"] == "another") for row in day.evidence()}
    assert found == {("market", False), ("normal", True)}
