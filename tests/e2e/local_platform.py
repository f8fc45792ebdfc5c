"""The analytics service and the dashboard as processes on loopback, over a real database with test facts."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
from tests.facts import Facts, hours_ago, market
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.domain.cities import cities
from milkbot.domain.orders import BookSide
from milkbot_hostcheck.settings import table

UVICORN = Path(sys.executable).with_name("uvicorn")


@dataclass(slots=True)
class Service:
    """A program under uvicorn on a socket that it inherits, as under systemd: it may stop and come back."""

    listening: socket.socket
    module: str
    environment: dict[str, str]
    health: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def start(self) -> None:
        """Start it, and wait until it is healthy."""
        number = self.listening.fileno()
        os.set_inheritable(number, True)
        self.process = subprocess.Popen(
            [UVICORN, "--fd", str(number), "--no-access-log", self.module],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": "app", **self.environment},
            pass_fds=[number],
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.module} ended with {self.process.returncode}")
            if httpx2.get(self.url + self.health, timeout=PATIENCE).status_code == httpx2.codes.OK:
                return
            time.sleep(0.2)
        raise RuntimeError(f"{self.module} is not healthy after {PATIENCE} seconds")

    def stop(self) -> None:
        """End it; its socket keeps listening, so connections wait."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE)
            self.process = None


@dataclass(slots=True)
class Platform:
    """Both services."""

    api: Service
    dashboard: Service


@contextmanager
def running_platform(database: TestDatabase, home: Path, *, refresh_seconds: int = 2) -> Iterator[Platform]:
    """Both services, started; stopped at the end. What is late is so by the limits of a host of the defaults."""
    limits = home / "limits.json"
    limits.write_text(json.dumps(table({})), "utf-8")
    with ExitStack() as stack:
        api = Service(
            stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            "tests.e2e.limited_api:app",
            {
                **database.environment("milkbot_api"),
                "LOG_LEVEL": "WARNING",
                "PYTHONPATH": os.pathsep.join(("app", ".")),
                "MILKBOT_TEST_LIMITS": str(limits),
            },
            "/v1/health",
        )
        dashboard = Service(
            stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            "milkbot.dashboard.asgi:app",
            {
                "ANALYTICS_API_URL": api.url,
                "DASH_REFRESH_SEC": str(refresh_seconds),
                "HOME": str(home),
                "LOG_LEVEL": "WARNING",
            },
            "/_stcore/health",
        )
        for service in (api, dashboard):
            stack.callback(service.stop)
            service.start()
        yield Platform(api, dashboard)


def write_a_month(database: TestDatabase, *, mode: str = "demo", days: int = 30) -> None:
    """Facts of a month: two cities a day, most of them won, all as old as they may be public, and one that is not."""
    facts = Facts(database.engine(), mode=mode)
    draw = random.Random(20261123)
    codes = [city.code for city in cities()]
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    facts.balance("992.10", today - timedelta(days=days))
    for ago in range(days - 1, 0, -1):
        opened = today - timedelta(days=ago) + timedelta(hours=draw.uniform(13, 20))
        for code in draw.sample(codes, 2):
            ticker = market(code, opened.date(), f"B{draw.randint(38, 75)}.5")
            side = draw.choice([BookSide.BID, BookSide.ASK])
            cents = draw.randint(22, 61)
            price = Decimal(cents if side is BookSide.BID else 100 - cents) / 100
            count = draw.randint(6, 40)
            fee = (Decimal("0.07") * count * price * (1 - price)).quantize(Decimal("0.000001"))
            facts.fill(ticker, opened, side=side, count=str(count), price=str(price), fee=str(fee))
            if ago > 1:
                won = draw.random() < cents / 100 + 0.07
                facts.settle(ticker, opened + timedelta(hours=18), yes=won == (side is BookSide.BID))
    # What was forecast for New York, and what was too lately to be shown.
    new_york = next(city for city in cities() if city.code == "NYC")
    event = market("NYC", new_york.climate_day_at(hours_ago(1.2))).rsplit("-", 1)[0]
    chances = {"L50": 0.02, "B50.5": 0.09, "B52.5": 0.34, "B54.5": 0.38, "B56.5": 0.14, "T57": 0.03}
    seen = {"forecast_high_f": 54, "observed_max_f": 51.1}
    facts.forecast(event, hours_ago(1.2), chances, weather=seen)
    facts.forecast(event, hours_ago(0.5), dict.fromkeys(chances, 1 / 6), weather=seen | {"forecast_high_f": 66})
    facts.fill(market("DEN", today.date(), "T46"), hours_ago(0.4), count="11")
    facts.tick(hours_ago(0.02), finished=hours_ago(0.01), outcome="ok")
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal("992.10"))
