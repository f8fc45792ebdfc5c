"""The analytics service on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from tests.postgres import TestDatabase

from milkbot.analytics.service import application
from milkbot.analytics.service.application import create_app


@pytest.fixture
def client(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of the service that keeps no answer, so that each request reads the database."""
    monkeypatch.setattr(application, "CACHE_SECONDS", 0)
    with TestClient(create_app(database.engine("milkbot_api")), raise_server_exceptions=False) as serving:
        yield serving
