"""The files that the roles write, rendered without a host."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values
from tests.roles.rendering import ROLES, SECRETS, evaluate, render

UNITS = sorted(path.name for path in (ROLES / "systemd/templates").glob("*.service.j2"))


def _environment(content: dict[str, Any]) -> dict[str, str | None]:
    text = render("environment/env.j2", variables=content)
    return dotenv_values(stream=io.StringIO(text), interpolate=False)


def test_a_password_is_read_back_as_it_was_written() -> None:
    password = SECRETS["environment_postgres_password"]
    assert _environment({"POSTGRES_PASSWORD": password})["POSTGRES_PASSWORD"] == password


def test_a_list_is_written_with_commas() -> None:
    assert _environment({"TRADING_SERIES": ["KXHIGHNY", "KXHIGHMIA"]})["TRADING_SERIES"] == "KXHIGHNY,KXHIGHMIA"


def test_every_variable_of_the_runbook_is_written() -> None:
    names = set(_environment(evaluate("_environment_variables")))
    runbook = {
        *("TRADING_MODE", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"),
        *("KALSHI_API_BASE", "KALSHI_EMAIL", "KALSHI_PASSWORD", "LOG_LEVEL", "LOG_FORMAT"),
    }
    assert runbook <= names


def test_every_trading_limit_is_written() -> None:
    limits = evaluate("_environment_limits", environment_trading={"max_trade_risk_pct": 2, "bankroll": 992.1})
    assert _environment(limits) == {"MAX_TRADE_RISK_PCT": "2", "BANKROLL": "992.1"}


@pytest.mark.parametrize("unit", ["milkbot-analytics.service.j2", "milkbot-dashboard.service.j2"])
def test_sockets_are_shared_in_non_blocking_mode(unit: str) -> None:
    # systemd sets the flag of the socket that both inherit, at each start of either.
    assert "NonBlocking=true" in render(f"systemd/{unit}").splitlines()


@pytest.mark.parametrize("service", ["trader", "rollups", "analytics", "dashboard", "record"])
def test_no_readable_environment_file_contains_a_secret(service: str) -> None:
    content = evaluate(f"_environment_{service}")
    assert not [name for name in content if re.search("PASSWORD|KEY|SECRET", name)]


def test_only_the_named_roles_may_connect_to_the_database() -> None:
    rules = [line.split() for line in render("postgres/pg_hba.conf.j2").splitlines() if not line.startswith("#")]
    assert [rule[:3] for rule in rules] == [
        ["local", "all", "postgres"],
        ["local", "milkbot_restore_new", "milkbot"],
        ["local", "milkbot", "milkbot,milkbot_trader,milkbot_rollups,milkbot_api,milkbot_operator,milkbot_control"],
        ["host", "milkbot", "milkbot"],
        ["host", "milkbot", "milkbot"],
    ]
    assert [rule[-1] for rule in rules if rule[0] == "host"] == ["scram-sha-256", "scram-sha-256"]


def test_each_system_user_maps_to_one_role_and_each_role_to_one_user() -> None:
    text = render("postgres/pg_ident.conf.j2", monitoring_enabled=True)
    pairs = [line.split()[1:] for line in text.splitlines() if not line.startswith("#")]
    assert sorted(pairs) == [
        ["milkbot", "milkbot_trader"],
        ["milkbot-analytics", "milkbot_api"],
        ["milkbot-control", "milkbot_control"],
        ["milkbot-operator", "milkbot_operator"],
        ["milkbot-owner", "milkbot"],
        ["milkbot-rollups", "milkbot_rollups"],
        ["prometheus", "milkbot_monitor"],
    ]
    for column in zip(*pairs, strict=True):
        assert len(set(column)) == len(column)


def test_each_unit_is_the_user_of_the_role_that_it_comes_in_as() -> None:
    users = evaluate("_postgres_service_identities")
    roles = {"trader": "milkbot_trader", "rollups": "milkbot_rollups", "analytics": "milkbot_api"}
    roles |= {"operator": "milkbot_operator"}
    for service, role in roles.items():
        assert evaluate(f"_environment_{service}")["POSTGRES_USER"] == role
        text = render(f"systemd/milkbot-{service}.service.j2")
        (user,) = re.findall(r"^User=(.*)$", text, flags=re.MULTILINE)
        assert users[user] == role
    acts = re.findall(r"^User=(.*)$", render("systemd/milkbot-act@.service.j2"), flags=re.MULTILINE)
    assert [users[user] for user in acts] == [evaluate("_environment_control")["POSTGRES_USER"]]


def test_each_log_is_rotated_by_one_rule() -> None:
    text = render("logrotate/milkbot.j2", simulator_enabled=True)
    logs = re.findall(r"/var/log/milkbot/\S+\.log", text)
    assert sorted(logs) == sorted(set(logs))
    assert len(logs) == 7


def test_nginx_listens_on_ipv6_only_where_it_exists() -> None:
    without = render(
        "nginx/milkbot.conf.j2", ansible_facts={"all_ipv6_addresses": []}, milkbot_distribution="debian-12"
    )
    assert "[::]" not in without
    assert "listen [::]:443 ssl http2;" in render("nginx/milkbot.conf.j2")


def test_pages_are_kept_by_nginx_and_its_visitors_limits_hold_for_sockets_too() -> None:
    limits = {"nginx_streams_per_address": 7, "nginx_streams": 70, "nginx_connections_per_address": 50}
    site = render("nginx/milkbot.conf.j2", **limits)
    locations = dict(re.findall(r"^    location (\S+(?: \S+)?) {\n(.*?)^    }", site, flags=re.MULTILINE | re.DOTALL))
    for page in ("= /", "= /skill", "~ ^/city/[A-Za-z]+$"):
        assert "proxy_cache milkbot_pages;" in locations[page]
        assert "proxy_cache_use_stale error timeout" in locations[page]
    # A limit of a location's own takes the place of the server's.
    assert re.findall(r"limit_conn (\w+) (\d+);", locations["= /_stcore/stream"]) == [
        ("milkbot_visitors", "50"),
        ("milkbot_streams", "7"),
        ("milkbot_all_streams", "70"),
    ]
    assert locations["/"].split() == ["return", "404;"]


def test_http2_is_asked_for_as_the_systems_nginx_has_it() -> None:
    older, newer = (render("nginx/milkbot.conf.j2", milkbot_distribution=name) for name in ("debian-12", "debian-13"))
    assert (older.count("ssl http2"), older.count("http2 on;")) == (4, 0)
    # Once in each of the two servers.
    assert (newer.count("ssl http2"), newer.count("http2 on;")) == (0, 2)


def test_only_a_trusted_proxy_may_name_the_clients_address() -> None:
    assert "real_ip_header" not in render("nginx/milkbot.conf.j2")
    behind = render("nginx/milkbot.conf.j2", nginx_trusted_proxies=["173.245.48.0/20"])
    assert "set_real_ip_from 173.245.48.0/20;" in behind
    assert "real_ip_header CF-Connecting-IP;" in behind


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_runs_the_code_of_the_current_release(unit: str) -> None:
    started = re.findall(r"^ExecStart=(\S+)", render(f"systemd/{unit}"), flags=re.MULTILINE)
    assert [path.rsplit("/", 1)[0] for path in started] == ["/opt/milkbot/current/venv/bin"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_restart_limit_is_in_the_section_that_systemd_reads(unit: str) -> None:
    service = render(f"systemd/{unit}").split("[Service]")[1]
    assert "StartLimit" not in service


@pytest.mark.parametrize("unit", ["milkbot-trader.service.j2", "milkbot-rollups.service.j2"])
def test_a_oneshot_service_has_only_the_secrets_that_it_needs(unit: str) -> None:
    text = render(f"systemd/{unit}")
    assert "UnsetEnvironment=POSTGRES_PASSWORD KALSHI_EMAIL KALSHI_PASSWORD OPENROUTER_API_KEY" in text
    hidden = " ".join(re.findall(r"^InaccessiblePaths=(.*)", text, flags=re.MULTILINE))
    assert "-/opt/milkbot/.env" in hidden


def test_a_tick_is_ended_before_the_next_one_begins() -> None:
    # A variable of the command line is text.
    for minutes in (1, 5, 30, "20"):
        text = render("systemd/milkbot-trader.service.j2", systemd_trader_interval_minutes=minutes)
        limit = re.search(r"^TimeoutStartSec=(\d+)$", text, flags=re.MULTILINE)
        assert limit is not None
        assert int(limit[1]) < int(minutes) * 60


def test_the_recorder_reaches_no_secret_and_no_database() -> None:
    text = render("systemd/milkbot-record.service.j2")
    assert re.findall(r"^EnvironmentFile=(.*)", text, flags=re.MULTILINE) == ["/etc/milkbot/record.env"]
    hidden = " ".join(re.findall(r"^InaccessiblePaths=(.*)", text, flags=re.MULTILINE)).split()
    secrets = ["-/opt/milkbot/.env", "-/opt/milkbot/kalshi_private_key.pem", "-/run/postgresql"]
    assert set(secrets) <= set(hidden)
    assert re.findall(r"^User=(.*)", text, flags=re.MULTILINE) == ["milkbot-record"]
    assert "milkbot-record" in evaluate("milkbot_accounts")
    # systemd takes the last one: what is public may be read by all.
    assert re.findall(r"^UMask=(.*)", text, flags=re.MULTILINE)[-1] == "0022"


def _limit(template: str, name: str) -> int:
    found = re.findall(rf"^{name}=(-?\d+)$", render(template), flags=re.MULTILINE)
    assert len(found) == 1, (template, name, found)
    return int(found[0])


# From what gives way first to what does last.
GIVES_WAY = (
    *(
        "backup/milkbot-restore-drill",
        "systemd/milkbot-record",
        "systemd/milkbot-dashboard",
        "systemd/milkbot-analytics",
    ),
    *("systemd/milkbot-rollups", "pgbackrest/milkbot-wal@", "systemd/milkbot-passkey"),
    *("systemd/milkbot-operator", "simulator/milkbot-simulator"),
    *("systemd/milkbot-act@", "systemd/milkbot-trader"),
)


def test_without_memory_the_page_is_killed_before_the_api_and_the_trader_after_both() -> None:
    found = [_limit(f"{unit}.service.j2", "OOMScoreAdjust") for unit in GIVES_WAY]
    assert found == sorted(set(found), reverse=True)
    assert found[-1] > _limit("postgres/unit.conf.j2", "OOMScoreAdjust")


def test_on_a_busy_machine_the_trader_and_postgresql_are_served_before_the_page_and_ssh_first() -> None:
    shares = [evaluate(f"milkbot_limits_of['{name}']") for name in ("milkbot-dashboard", "milkbot-trader", "ssh")]
    weights = [re.findall(r"^(?:CPU|IO)Weight=(\d+)$", text, flags=re.MULTILINE) for text in shares]
    page, trader, ssh = (int(cpu) + int(io) for cpu, io in weights)
    assert page < 200 < trader < ssh


def test_no_limit_can_take_postgresql_away() -> None:
    assert not re.findall(r"^(MemoryHigh|MemoryMax|TasksMax)=", render("postgres/unit.conf.j2"), flags=re.MULTILINE)


def test_no_unit_is_slowed_down_by_its_memory_instead_of_killed_and_started_again() -> None:
    table = evaluate("_milkbot_unit_limits")
    assert sum("memory_max" in limits for limits in table.values()) > 10
    assert [unit for unit, limits in table.items() if "memory_high" in limits] == []


def test_an_inventory_changes_single_limits_of_a_unit_or_switches_all_off() -> None:
    given = [{"unit": "milkbot-dashboard", "memory_max": "1G"}]
    changed = render("systemd/milkbot-dashboard.service.j2", milkbot_unit_limits=given).splitlines()
    assert "MemoryMax=1G" in changed
    assert "TasksMax=256" in changed
    off = render("systemd/milkbot-dashboard.service.j2", milkbot_unit_limits_enabled=False)
    assert not re.findall(r"^(Memory(High|Max)|TasksMax|CPUWeight|IOWeight|OOMScoreAdjust)=", off, flags=re.MULTILINE)


def test_the_units_that_an_inventory_may_limit_are_those_of_the_table() -> None:
    rules = yaml.safe_load((ROLES / "milkbot/meta/values.yml").read_text(encoding="utf-8"))
    assert rules["milkbot_unit_limits"]["options"]["unit"]["choices"] == list(evaluate("_milkbot_unit_limits"))


def test_the_recorder_yields_to_the_trader() -> None:
    recorder, trader = (_limit(f"systemd/milkbot-{name}.service.j2", "CPUWeight") for name in ("record", "trader"))
    assert recorder < 100 < trader  # which is a unit's own
    assert "milkbot-record" not in evaluate("milkbot_oneshots")


def test_the_recorder_keeps_to_the_limit_and_the_series_of_the_inventory() -> None:
    text = render("systemd/milkbot-record.service.j2", systemd_record_limit_gb=20)
    assert re.findall(r"^ExecStart=\S+ (.*)$", text, flags=re.MULTILINE) == [
        "record --directory /var/lib/milkbot-record --limit-gb 20"
    ]
    usual = _environment(evaluate("_environment_record"))
    assert "TRADING_SERIES" not in usual
    chosen = evaluate("_environment_record", environment_trading={"trading_series": ["KXHIGHNY", "KXHIGHMIA"]})
    assert _environment(chosen) == {**usual, "TRADING_SERIES": "KXHIGHNY,KXHIGHMIA"}


def test_every_system_file_names_who_wrote_it() -> None:
    unmarked = {
        str(path.relative_to(ROLES))
        for path in ROLES.glob("*/templates/*.j2")
        if "milkbot_managed" not in path.read_text(encoding="utf-8")
    }
    assert unmarked == {
        "release/templates/release.json.j2",
    }


def test_the_operators_page_is_on_the_web_only_where_that_is_on() -> None:
    name = "operate.milkbot.ai"
    off, on = (render("nginx/milkbot.conf.j2", milkbot_operator_web_enabled=on) for on in (False, True))
    assert (name in off, f"server_name {name};" in on) == (False, True)
    # Where a passkey is asked for, and in what order, is the same at each run.
    mine = on.partition(f"server_name {name};")[2]
    (policy,) = re.findall(r'Permissions-Policy "(.*)"', mine)
    assert policy.split(", ") == [f"{one}=()" for one in evaluate("_nginx_permissions") if "publickey" not in one]
    assert "X-Robots-Tag noindex always" in mine
    wrapper = [render("environment/milkbot.sh.j2", milkbot_operator_web_enabled=on) for on in (False, True)]
    assert ["milkbot-passkey" in text for text in wrapper] == [False, True]
    believes = [render("systemd/milkbot-operator.service.j2", milkbot_operator_web_enabled=on) for on in (False, True)]
    assert ["MILKBOT_LOGIN_USER=milkbot-passkey" in text for text in believes] == [False, True]
