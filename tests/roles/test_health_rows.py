"""What the health check is told to expect, and what it makes of what others left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.health_cases import CASES, OF_ITSELF
from tests.roles.rendering import ROLES, ROOT, render

from milkbot_hostcheck import paths
from milkbot_hostcheck.alerting.memory import Memory
from milkbot_hostcheck.asking import Answer, Answers
from milkbot_hostcheck.checks import (
    CHECKS,
    backups,
    certificate,
    check_everything,
    database,
    deploys,
    endpoints,
    machine,
    trading,
    units,
    updates,
)
from milkbot_hostcheck.collect import nginx
from milkbot_hostcheck.collect import units as units_of_host
from milkbot_hostcheck.collection import Collection, seconds_of
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import APT_TIMERS
from milkbot_hostcheck.row import COLUMNS, Row, State, by_limits, ok, plain, span, worst
from milkbot_hostcheck.settings import Limits, Settings, SettingsError, read, read_channels, table

HOUR, DAY = 3600.0, 86400.0


def test_the_role_and_the_check_have_the_same_limits() -> None:
    spec = yaml.safe_load((ROLES / "health/meta/argument_specs.yml").read_text("utf-8"))
    options = spec["argument_specs"]["main"]["options"]["health_limits"]["options"]
    assert set(options) == {entry.name for entry in fields(Limits)}
    for entry in fields(Limits):
        assert options[entry.name]["description"].endswith(f"usually {entry.default:g}.")


@pytest.mark.parametrize("entry", fields(Limits), ids=lambda entry: entry.name)
def test_every_limit_is_documented_with_its_default(entry: Any) -> None:
    assert f"| `{entry.name}` | {entry.default:g} |" in (ROOT / "docs/health.md").read_text("utf-8")


def test_every_row_is_documented_and_has_a_case_that_makes_it_fail() -> None:
    table = (ROOT / "docs/health.md").read_text("utf-8").partition("| row | looks at |")[2].partition("\n\n")[0]
    documented = {name for line in table.splitlines()[2:] for name in re.findall("`([^`]+)`", line.split("|")[1])}
    broken = {case.row.replace("@15-main", "@…-main") for case in CASES}
    assert {row for row in broken if not any(_fits(row, name) for name in documented)} == set()
    # A name in brackets is of the setting that switches the row on.
    rows = {name for name in documented if not name.endswith("_enabled")}
    assert {name for name in rows if not any(_fits(row, name) for row in broken)} == OF_ITSELF


def _fits(word: str, pattern: str) -> bool:
    return fnmatchcase(word, pattern.replace("…", "*"))


def test_the_host_installs_the_locked_versions() -> None:
    kept = (ROOT / "requirements/alerts.txt").read_text("utf-8").splitlines()
    uv, *words = kept[0].partition(": ")[2].partition(" -o ")[0].split()
    command = [str(Path(sys.executable).with_name(uv)), *words, "--offline", "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert kept[1:] == done.stdout.splitlines()


def test_the_check_reads_the_settings_that_the_role_writes(tmp_path: Path) -> None:
    text = render(
        "health/health.env.j2",
        milkbot_domain="milkbot.test",
        pgbackrest_enabled=True,
        backup_offsite_enabled=True,
        backup_drill_enabled=True,
        systemd_record_enabled=True,
        health_alert_on=["fail", "warn"],
    )
    (tmp_path / "health.env").write_text(text, "utf-8")
    (tmp_path / "limits.json").write_text(json.dumps(table({"disk_warn_percent": 70}, 1)), "utf-8")
    found = read(tmp_path / "health.env", tmp_path / "limits.json")
    assert found == Settings(
        domain="milkbot.test",
        trading_mode="demo",
        exchange_url="https://demo-api.kalshi.co/trade-api/v2",
        weather_url="https://api.weather.gov",
        postgres_unit="postgresql@15-main.service",
        trader_interval_minutes=1,
        backup_offsite=True,
        pgbackrest=True,
        drill=True,
        record=True,
        alert_on=("fail", "warn"),
        limits=Limits(disk_warn_percent=70),
    )
    assert read(tmp_path / "missing.env", tmp_path / "missing.json") == Settings()


@pytest.mark.parametrize("line", ["DRILL=true", "ANALYTICS_PORT=many"])
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, line: str) -> None:
    (tmp_path / "health.env").write_text(f"{line}\n", "utf-8")
    with pytest.raises(SettingsError, match=line.split("=", maxsplit=1)[0]):
        read(tmp_path / "health.env", tmp_path / "missing.json")


@pytest.mark.parametrize("text", ["", "[]", '{"disk_warn_percent": "a lot"}', '{"disk_warn_percent": null}'])
def test_a_table_of_limits_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "limits.json").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"limits\.json"):
        read(tmp_path / "missing.env", tmp_path / "limits.json")


@pytest.mark.parametrize("text", ["", "[]", '{"urls": 1}', '{"urls": ["hush"]}'])
def test_an_unreadable_channel_file_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "channels.json").write_text(text, "utf-8")
    with pytest.raises(SettingsError) as error:
        read_channels(tmp_path / "channels.json")
    assert "hush" not in str(error.value)


def test_a_row_is_one_printable_line_of_the_table() -> None:
    line = by_limits("disk of /var/backups/milkbot", 90, (85, 95), "90 % full", "85 %", "make room").line()
    assert line == "warn  disk of /var/backups/milkbot 90 % full (limit: 85 %)  -> make room"
    assert "->" not in ok("a", "well").line()
    assert plain("a\nb\x1b[31m\x00c" + "d" * 500) == "a b [31m c" + "d" * 230 + " ..."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (2 * DAY, "2 days")],
)
def test_a_duration_is_shown_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_the_worst_row_decides_the_result() -> None:
    rows = [Row("a", state, "") for state in (State.WARN, State.FAIL, State.OK)]
    assert (worst(rows), worst(rows[2:]), worst(rows[:1])) == (State.FAIL, State.OK, State.WARN)


def test_a_check_that_breaks_or_hangs_hides_no_other() -> None:
    def breaks(_: Host) -> list[Row]:
        raise RuntimeError("of the test")

    ended = threading.Event()

    def hangs(_: Host) -> list[Row]:
        ended.wait()
        return []

    host = Host(Settings(limits=Limits(answer_seconds=0.2)))
    found = check_everything(host, {"breaks": breaks, "hangs": hangs, "works": lambda _: [ok("a", "well")]})
    ended.set()
    assert [row.line() for row in found["works"]] == [ok("a", "well").line()]
    assert "RuntimeError: of the test" in found["breaks"][0].value
    assert found["hangs"][0].value == "cannot be judged: no end within 1.4 s"
    assert not any(row.known for name in ("breaks", "hangs") for row in found[name])


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("kind", "now", "due"),
    [
        ("daily", "2026-11-25T01:59:59Z", "2026-11-24T02:00:00Z"),
        ("daily", "2026-11-25T02:00:00Z", "2026-11-25T02:00:00Z"),
        ("weekly", "2026-11-25T12:00:00Z", "2026-11-22T03:00:00Z"),
        ("weekly", "2026-11-22T02:59:00Z", "2026-11-15T03:00:00Z"),
        ("monthly", "2026-11-25T12:00:00Z", "2026-11-01T04:00:00Z"),
        ("monthly", "2026-03-01T03:59:00Z", "2026-02-01T04:00:00Z"),
        ("monthly", "2026-01-01T04:00:00Z", "2026-01-01T04:00:00Z"),
    ],
)
def test_a_backup_is_expected_at_the_time_of_cron(kind: str, now: str, due: str) -> None:
    moment, wanted = seconds_of(now), seconds_of(due)
    assert moment is not None
    assert backups.last_due(kind, moment) == wanted


BackupRow = Callable[..., Row]


@pytest.fixture
def backup_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utc: None) -> BackupRow:
    """The daily backup's row at noon of 2026-11-25, by what the job left."""
    del utc
    monkeypatch.setattr(backups, "STATE", tmp_path)
    noon = seconds_of("2026-11-25T12:00:00Z")
    assert noon is not None
    (tmp_path / "dump").write_text("x", "utf-8")

    def judge(*, installed_days: float = 30, hours: float = 0, text: str = "", **state: Any) -> Row:
        if state or text:
            content = text or json.dumps({"result": "good", "last_good_file": str(tmp_path / "dump"), **state})
            (tmp_path / "daily.json").write_text(content, "utf-8")
        monkeypatch.setattr(Host, "installed_at", lambda _: noon - installed_days * DAY)
        host = Host(Settings(), now=noon + hours * HOUR)
        return next(row for row in backups.rows(host) if row.name == "daily backup")

    return judge


