"""Each alert, tried by Prometheus itself: it is silent on a healthy host, and fires in its case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.roles.promql import ALERTS, promtool, rules

from milkbot_hostcheck.settings import table

HOST = 'instance="milkbot.ai"'
NODE = f'{{{HOST},job="node"}}'
TRADER = f'{{component="trader",{HOST}}}'
HOURS = 30


@dataclass(frozen=True, slots=True)
class Case:
    """Series in promtool's notation, a step a minute; the alert speaks at `loud` and not yet at `quiet` minutes."""

    series: dict[str, str]
    quiet: int
    loud: int


def _host(name: str, labels: str = "") -> str:
    return f"{name}{{{labels}{',' if labels else ''}{HOST}}}"


def _disk(name: str) -> str:
    return _host(name, 'mountpoint="/",fstype="ext4"')


def _unit(name: str, state: str) -> str:
    return _host("node_systemd_unit_state", f'name="{name}",state="{state}"')


_FINISHED = _host("milkbot_tick_finished_timestamp_seconds")
_CONNECTIONS = _host("milkbot_api_database_connections", 'use="in_use"')

CASES = {
    "MilkbotTickLate": Case({_FINISHED: "0x60"}, 15, 16),
    "MilkbotTickMissing": Case({f"up{NODE}": "1x60"}, 14, 15),
    "MilkbotTickFails": Case({f"milkbot_run_exit_code{TRADER}": "0x4 69x30"}, 14, 16),
    "MilkbotTickHangs": Case({f"milkbot_run_started_timestamp_seconds{TRADER}": "60x30"}, 6, 7),
    "MilkbotTickKilled": Case({_host("milkbot_ticks_total", 'outcome="killed"'): "0x9 1x40"}, 9, 12),
    "MilkbotTickSlow": Case({_host("milkbot_tick_duration_seconds"): "150x60"}, 19, 20),
    "MilkbotNotTrading": Case({_host("milkbot_trading_state", 'mode="demo",state="active"'): "1x3 0x30"}, 8, 9),
    "MilkbotOrderUnresolved": Case({_host("milkbot_open_orders", 'mode="demo",state="unknown"'): "1x60"}, 14, 15),
    "MilkbotPositionsDiffer": Case({_host("milkbot_mismatches_total"): "0x9 1x40"}, 9, 12),
    "MilkbotOrdersRejected": Case({_host("milkbot_orders_total", 'state="rejected"'): "0x9 3x9 5x60"}, 15, 25),
    "MilkbotDailyLossNear": Case(
        {
            _host("milkbot_risk_dollars", 'limit="daily_loss"'): "39x4 41x9",
            _host("milkbot_risk_limit_dollars", 'limit="daily_loss"'): "50x14",
        },
        4,
        5,
    ),
    "MilkbotOverLimit": Case(
        {
            _host("milkbot_risk_dollars", 'limit="event"'): "30x4 31x30",
            _host("milkbot_risk_limit_dollars", 'limit="event"'): "30x34",
        },
        14,
        15,
    ),
    "MilkbotNothingToTrade": Case({_host("milkbot_tick_events"): "4x4 0x500"}, 365, 380),
    "MilkbotMarketsMissing": Case(
        {_host("milkbot_tick_missing_markets", 'mode="demo",series="KXHIGHNY"'): "0x4 12x60"}, 30, 31
    ),
    "MilkbotForecastOld": Case({_host("milkbot_forecast_issued_timestamp_seconds", 'city="NYC"'): "0x800"}, 735, 736),
    "MilkbotWeatherMissing": Case(
        {_host("milkbot_weather_problems", 'mode="demo",city="NYC"'): "0x5 1x39 0x5 2x80"}, 110, 111
    ),
    "MilkbotClockSkew": Case({_host("milkbot_clock_skew_seconds"): "-3x30"}, 9, 10),
    "MilkbotExchangeFails": Case(
        {
            _host("milkbot_tick_exchange_requests", 'answer="2xx",mode="demo"'): "30x30",
            _host("milkbot_tick_exchange_requests", 'answer="none",mode="demo"'): "10x30",
        },
        14,
        15,
    ),
    "MilkbotRollupsLate": Case({_host("milkbot_rollups_completed_timestamp_seconds"): "0x60"}, 45, 46),
    "MilkbotApiFails": Case(
        {
            _host("milkbot_api_requests_total", 'route="/v1/trades/recent",status="200"'): "0+90x30",
            _host("milkbot_api_requests_total", 'route="/v1/trades/recent",status="503"'): "0+10x30",
        },
        5,
        8,
    ),
    "MilkbotApiSlow": Case(
        {
            _host("milkbot_api_request_seconds_bucket", 'le="1.0"'): "0+90x30",
            _host("milkbot_api_request_seconds_bucket", 'le="2.5"'): "0+100x30",
            _host("milkbot_api_request_seconds_bucket", 'le="+Inf"'): "0+100x30",
        },
        10,
        13,
    ),
    "MilkbotApiWaitsForConnections": Case({_CONNECTIONS: "7x4 8x30"}, 6, 7),
    "MilkbotTargetDown": Case({f'up{{{HOST},job="postgres"}}': "1x4 0x9"}, 6, 7),
    "MilkbotServiceDown": Case({_unit("milkbot-analytics.service", "active"): "1x4 0x9"}, 6, 7),
    "MilkbotTimerStopped": Case({_unit("milkbot-trader.timer", "active"): "0x60"}, 19, 20),
    "MilkbotUnitFailed": Case({_unit("milkbot-rollups.service", "failed"): "1x30"}, 5, 6),
    "MilkbotServiceRestarts": Case(
        {_host("node_systemd_service_restart_total", 'name="milkbot-analytics.service"'): "0x9 3x9 5x30"}, 15, 25
    ),
    "MilkbotNginxDown": Case({_host("nginx_up"): "0x9"}, 1, 2),
    "MilkbotDatabaseDown": Case({_host("pg_up"): "1x4 0x9"}, 5, 6),
    "MilkbotDatabaseFull": Case(
        {
            _host("pg_stat_activity_count", 'datname="milkbot",state="idle"'): "60x30",
            _host("pg_stat_activity_count", 'datname="milkbot",state="active"'): "25x30",
            _host("pg_settings_max_connections"): "100x30",
        },
        4,
        5,
    ),
    "MilkbotLongTransaction": Case(
        {_host("pg_stat_activity_max_tx_duration", 'datname="milkbot",state="active"'): "0+60x60"}, 35, 36
    ),
    "MilkbotArchivingFails": Case({_host("pg_stat_archiver_failed_count"): "0x9 3x30"}, 13, 16),
    "MilkbotBackupFailed": Case({_host("milkbot_backup_good", 'kind="drill"'): "1x4 0x4"}, 4, 5),
    "MilkbotBackupOld": Case(
        {_host("milkbot_backup_last_good_timestamp_seconds", 'kind="daily"'): "0x2000"}, 26 * 60, 26 * 60 + 1
    ),
    "MilkbotBackupMissing": Case({f"up{NODE}": "1x2000"}, 26 * 60 - 1, 26 * 60),
    "MilkbotJobMetricsStale": Case({_host("milkbot_job_metrics_timestamp_seconds"): "0x30"}, 10, 11),
    "MilkbotDiskFull": Case(
        {_disk("node_filesystem_avail_bytes"): "6x4 4x30", _disk("node_filesystem_size_bytes"): "100x34"}, 9, 10
    ),
    "MilkbotDiskFills": Case(
        {_disk("node_filesystem_avail_bytes"): "2900-1x600", _disk("node_filesystem_size_bytes"): "10000x600"},
        119,
        121,
    ),
    "MilkbotInodesGone": Case(
        {_disk("node_filesystem_files_free"): "4x30", _disk("node_filesystem_files"): "100x30"}, 4, 5
    ),
    "MilkbotMemoryLow": Case(
        {_host("node_memory_MemAvailable_bytes"): "7x30", _host("node_memory_MemTotal_bytes"): "100x30"}, 9, 10
    ),
    "MilkbotOutOfMemory": Case({_host("node_vmstat_oom_kill"): "5x9 6x30"}, 9, 12),
    "MilkbotClockNotSynchronized": Case({_host("node_timex_sync_status"): "0x60"}, 29, 30),
    "MilkbotCertificateEnds": Case(
        {_host("milkbot_certificate_end_timestamp_seconds"): f"{21 * 86400 + 300}x30"}, 5, 6
    ),
    "MilkbotMetricsUnreadable": Case({_host("node_textfile_scrape_error"): "1x30"}, 9, 10),
}

