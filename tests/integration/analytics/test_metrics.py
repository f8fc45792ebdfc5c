"""The metrics of the service and the rollups for Prometheus, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.facts import Facts, hours_ago, market
from tests.metrics import samples
from tests.postgres import TestDatabase

from milkbot.analytics import metrics
from milkbot.analytics.rollups import RollupReport, run_rollups
from milkbot.analytics.service.application import create_app
from milkbot.db.session import DatabaseAddress, make_engine
from milkbot.release import release_id

# Where no database answers.
NOBODY = DatabaseAddress("127.0.0.1", 1, "milkbot", "nobody", None)


@pytest.fixture
def client(database: TestDatabase) -> Iterator[TestClient]:
    """A client of a service that was asked nothing yet."""
    with TestClient(create_app(database.engine("milkbot_api")), raise_server_exceptions=False) as serving:
        yield serving


def _metrics(client: TestClient) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return samples(answer.text)


def test_a_request_is_counted_by_its_route_and_status(client: TestClient) -> None:
    for path in ("/v1/health", "/v1/trades/recent?limit=5", "/v1/trades/recent?limit=6", "/v1/trades/recent?limit=0"):
        client.get(path)
    found = _metrics(client)
    assert found['milkbot_api_requests_total{route="/v1/health",status="200"}'] == 1
    assert found['milkbot_api_requests_total{route="/v1/trades/recent",status="200"}'] == 2
    assert found['milkbot_api_requests_total{route="/v1/trades/recent",status="422"}'] == 1
    assert found['milkbot_api_request_seconds_count{route="/v1/trades/recent"}'] == 3
    assert found['milkbot_api_request_seconds_bucket{le="+Inf",route="/v1/trades/recent"}'] == 3
    assert found["milkbot_api_requests_in_progress"] == 0
    assert found[f'milkbot_build_info{{component="api",release="{release_id()}"}}'] == 1


def test_unknown_paths_create_no_new_series(client: TestClient) -> None:
    for number in range(50):
        client.get(f"/v1/none/{number}")
        client.request(f"M{number}", "/v1/health")
    requests = {name: v for name, v in _metrics(client).items() if name.startswith("milkbot_api_requests_total")}
    assert sum(requests.values()) == 100
    assert len(requests) == 2


def test_requests_for_metrics_are_not_counted(client: TestClient) -> None:
    _metrics(client)
    assert not [name for name in _metrics(client) if "/metrics" in name]


def test_metrics_are_not_served_through_the_proxy(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 404
    assert "milkbot_" not in answer.text


def test_metrics_are_not_in_the_openapi_description(client: TestClient) -> None:
    assert "/metrics" not in client.get("/v1/openapi.json").json()["paths"]


def test_an_internal_error_is_counted_as_500(database: TestDatabase) -> None:
    app = create_app(database.engine("milkbot_api"))

    @app.get("/v1/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/v1/broken").status_code == 500
        assert _metrics(client)['milkbot_api_requests_total{route="/v1/broken",status="500"}'] == 1


def test_the_connections_of_the_pool_are_counted(client: TestClient, database: TestDatabase) -> None:
    client.get("/v1/metrics/hero")
    found = _metrics(client)
    assert found['milkbot_api_database_connections{use="idle"}'] == 1
    assert found['milkbot_api_database_connections{use="in_use"}'] == 0
    engine = database.engine("milkbot_api")
    with TestClient(create_app(engine)) as other, engine.connect():
        assert _metrics(other)['milkbot_api_database_connections{use="in_use"}'] == 1


def test_metrics_are_served_without_a_database() -> None:
    nowhere = make_engine(NOBODY, application="test")
    with TestClient(create_app(nowhere)) as client:
        assert client.get("/v1/health").status_code == 503
        assert _metrics(client)['milkbot_api_requests_total{route="/v1/health",status="503"}'] == 1


def test_the_metrics_of_the_rollups_equal_their_rows(database: TestDatabase, tmp_path: Path) -> None:
    facts = Facts(database.engine())
    day = hours_ago(30).date()
    facts.fill(market("NYC", day), hours_ago(30))
    facts.settle(market("NYC", day), hours_ago(3), yes=True)
    facts.fill(market("CHI", day), hours_ago(0.5))
    engine = database.engine("milkbot_rollups")
    report = run_rollups(engine, bankroll=Decimal("992.10"))
    metrics.publish(tmp_path, engine, report)
    found = samples((tmp_path / metrics.FILE).read_text("utf-8"))
    assert found['milkbot_realized_dollars{mode="demo"}'] == pytest.approx(5.83)
    assert found['milkbot_high_water_mark_dollars{mode="demo"}'] == pytest.approx(992.10 + 5.83, abs=0.2)
    assert found['milkbot_rollups_buckets{bucket="equity"}'] == report.equity_days
    assert found["milkbot_rollups_waiting_buckets"] > 0


def test_rollups_write_their_run_metrics_without_a_database(tmp_path: Path) -> None:
    nowhere = make_engine(NOBODY, application="test")
    metrics.publish(tmp_path, nowhere, RollupReport(1, 1, 1, 0))
    found = samples((tmp_path / metrics.FILE).read_text("utf-8"))
    assert set(found) == {
        "milkbot_rollups_completed_timestamp_seconds",
        *(f'milkbot_rollups_buckets{{bucket="{bucket}"}}' for bucket in ("city", "strategy", "equity")),
    }