def test_a_new_host_fails_only_for_a_backup_that_was_due(backup_row: BackupRow) -> None:
    assert backup_row(installed_days=0.1).state is State.OK
    assert backup_row(installed_days=2).value == "there was never one, and one was due 10 h ago"


def test_a_late_backup_fails_its_row(backup_row: BackupRow) -> None:
    assert backup_row(last_good_at="2026-11-25T02:00:41Z").state is State.OK
    assert backup_row(last_good_at="2026-11-24T02:00:41Z").state is State.FAIL
    # At half past three the night's one has half an hour left, and yesterday's counts.
    assert backup_row(last_good_at="2026-11-24T02:00:41Z", hours=-8.5).state is State.OK
    assert backup_row(last_good_at="2026-11-23T02:00:41Z", hours=-8.5).state is State.FAIL


def test_an_unreadable_state_file_never_counts_as_good(backup_row: BackupRow) -> None:
    for text in ("{", "[]", "null"):
        assert not backup_row(text=text).known
    assert backup_row(result="good").state is State.FAIL


def test_a_deploy_lock_of_unknown_age_counts_as_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    monkeypatch.setattr(deploys, "LOCK", lock)
    assert deploys.lock_holder() is None
    lock.write_text("not ours", "utf-8")
    held = deploys.lock_holder()
    assert held == ({"run": "unknown"}, False)
    assert deploys.lock_age({}, time.time() + 100) > 99
    here = f"{Path('/proc/sys/kernel/random/boot_id').read_text('ascii').strip()}"
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    lock.write_text(json.dumps({"run": f"x:{here}:999999999:1:{namespace}"}), "utf-8")
    assert deploys.lock_holder() == ({"run": f"x:{here}:999999999:1:{namespace}"}, True)


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [(None, 7, "ok"), (7, 7, "ok"), (7, 8, "warn"), (7, 10, "fail"), (7, 0, "ok"), (7, 2, "warn")],
)
def test_only_automatic_restarts_are_counted(before: int | None, now: int, state: str) -> None:
    seen = {} if before is None else {"restarts": {"a.service": before}}
    host = Host(Settings(), Memory(seen=seen))
    row = units._restarts(host, {"a.service": now})  # noqa: SLF001
    assert row.state.value == state