# A healthy day and a quarter: a tick every five minutes that sends, some of it refused.
_WELL = {
    _FINISHED: "0+60x{minutes}",
    f"up{NODE}": "1x{minutes}",
    f"milkbot_run_exit_code{TRADER}": "0x{minutes}",
    f"milkbot_run_started_timestamp_seconds{TRADER}": "0+60x{minutes}",
    f"milkbot_run_finished_timestamp_seconds{TRADER}": "1+60x{minutes}",
    _host("milkbot_ticks_total", 'outcome="killed"'): "0x{minutes}",
    _host("milkbot_trading_state", 'mode="demo",state="active"'): "1x{minutes}",
    _host("milkbot_open_orders", 'mode="demo",state="unknown"'): "0x{minutes}",
    _host("milkbot_orders_total", 'state="rejected"'): "0+0.01x{minutes}",
    _host("milkbot_risk_dollars", 'limit="daily_loss"'): "10x{minutes}",
    _host("milkbot_risk_limit_dollars", 'limit="daily_loss"'): "50x{minutes}",
    _host("milkbot_risk_dollars", 'limit="open_risk"'): "100x{minutes}",
    _host("milkbot_risk_limit_dollars", 'limit="open_risk"'): "100x{minutes}",
    _host("milkbot_tick_events"): "4x{minutes}",
    _host("milkbot_tick_missing_markets", 'mode="demo",series="KXHIGHNY"'): "0x{minutes}",
    _host("milkbot_forecast_issued_timestamp_seconds", 'city="NYC"'): "0+60x{minutes}",
    _host("milkbot_weather_problems", 'mode="demo",city="NYC"'): "0x50 1x50 0x{minutes}",
    _host("milkbot_clock_skew_seconds"): "0.4x{minutes}",
    _host("milkbot_tick_exchange_requests", 'answer="2xx",mode="demo"'): "30x{minutes}",
    _host("milkbot_tick_exchange_requests", 'answer="none",mode="demo"'): "1x{minutes}",
    _host("milkbot_rollups_completed_timestamp_seconds"): "0+60x{minutes}",
    _host("milkbot_api_requests_total", 'route="/v1/health",status="200"'): "0+60x{minutes}",
    _host("milkbot_api_requests_total", 'route="/v1/health",status="503"'): "0+1x{minutes}",
    _CONNECTIONS: "1x{minutes}",
    _unit("milkbot-analytics.service", "active"): "1x{minutes}",
    _unit("milkbot-analytics-next.service", "active"): "0x{minutes}",
    _unit("milkbot-trader.timer", "active"): "1x{minutes}",
    _unit("milkbot-trader.service", "active"): "0x{minutes}",
    _unit("milkbot-trader.service", "failed"): "0x{minutes}",
    _host("nginx_up"): "1x{minutes}",
    _host("pg_up"): "1x{minutes}",
    _host("milkbot_backup_good", 'kind="daily"'): "1x{minutes}",
    _host("milkbot_backup_last_good_timestamp_seconds", 'kind="daily"'): "0x1440 86400x{minutes}",
    _host("milkbot_job_metrics_timestamp_seconds"): "0+60x{minutes}",
    _disk("node_filesystem_avail_bytes"): "60x{minutes}",
    _disk("node_filesystem_size_bytes"): "100x{minutes}",
    _host("node_memory_MemAvailable_bytes"): "50x{minutes}",
    _host("node_memory_MemTotal_bytes"): "100x{minutes}",
    _host("node_timex_sync_status"): "1x{minutes}",
    _host("node_timex_offset_seconds"): "0.001x{minutes}",
    _host("milkbot_certificate_end_timestamp_seconds"): "9000000x{minutes}",
    _host("node_textfile_scrape_error"): "0x{minutes}",
}


