#!/usr/bin/env python3
"""grafana.py [--limits FILE] >milkbot.json

Prints the dashboard that Grafana imports. FILE is a host's /opt/milkbot/deployment/limits.json; the default is a host
without health_limits.
Exit codes: 0 done · 2 wrong usage, or FILE is not a table of limits
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from math import inf
from pathlib import Path
from string import ascii_uppercase
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostcheck"))

from milkbot_hostcheck.settings import table

Json = dict[str, Any]
# A color, and the value from which it holds; None: from the lowest.
Steps = list[tuple[str, "float | None"]]

MINUTE, HOUR, DAY = 60, 3600, 86400
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What expressions write for these labels, in the order of replacement. Host and mode are chosen at the top of the page.
LABELS = {"@mode": '@host, mode="$mode"', "@root": '@host, mountpoint="/"', "@host": 'instance="$instance"'}
GREEN: Steps = [("green", None)]
# How the series of a graph are drawn: the opacity below the line, how they are stacked, and from point to point.
AREA = (10, "none", "linear")
LINE = (0, "none", "linear")
STEP = (10, "none", "stepAfter")
STACK = (60, "normal", "linear")
STACKED_STEP = (60, "normal", "stepAfter")


def rising(red: float, orange: float = inf) -> Steps:
    """Green, orange and red: what is bad when it is large. Without orange where that is not below red."""
    return [*GREEN, *([("orange", orange)] if orange < red else []), ("red", red)]


def falling(red: float, orange: float) -> Steps:
    """Green, orange and red: what is bad when it is small. Each holds below its value."""
    return [("red", None), ("orange", red), ("green", orange)]


def _expression(text: str) -> str:
    for short, labels in LABELS.items():
        text = text.replace(short, labels)
    return text


def _panel(kind: str, title: str, description: str, queries: Mapping[str, str], height: int) -> Json:
    """A panel without its place. `queries` has the expression of each legend."""
    targets = [
        {"datasource": SOURCE, "expr": _expression(text), "legendFormat": legend, "refId": letter}
        for letter, (legend, text) in zip(ascii_uppercase, queries.items(), strict=False)
    ]
    about = {"title": title, "description": description, "datasource": SOURCE}
    return {"type": kind, **about, "targets": targets, "gridPos": {"h": height}}


def _field(unit: str, steps: Steps, **more: Any) -> Json:
    thresholds = {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}
    return {"defaults": {"unit": unit, "thresholds": thresholds, **more}, "overrides": []}


def value(title: str, description: str, query: str, unit: str, steps: Steps, legend: str = "") -> Json:
    """The newest value, on the color of its step."""
    panel = _panel("stat", title, description, {legend: query}, 4)
    panel["targets"][0].update(instant=True, range=False)
    panel["fieldConfig"] = _field(unit, steps, mappings=[], noValue="unknown")
    panel["options"] = {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return panel


def label(title: str, description: str, query: str, legend: str, color: str = "value") -> Json:
    """A label of the series that is there."""
    panel = value(title, description, query, "none", GREEN, legend)
    panel["options"].update(colorMode=color, textMode="name")
    return panel


def graph(
    title: str,
    description: str,
    unit: str,
    style: tuple[int, str, str],
    queries: Mapping[str, str],
    *,
    signed: bool = False,
    most: float | None = None,
) -> Json:
    """Series over time. The axis begins at zero unless the values are signed; `most` is where it ends."""
    panel = _panel("timeseries", title, description, queries, 8)
    opacity, stacking, course = style
    axis = ({} if signed else {"min": 0}) | ({} if most is None else {"max": most})
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": opacity,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": stacking, "group": "A"},
        "lineInterpolation": course,
    }
    panel["fieldConfig"] = _field(unit, GREEN, custom=custom, **axis)
    panel["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def rows(limits: Mapping[str, float]) -> dict[tuple[str, int], list[Json]]:
    """The panels of each row, all of one height, by the row's title and the width of a panel in it."""
    tick, tick_late = limits["trader_interval_minutes"] * MINUTE, limits["tick_late_seconds"]
    rollups, rollups_late = limits["rollups_interval_minutes"] * MINUTE, limits["rollup_late_seconds"]
    backup_grace = limits["backup_grace_hours"] * HOUR
    drill_warn, drill_fail = limits["drill_warn_days"] * DAY, limits["drill_fail_days"] * DAY
    certificate_warn, certificate_fail = limits["certificate_warn_days"] * DAY, limits["certificate_fail_days"] * DAY
    answers = "sum by (le) (rate(milkbot_api_request_seconds_bucket{@host}[$__rate_interval]))"
    # A table: what a panel is, then its series. The formatter would make 150 more lines of it.
    # fmt: off
    return {
        ("Health", 4): [
            value("Alerts", "Alerts that fire now; Prometheus' page Alerts shows what to do.",
                'count(ALERTS{alertstate="firing"}) or vector(0)', "none", rising(1), "firing"),
            value("Since the last tick",
                f"One runs every {tick / MINUTE:g} minutes; after {tick_late / MINUTE:g} it is late.",
                "time() - milkbot_tick_finished_timestamp_seconds{@mode}", "s", rising(tick_late, 1.4 * tick)),
            label("Last tick", "How it ended.", "milkbot_tick_outcome{@mode} == 1", "{{outcome}}"),
            label("Trading",
                "The state that is in force: active trades, reducing lowers risk only, halted sends nothing.",
                "milkbot_trading_state{@mode} == 1", "{{state}}"),
            value("Orders of unknown outcome", "Sent, and no answer yet. The exchange's evidence clears them.",
                'sum(milkbot_open_orders{@mode, state=~"unknown|pending"})', "none", rising(1)),
            value("Targets down", "Of the parts of the platform that Prometheus scrapes.",
                "count(up{@host} == 0) or vector(0)", "none", rising(1)),
            value("Last good backup", "Of the daily job.",
                'time() - milkbot_backup_last_good_timestamp_seconds{@host, kind="daily"}',
                "s", rising(DAY + backup_grace, DAY + backup_grace / 2)),
            value("Last proved backup", "Age of the newest backup that a drill has restored.",
                'time() - milkbot_backup_proved_timestamp_seconds{@host, kind="drill"}',
                "s", rising(drill_fail, drill_warn)),
            value("Since the rollups", "The public page is as new as these, less an hour.",
                "time() - milkbot_rollups_completed_timestamp_seconds{@host}",
                "s", rising(rollups_late, 4 / 3 * rollups)),
            value("Certificate", "Until it ends.",
                "milkbot_certificate_end_timestamp_seconds{@host} - time()",
                "s", falling(certificate_fail, certificate_warn)),
            value("Units that failed", "Of ours, nginx, cron and PostgreSQL.",
                'sum(node_systemd_unit_state{@host, state="failed"})', "none", rising(1)),
            label("Release", "That the API runs.",
                'milkbot_build_info{@host, component="api"}', "{{release}}", color="none"),
        ],
        ("Money", 8): [
            graph("Equity and cash",
                "As the exchange reports them: cash that is free, and with it the positions at its marks.",
                "currencyUSD", AREA, {
                "equity": "milkbot_equity_dollars{@mode}",
                "cash": "milkbot_cash_dollars{@mode}",
            }, signed=True),
            graph("Result of the day",
                "Won or lost since midnight UTC, after fees; at the lower line trading stops for a day.",
                "currencyUSD", AREA, {
                "realized": "milkbot_realized_today_dollars{@mode}",
                "stop": '-milkbot_risk_limit_dollars{@mode, limit="daily_loss"}',
            }, signed=True),
            graph("Result since the start", "From the rollups, an hour behind.", "currencyUSD", AREA, {
                "realized": "milkbot_realized_dollars{@mode}",
                "drawdown": "-milkbot_drawdown_dollars{@mode}",
            }, signed=True),
            graph("Limits used",
                "The fullest event, city and cluster, all open risk, and the day's loss: each as a share of its limit.",
                "percentunit", LINE,
                {"{{limit}}": "milkbot_risk_dollars{@mode} / milkbot_risk_limit_dollars{@mode}"}, most=1.2),
            graph("At risk", "Dollars that could be lost: positions at cost, and open orders at their worst.",
                "currencyUSD", AREA, {
                "at risk": 'milkbot_risk_dollars{@mode, limit="open_risk"}',
                "limit": 'milkbot_risk_limit_dollars{@mode, limit="open_risk"}',
            }),
            graph("Held", "Markets held, and events that may take no new risk until something in them is resolved.",
                "none", STEP, {
                "markets held": "milkbot_positions{@mode}",
                "events blocked": "milkbot_blocked_events{@mode}",
            }),
        ],
        ("Orders", 8): [
            graph("Orders sent within an hour", "By the state that sending left.", "none", STACK,
                {"{{state}}": "increase(milkbot_orders_total{@mode}[1h])"}),
            graph("Orders that are open", "Not at their end yet.", "none", STACKED_STEP,
                {"{{state}}": "milkbot_open_orders{@mode}"}),
            graph("Refused by the risk engine within an hour", "By its codes.", "none", STACK,
                {"{{code}}": "increase(milkbot_denials_total{@mode}[1h]) > 0"}),
            graph("Decisions", "One for every market of the newest tick, by its reason: why it does not trade.",
                "none", STACKED_STEP, {"{{reason}}": "milkbot_tick_decisions{@mode} > 0"}),
            graph("Fills and settlements within an hour", "Found by the ticks.", "none", AREA, {
                "fills": "increase(milkbot_fills_total{@mode}[1h])",
                "settlements": "increase(milkbot_settlements_total{@mode}[1h])",
                "positions that differ": "increase(milkbot_mismatches_total{@mode}[1h])",
                "left resting, canceled": "increase(milkbot_canceled_total{@mode}[1h])",
            }),
            graph("Age of the forecasts", "By city; a stale one is not traded on.", "s", LINE,
                {"{{city}}": "time() - milkbot_forecast_issued_timestamp_seconds{@mode}"}),
            graph("Brier score less the market's", "Mean of 90 days; below zero: better than the market.",
                "none", LINE, {
                "{{forecaster}} {{lead}}": "milkbot_forecast_brier{@mode} - milkbot_forecast_market_brier{@mode}",
            }, signed=True),
            graph("Days of evidence", "That the sequential test has seen of each forecaster.", "none", STEP,
                {"{{forecaster}}": "milkbot_forecaster_evidence{@mode}"}),
            graph("Standing", "What the test says of each forecaster against the market; sizes follow the live one's.",
                "none", STACKED_STEP,
                {"{{forecaster}} is {{standing}}": "milkbot_forecaster_standing{@mode} > 0"}),
        ],
        ("Latency", 8): [
            graph("Ticks",
                "How long they take, and a tick's requests to each service. A tick is killed after 4 minutes at most.",
                "s", LINE, {
                "tick": "milkbot_tick_duration_seconds{@mode}",
                "exchange": "milkbot_tick_exchange_seconds{@mode}",
                "weather": "milkbot_tick_weather_seconds{@mode}",
                "rollups": 'milkbot_run_duration_seconds{@host, component="rollups"}',
            }),
            graph("Requests of a tick", "To the exchange and the weather service, by answer; none: no answer came.",
                "none", STACKED_STEP, {
                "exchange {{answer}}": "milkbot_tick_exchange_requests{@mode} > 0",
                "weather {{answer}}": "milkbot_tick_weather_requests{@mode} > 0",
            }),
            graph("Clock", "How far ours is ahead of the exchange's, good to half a second.", "s", AREA,
                {"ahead": "milkbot_clock_skew_seconds{@mode}"}, signed=True),
            graph("API: answers", "By status.", "reqps", STACK,
                {"{{status}}": "sum by (status) (rate(milkbot_api_requests_total{@host}[$__rate_interval]))"}),
            graph("API: time of an answer", "Half, 95 and 99 of a hundred are faster.", "s", LINE, {
                f"p{share}": f"histogram_quantile({share / 100:g}, {answers})" for share in (50, 95, 99)
            }),
            graph("API: in progress", "Requests without an answer yet, and connections to the database.",
                "none", STEP, {
                "requests": "milkbot_api_requests_in_progress{@host}",
                "connections {{use}}": "milkbot_api_database_connections{@host}",
            }),
        ],
        ("Host", 6): [
            graph("Processor", "Share of all cores.", "percentunit", AREA, {
                "all": '1 - avg(rate(node_cpu_seconds_total{@host, mode="idle"}[$__rate_interval]))',
                "waits for the disk": 'avg(rate(node_cpu_seconds_total{@host, mode="iowait"}[$__rate_interval]))',
                "API, of one core": "rate(milkbot_api_cpu_seconds_total{@host}[$__rate_interval])",
            }),
            graph("Memory", "", "bytes", AREA, {
                "all": "node_memory_MemTotal_bytes{@host}",
                "used": "node_memory_MemTotal_bytes{@host} - node_memory_MemAvailable_bytes{@host}",
            }),
            graph("Disk", "Of the root file system.", "percentunit", AREA, {
                "space": "1 - node_filesystem_avail_bytes{@root} / node_filesystem_size_bytes{@root}",
                "inodes": "1 - node_filesystem_files_free{@root} / (node_filesystem_files{@root} > 0)",
            }, most=1),
            graph("Network", "", "Bps", AREA, {
                "in": 'sum(rate(node_network_receive_bytes_total{@host, device!="lo"}[$__rate_interval]))',
                "out": '-sum(rate(node_network_transmit_bytes_total{@host, device!="lo"}[$__rate_interval]))',
            }, signed=True),
            graph("PostgreSQL: transactions", "Of the database milkbot.", "ops", AREA, {
                "committed": 'rate(pg_stat_database_xact_commit{@host, datname="milkbot"}[$__rate_interval])',
                "rolled back": 'rate(pg_stat_database_xact_rollback{@host, datname="milkbot"}[$__rate_interval])',
            }),
            graph("PostgreSQL: connections", "By state.", "none", AREA, {
                "{{state}}": "sum by (state) (pg_stat_activity_count{@host})",
                "allowed": "pg_settings_max_connections{@host}",
            }),
            graph("PostgreSQL: size", "Of the database milkbot.", "bytes", AREA,
                {"milkbot": 'pg_database_size_bytes{@host, datname="milkbot"}'}),
            graph("nginx", "Requests, and connections that are open.", "none", AREA, {
                "requests a second": "rate(nginx_http_requests_total{@host}[$__rate_interval])",
                "connections": "nginx_connections_active{@host}",
            }),
        ],
    }
    # fmt: on