@pytest.mark.parametrize(
    ("said", "state", "value"),
    [
        ("C0,x,3,1,0.000012,0,0,0,0,0,0,0,0,Normal", "ok", "synchronized, off by 0.000 s"),
        ("C0,x,3,1,-1.5,0,0,0,0,0,0,0,0,Normal", "warn", "synchronized, off by 1.500 s"),
        ("C0,x,3,1,6,0,0,0,0,0,0,0,0,Normal", "fail", "synchronized, off by 6.000 s"),
        ("0,,0,0,0,0,0,0,0,0,0,0,0,Not synchronised", "warn", "not synchronized yet"),
        ("506 Cannot talk to daemon", "warn", "cannot be judged: chronyc said 506 Cannot talk to daemon"),
    ],
)
def test_the_clocks_offset_decides_its_state(said: str, state: str, value: str) -> None:
    row = machine._chrony("clock", said, (1, 5), "", "")  # noqa: SLF001
    assert (row.state.value, row.value) == (state, value)


def test_a_certificate_that_a_busy_machine_could_not_read_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    late = Answer(124, "", "openssl: no answer within 5 s; it was stopped\n")
    monkeypatch.setattr(nginx, "run", lambda _: late)
    site = tmp_path / "site"
    site.write_text("ssl_certificate /a.pem;\nssl_certificate_key /a.key;\n", "utf-8")
    monkeypatch.setattr(paths, "NGINX_SITE", site)
    facts = Collection(Answers(nginx.questions()))
    (row,) = certificate.rows(Host(Settings(), facts=facts))
    assert (row.known, row.value) == (False, "cannot be judged: TimeoutError: openssl did not answer in time")