def _trial(series: dict[str, str], expected: list[tuple[int, str, bool]], interval: int = 5) -> dict[str, Any]:
    """A test of promtool's: at those minutes, whether that alert (or any, for none) speaks.

    On a host with the usual limits and a tick every `interval` minutes.
    """
    tests = []
    for minute, alert, speaks in expected:
        named = f',alertname="{alert}"' if alert else ""
        wanted = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if speaks else []
        query = f'max by (alertname) (ALERTS{{alertstate="firing"{named}}})'
        tests.append({"expr": query, "eval_time": f"{minute}m", "exp_samples": wanted})
    limits = {
        _host("milkbot_limit", f'name="{name}"'): f"{value:g}x2200" for name, value in table({}, interval).items()
    }
    input_series = [{"series": name, "values": values} for name, values in {**limits, **series}.items()]
    return {"interval": "1m", "input_series": input_series, "promql_expr_test": tests}


def _complaints(directory: Path, trials: list[dict[str, Any]]) -> str:
    """What promtool finds otherwise than expected."""
    file = directory / "trials.yml"
    document = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": trials}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = promtool("test", "rules", file)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_prometheus_accepts_the_alert_rules() -> None:
    done = promtool("check", "rules", ALERTS)
    assert done.returncode == 0, done.stderr