def _variable(name: str, label: str, kind: str, query: Any, **more: Any) -> Json:
    """A choice at the top of the page."""
    plain = {"hide": 0, "includeAll": False, "multi": False, "current": {}, "options": [], "regex": ""}
    return {"name": name, "label": label, "type": kind, "query": query, "skipUrlSync": False, **plain, **more}


def _values(name: str, label: str, of: str) -> Json:
    """A choice among the values that a label of a metric has."""
    query = {"query": f"label_values({of})", "refId": name}
    return _variable(name, label, "query", query, datasource=SOURCE, refresh=2, sort=1)


def dashboard(limits: Mapping[str, float]) -> Json:
    """The dashboard, its panels numbered and placed from left to right and from the top."""
    panels: list[Json] = []
    y = 0
    for (title, width), row in rows(limits).items():
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        panels += [{"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}, *row]
        height = row[0]["gridPos"]["h"]
        for number, panel in enumerate(row):
            line, x = divmod(number * width, COLUMNS)
            panel["gridPos"].update(w=width, x=x, y=y + 1 + line * height)
        y = row[-1]["gridPos"]["y"] + height
    return {
        "title": "Milkbot",
        "uid": "milkbot",
        "description": "Health, money, orders, latency and the host, from the top.",
        "tags": ["milkbot"],
        "timezone": "utc",
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": 39,
        "version": 1,
        "time": {"from": "now-24h", "to": "now"},
        "annotations": {"list": []},
        "links": [],
        "templating": {
            "list": [
                _variable("datasource", "Prometheus", "datasource", "prometheus", refresh=1),
                _values("instance", "host", 'up{job="milkbot-api"}, instance'),
                _values("mode", "mode", 'milkbot_tick_finished_timestamp_seconds{instance="$instance"}, mode'),
            ]
        },
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the dashboard."""
    parser = argparse.ArgumentParser(description="Prints the dashboard for Grafana.")
    parser.add_argument("--limits", type=Path, metavar="FILE", help="the limits.json of the host")
    file = parser.parse_args(arguments).limits
    limits = table({})
    try:
        if file is not None:
            limits |= {name: float(value) for name, value in json.loads(file.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        parser.error(f"{file} is not a table of limits: {error}")
    json.dump(dashboard(limits), sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