def test_a_domain_without_a_certificate_is_handled() -> None:
    assert endpoints._on_disk("nowhere.invalid") is None  # noqa: SLF001


@pytest.mark.parametrize(
    "unit", ["milkbot-restore-drill.service", "milkbot-trader.service", "milkbot-wal@verify.service"]
)
def test_every_units_label_fits_into_the_table(unit: str) -> None:
    assert len(units.label(unit)) <= COLUMNS
    assert unit.startswith(units.label(unit))


def test_a_timers_service_is_the_one_that_its_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "milkbot-wal-full.timer").write_text("[Timer]\nUnit=milkbot-wal@full.service\n", "utf-8")
    monkeypatch.setattr(units_of_host, "UNITS", tmp_path)
    assert units_of_host.oneshots() == ["milkbot-rollups.service", "milkbot-trader.service", "milkbot-wal@full.service"]


@pytest.mark.parametrize(
    ("server", "state", "said"),
    [
        (None, State.WARN, "the server did not say"),
        ({"checksums": "off", "damaged": 0}, State.OK, "to switch them on: postgres_checksums"),
        ({"checksums": "on", "damaged": 0}, State.OK, "on; no damaged page was read"),
        ({"checksums": "on", "damaged": 3}, State.FAIL, "3 reads found a page"),
    ],
)
def test_damaged_pages_fail_and_missing_checksums_are_only_stated(
    server: dict[str, Any] | None, state: State, said: str
) -> None:
    row = database.checksums({} if server is None else {"server": server})
    assert row.state is state
    assert said in row.value


FACTS: dict[str, dict[str, Any]] = {"states": {"rows": []}}


@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({}, State.WARN, "the books cannot be read"),
        (FACTS, State.OK, "none"),
        (FACTS | {"findings": {"count": 0, "halting": 0, "oldest": 0, "first": None}}, State.OK, "none"),
        (FACTS | {"findings": {"count": 2, "halting": 0, "oldest": 90, "first": "it"}}, State.WARN, "2, the oldest"),
        (FACTS | {"findings": {"count": 2, "halting": 1, "oldest": 90, "first": "it"}}, State.FAIL, "2, the oldest"),
    ],
)
def test_unexplained_findings_of_reconciliation_are_reported(
    facts: dict[str, dict[str, Any]], state: State, said: str
) -> None:
    row = trading.findings(facts)
    assert row.state is state
    assert said in row.value


