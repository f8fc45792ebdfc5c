"""The metrics of a tick when there is little to report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.metrics import samples

from milkbot.db.session import DatabaseAddress, make_engine
from milkbot.http import Traffic
from milkbot.load_settings import load_settings
from milkbot.trader import metrics
from milkbot.trader.metrics import ClientTraffic
from milkbot.trader.report import TickReport

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)


def _published(directory: Path, report: TickReport, traffic: ClientTraffic) -> dict[str, float]:
    settings = load_settings({"TRADING_MODE": "shadow", "MILKBOT_METRICS_DIRECTORY": str(directory)})
    nowhere = make_engine(DatabaseAddress("127.0.0.1", 1, "milkbot", "nobody", None), application="test")
    metrics.publish(settings, nowhere, report, traffic)
    return samples((directory / metrics.FILE).read_text("utf-8"))


def test_a_tick_that_lost_its_database_is_counted_as_failed(tmp_path: Path) -> None:
    report = TickReport(1, NOW, finished_at=NOW + timedelta(seconds=3))
    report.counts.reasons["edge_small"] = 2
    found = _published(tmp_path, report, ClientTraffic(Traffic(), Traffic(), None))
    assert found['milkbot_tick_outcome{mode="shadow",outcome="failed"}'] == 1
    assert found['milkbot_tick_outcome{mode="shadow",outcome="completed"}'] == 0
    assert found['milkbot_tick_duration_seconds{mode="shadow"}'] == 3
    assert found['milkbot_tick_finished_timestamp_seconds{mode="shadow"}'] == (NOW + timedelta(seconds=3)).timestamp()
    assert found['milkbot_tick_decisions{mode="shadow",reason="edge_small"}'] == 2
    assert found['milkbot_tick_decisions{mode="shadow",reason="edge"}'] == 0


def test_missing_markets_are_counted_by_series_at_zero_too(tmp_path: Path) -> None:
    report = TickReport(1, NOW, missing={"KXHIGHNY": 6, "KXHIGHCHI": 0})
    found = _published(tmp_path, report, ClientTraffic(Traffic(), Traffic(), None))
    assert found['milkbot_tick_missing_markets{mode="shadow",series="KXHIGHNY"}'] == 6
    assert found['milkbot_tick_missing_markets{mode="shadow",series="KXHIGHCHI"}'] == 0


def test_unknown_amounts_have_no_metric(tmp_path: Path) -> None:
    found = _published(tmp_path, TickReport(1, NOW), ClientTraffic(Traffic(), Traffic(), None))
    assert [name for name in found if "dollars" in name or "orders" in name or "clock_skew" in name] == []


def test_requests_are_counted_by_status_and_failures_apart(tmp_path: Path) -> None:
    exchange = Traffic()
    for status in (200, 204, 404, 429, 503, None):
        exchange.add(status, 0.25)
    found = _published(tmp_path, TickReport(1, NOW), ClientTraffic(exchange, Traffic(), -0.4))
    counted = {
        answer: found[f'milkbot_tick_exchange_requests{{answer="{answer}",mode="shadow"}}'] for answer in ANSWERS
    }
    assert counted == {"2xx": 2, "3xx": 0, "4xx": 1, "429": 1, "5xx": 1, "none": 1}
    assert found['milkbot_tick_exchange_seconds{mode="shadow"}'] == pytest.approx(1.5)
    assert found['milkbot_clock_skew_seconds{mode="shadow"}'] == pytest.approx(-0.4)


def test_unknown_fields_are_counted_by_name(tmp_path: Path) -> None:
    traffic = ClientTraffic(Traffic(), Traffic(), None, {("Market", "mood"): 6, ("Balance", "currency"): 1})
    found = _published(tmp_path, TickReport(1, NOW), traffic)
    assert found['milkbot_tick_exchange_unknown_fields{field="Market.mood",mode="shadow"}'] == 6
    assert found['milkbot_tick_exchange_unknown_fields{field="Balance.currency",mode="shadow"}'] == 1


ANSWERS = ("2xx", "3xx", "4xx", "429", "5xx", "none")
