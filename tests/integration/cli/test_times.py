"""Times are UTC whatever the zone of the host, of the caller and of PostgreSQL is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tests.cli import Done, finished, start_milkbot
from tests.exchange import Keys, environment
from tests.facts import Facts
from tests.postgres import TestDatabase

from milkbot_hostcheck import collection
from milkbot_hostcheck.asking import Ask
from milkbot_hostcheck.checks import certificate
from milkbot_hostcheck.collect import database as asked_of_database

ZONES = ["Europe/Berlin", "America/New_York"]
STARTED = datetime(2026, 7, 3, 16, 0, 5, tzinfo=UTC)

Run = Callable[..., Done]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, database: TestDatabase) -> str:
    """The zone of a host: also the one that its PostgreSQL was installed with."""
    name = str(request.param)
    with database.engine().begin() as connection:
        connection.execute(text(f"ALTER DATABASE {database.name} SET timezone = '{name}'"))
    Facts(database.engine()).tick(STARTED, finished=STARTED, outcome="completed")
    return name


@pytest.fixture
def run(zone: str, keys: Keys, database: TestDatabase) -> Run:
    """Run `milkbot ARGUMENTS` as a process of that host."""
    known = environment("http://127.0.0.1:1", keys, database, role="milkbot", TZ=zone)
    return lambda *arguments: finished(start_milkbot(known, *arguments))


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process in a zone with summer time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def test_state_shows_utc_on_a_host_in_another_zone(run: Run) -> None:
    (newest,) = [row for row in json.loads(run("state", "--json").out) if row["what"] == "newest tick"]
    assert newest["since"] == "2026-07-03 16:00:05Z"


def test_resume_shows_the_times_of_a_hold_in_utc(run: Run) -> None:
    before = datetime.now(UTC)
    assert run("halt", "--reason", "storm").code == 0
    said = run("resume", "--reason", "it passed").out
    found = re.search(r"since (\S+ \S+) UTC: storm", said)
    assert found is not None, said
    since = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert abs(since - before) < timedelta(minutes=2)


def test_diagnose_reads_database_times_in_utc(zone: str, database: TestDatabase) -> None:
    assert zone in ZONES
    (asked,) = [one for one in asked_of_database.questions() if isinstance(one, Ask) and one.name == "postgres/ticks"]
    query = asked.command[-1]
    command = ["psql", "-XqAt", f"--host={database.socket_directory}", f"--dbname={database.name}", "-c", query]
    variables = {**os.environ, **asked.environment, "PGUSER": "milkbot"}
    answer = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    started = json.loads(answer.stdout)["started_at"]
    assert collection.seconds_of(started) == STARTED.timestamp()


@pytest.mark.parametrize(
    "moment", ["2026-07-03T16:00:05Z", "2026-07-03 16:00:05", "2026-07-03T18:00:05.25+02:00", "2026-07-03 12:00:05-04"]
)
@pytest.mark.usefixtures("at_home")
def test_a_time_with_an_offset_is_converted(moment: str) -> None:
    assert collection.seconds_of(moment) == STARTED.timestamp()


@pytest.mark.usefixtures("at_home")
def test_the_expiry_of_a_certificate_is_read_as_gmt_in_summer_too() -> None:
    row = {"details": "notAfter=Jul  3 16:00:05 2026 GMT"}
    assert certificate.date(row["details"], "notAfter") == STARTED.timestamp()