@pytest.mark.parametrize(
    ("component", "state", "said"),
    [
        (None, State.OK, "no tick has read it yet"),
        ({"status": "ok", "message": None, "age": 90.0, "degraded": 0.0}, State.OK, "complete 90 s ago"),
        ({"status": "degraded", "message": "NYC", "age": 90.0, "degraded": 3599.0}, State.WARN, "60 min: NYC"),
        ({"status": "degraded", "message": "NYC", "age": 90.0, "degraded": 3600.0}, State.FAIL, "60 min: NYC"),
        ({"status": "degraded", "message": "NYC", "age": 90.0, "degraded": None}, State.FAIL, "2 h: NYC"),
    ],
)
def test_weather_that_the_trader_lacks_fails_after_an_hour(
    component: dict[str, Any] | None, state: State, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_700_000_000.0
    host = Host(Settings(trading_mode="demo"), now=now)
    monkeypatch.setattr(Host, "installed_at", lambda _: now - 7200)
    row = trading.weather(host, {"rows": {} if component is None else {"nws_api": component}})
    assert (row.name, row.state) == ("weather data", state)
    assert said in row.value


def test_weather_that_cannot_be_read_of_the_database_is_not_judged() -> None:
    row = trading.weather(Host(Settings()), None)
    assert (row.state, row.known) == (State.WARN, False)


NEW_YORK = {"KXHIGHNY": 6}


@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({}, State.WARN, "the books cannot be read"),
        (FACTS, State.OK, "not counted yet"),
        (FACTS | {"seen": {"expected": None, "missing": {}, "oldest": None}}, State.OK, "not counted yet"),
        (FACTS | {"seen": {"expected": 84, "missing": {}, "oldest": None}}, State.OK, "all 84 that are due"),
        (
            FACTS | {"seen": {"expected": 84, "missing": NEW_YORK, "oldest": 1800}},
            State.WARN,
            "missing for 30 min: 6 of KXHIGHNY",
        ),
        (
            FACTS | {"seen": {"expected": 84, "missing": NEW_YORK | {"KXHIGHCHI": 1}, "oldest": 1801}},
            State.FAIL,
            "1 of KXHIGHCHI, 6 of KXHIGHNY",
        ),
    ],
)
def test_markets_that_are_due_and_not_seen_warn_and_later_fail(
    facts: dict[str, dict[str, Any]], state: State, said: str
) -> None:
    row = trading.seen(Host(Settings()), facts)
    assert row.state is state
    assert said in row.value


SCORED = {
    "forecaster": "mine 3",
    "standing": None,
    "days": None,
    "unscored": None,
    "missing": 0,
    "first": None,
    "oldest": None,
}
LACKING = {"missing": 2, "first": "KXHIGHNY-26JAN01"}


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        ({"forecaster": None}, State.OK, "no forecast to score yet"),
        ({}, State.OK, "mine 3 is unproven after 0 scored days"),
        ({"standing": "better", "days": 90}, State.OK, "mine 3 is better after 90 scored days"),
        ({"standing": "worse", "days": 90}, State.WARN, "worse than the market"),
        ({"unscored": 2 * DAY}, State.OK, "unproven"),
        ({"unscored": 2 * DAY + 1}, State.WARN, "a result of 2 days ago is not scored"),
        ({**LACKING, "oldest": 2 * DAY}, State.OK, "unproven"),
        ({**LACKING, "oldest": 3 * DAY}, State.WARN, "no result of 2 events, the oldest, KXHIGHNY-26JAN01, over for"),
    ],
)
def test_skill_warns_of_missing_results_of_missing_scores_and_of_a_worse_forecaster(
    found: dict[str, Any], state: State, said: str
) -> None:
    row = trading.skill(Host(Settings()), FACTS | {"skill": SCORED | found})
    assert (row.name, row.state) == ("forecast skill", state)
    assert said in row.value
    assert bool(row.remedy) is (state is State.WARN)


def test_a_worse_forecaster_is_no_warning_where_sizes_are_not_by_evidence() -> None:
    facts = FACTS | {"skill": SCORED | {"standing": "worse", "days": 90}}
    assert trading.skill(Host(Settings(size_by_evidence=False)), facts).state is State.OK


def test_skill_of_a_release_without_scores_is_ok_and_of_no_database_not_judged() -> None:
    assert trading.skill(Host(Settings()), FACTS).state is State.OK
    assert trading.skill(Host(Settings()), {}).known is False