def test_each_alert_fires_at_its_time_and_not_before(tmp_path: Path) -> None:
    trials = [
        _trial(case.series, [(case.quiet, alert, False), (case.loud, alert, True)]) for alert, case in CASES.items()
    ]
    assert not _complaints(tmp_path, trials)


def test_a_wrong_expectation_of_an_alert_fails(tmp_path: Path) -> None:
    case = CASES["MilkbotTickLate"]
    assert "MilkbotTickLate" in _complaints(tmp_path, [_trial(case.series, [(case.quiet, "MilkbotTickLate", True)])])


def test_no_alert_fires_on_a_healthy_host(tmp_path: Path) -> None:
    minutes = HOURS * 60
    series = {name: values.format(minutes=minutes) for name, values in _WELL.items()}
    assert not _complaints(tmp_path, [_trial(series, [(minute, "", False) for minute in range(0, minutes, 30)])])


def test_a_tick_is_late_by_the_interval_of_the_host(tmp_path: Path) -> None:
    expected = [(59, "MilkbotTickLate", False), (61, "MilkbotTickLate", True)]
    assert not _complaints(tmp_path, [_trial({_FINISHED: "0x90"}, expected, interval=20)])


def test_what_was_never_seen_whole_is_missing_once_it_has_been_watched_for_so_long(tmp_path: Path) -> None:
    problems = {_host("milkbot_weather_problems", 'mode="demo",city="NYC"'): "_x9 1x1000"}
    name = "MilkbotWeatherMissing"
    assert not _complaints(tmp_path, [_trial(problems, [(70, name, False), (71, name, True), (1000, name, True)])])


def test_a_tick_is_not_late_before_one_was_due_since_the_timer_started(tmp_path: Path) -> None:
    started = _host("node_systemd_unit_start_time_seconds", 'name="milkbot-trader.timer"')
    expected = [(39, "MilkbotTickLate", True), (44, "MilkbotTickLate", False), (56, "MilkbotTickLate", True)]
    # Stopped until minute 40: node exporter then says nought.
    assert not _complaints(tmp_path, [_trial({_FINISHED: "0x90", started: "0x39 2400x50"}, expected)])


def test_every_alert_has_a_case() -> None:
    assert {rule["alert"] for rule in rules()} == set(CASES)


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "remedy"}
        assert rule["annotations"]["summary"].endswith(".")