# Recorded, apt-get of Debian 12 and of Ubuntu 22.04 with PGDG.
UPDATES = """\
NOTE: This is only a simulation!
Inst libpq5 [15.18-0+deb12u1] (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Inst nginx [1.22.1-9] (1.22.1-9+deb12u9 Debian-Security:12/oldstable-security [amd64])
Inst tzdata [2025a-0] (2025b-0+deb12u2 Debian:12-updates/oldstable-updates [all])
Inst libssl3 [3.0.2-1] (3.0.2-1u2 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Inst postgresql-15 [15.7-1.pgdg] (15.8-1.pgdg PostgreSQL for Debian/Ubuntu repository:jammy-pgdg [amd64])
Inst libnew1 (2.0-1 Debian-Security:12/oldstable-security [amd64])
Conf libpq5 (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
"""


def test_a_security_update_is_recognized_by_its_origin() -> None:
    assert updates.read(UPDATES) == ["libpq5", "libssl3", "nginx", "postgresql-15"]
    assert updates.left_alone(updates.read(UPDATES), ["nginx", "postgresql-.*"]) == ["nginx", "postgresql-15"]


@pytest.fixture
def host_of_updates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """A host whose programs answer what is recorded; the list of what was asked."""
    asked: list[tuple[str, ...]] = []

    def answer(command: Any, _: float) -> Answer:
        asked.append(tuple(command))
        said = {"apt-get": UPDATES, "apt-config": 'Unattended-Upgrade::Package-Blacklist:: "nginx";\n'}
        return Answer(0, said[command[0]], "")

    monkeypatch.setattr(updates, "ask", answer)
    for name in ("LISTS", "INSTALLED", "STAMP"):
        (tmp_path / name).touch()
        monkeypatch.setattr(updates, name, tmp_path / name)
    return asked


def test_a_security_update_that_only_the_operator_installs_is_named(host_of_updates: list[tuple[str, ...]]) -> None:
    host = Host(Settings())
    (row,) = updates.pending(host)
    assert (row.state, row.remedy) == (State.WARN, "ansible-playbook -i INVENTORY upgrade.yml")
    assert row.value.startswith("4 pending: ")
    assert row.value.endswith("upgrade.yml alone installs nginx")
    # apt is asked again only when what is installed, or what could be, has changed.
    again = Host(Settings(), Memory(seen=host.note))
    assert list(updates.pending(again)) == [row]
    assert [command[0] for command in host_of_updates] == ["apt-get", "apt-config", "apt-config"]


def test_the_last_known_updates_are_shown_while_apt_is_too_slow(
    host_of_updates: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(Settings(unattended=False), Memory(seen={"updates": {"marks": [1.0, 2.0], "names": ["nginx"]}}))
    monkeypatch.setattr(updates, "ask", lambda *_: Answer(124, "", "apt-get: no answer within 8 s; it was stopped"))
    (row,) = updates.pending(host)
    assert (row.known, row.value) == (True, "1 pending: nginx; upgrade.yml alone installs nginx")
    assert host.note["updates"]["marks"] == [1.0, 2.0]
    (row,) = updates.pending(Host(Settings()))
    assert not row.known
    assert host_of_updates == []


@pytest.mark.parametrize(("days", "state"), [(1, State.OK), (4, State.WARN), (8, State.FAIL)])
@pytest.mark.usefixtures("host_of_updates")
def test_an_old_unattended_run_is_reported(days: int, state: State) -> None:
    known = _units(*(f"Id={timer}\nActiveState=active\nUnitFileState=enabled" for timer in APT_TIMERS))
    (row,) = updates.unattended(Host(Settings(), facts=known, now=updates.STAMP.stat().st_mtime + days * DAY))
    assert row.state is state


def test_a_timer_of_the_updates_that_is_off_fails_at_once() -> None:
    states = {"apt-daily.timer": "inactive disabled", "apt-daily-upgrade.timer": "active enabled"}
    blocks = [
        f"Id={unit}\nActiveState={a}\nUnitFileState={b}"
        for unit, (a, b) in ((unit, words.split()) for unit, words in states.items())
    ]
    (row,) = updates.unattended(Host(Settings(), facts=_units(*blocks)))
    assert row.state is State.FAIL
    assert row.value.startswith("apt-daily.timer is inactive and disabled")
    (row,) = updates.unattended(Host(Settings(unattended=False)))
    assert row.state is State.OK


def _units(*blocks: str) -> Collection:
    """systemd's answer on units."""
    return Collection({"units/properties": Answer(0, "\n\n".join(blocks))})


def _timed(now: float, started: float, state: str = "active") -> Collection:
    """systemd's answer on the timers, started `started` seconds ago, which run next in half a minute."""

    def said(seconds: float) -> str:
        return time.strftime("%a %Y-%m-%d %H:%M:%S.000000 UTC", time.gmtime(now + seconds))

    known = f"ActiveState={state}\nActiveEnterTimestamp={said(-started)}\nNextElapseUSecRealtime={said(30)}\n"
    return _units(*(f"Id=milkbot-{name}.timer\n{known}" for name in ("trader", "rollups")))


@pytest.mark.parametrize(
    ("started", "state", "judged"),
    [(20, "active", "ok"), (899, "active", "ok"), (1000, "active", "fail"), (20, "inactive", "fail")],
)
@pytest.mark.parametrize("name", ["last tick", "last rollup"])
def test_nothing_is_late_before_it_was_due_since_its_timer_started(
    started: float, state: str, judged: str, name: str
) -> None:
    now = 1_700_000_000.0
    facts: dict[str, dict[str, Any]] = {
        "states": {"rows": []},
        "unknown": {"count": 0},
        "tick": {"age": 7200.0, "outcome": "completed", "message": None},
        "rollup": {"age": 7200.0},
    }
    settings = Settings(trading_mode="demo", rollups_interval_minutes=5)
    host = Host(settings, now=now, facts=_timed(now, started, state))
    (row,) = [row for row in trading.rows(host, facts) if row.name == name]
    assert row.state.value == judged
    if judged == "ok":
        assert "was started" in row.value
        assert "the next run in 30 s" in row.value


def test_a_failed_tick_does_not_fail_the_timers_row() -> None:
    now = 1_700_000_000.0
    failed = {"age": 10.0, "outcome": "failed", "message": "no exchange"}
    facts: dict[str, dict[str, Any]] = {"states": {"rows": []}, "unknown": {"count": 0}, "tick": failed}
    (row,) = [
        row for row in trading.rows(Host(Settings(), now=now, facts=_timed(now, 20)), facts) if row.name == "last tick"
    ]
    assert row.state is State.FAIL


def _of_the_world(check: str, url: str) -> Row:
    settings = Settings(exchange_url=url, weather_url=url, limits=Limits(answer_seconds=2))
    (row,) = CHECKS[check](Host(settings))
    return row


@pytest.mark.parametrize("check", ["exchange", "weather service"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/trade-api/v2", "127.0.0.1 is not reached: curl: (7)"),
        ("http://nowhere.invalid/trade-api/v2", "nowhere.invalid is not reached: "),
    ],
)
def test_an_unreachable_service_is_reported_before_any_tick(check: str, url: str, said: str) -> None:
    row = _of_the_world(check, url)
    assert (row.name, row.state) == (check, State.WARN)
    assert row.value.startswith(said)
    assert url in row.remedy


@pytest.mark.parametrize(("status", "state"), [(200, State.OK), (403, State.OK), (503, State.WARN)])
def test_an_exchange_is_reachable_whatever_its_answer(status: int, state: State) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing on the test's own streams."""

    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        row = _of_the_world("exchange", f"http://127.0.0.1:{server.server_port}/trade-api/v2/")
        server.shutdown()
        thread.join()
    assert (row.state, asked) == (state, ["/trade-api/v2/exchange/status"])
    assert str(status) in row.value


def test_a_host_without_an_exchange_has_no_row_of_it() -> None:
    checks = {name: CHECKS[name] for name in ("exchange", "weather service")}
    assert check_everything(Host(Settings()), checks) == {"exchange": [], "weather service": []}
