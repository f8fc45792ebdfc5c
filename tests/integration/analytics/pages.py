"""The pages' client, which asks the real service on a test's database in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from tests.postgres import TestDatabase

from milkbot.analytics.service.application import create_app
from milkbot.dashboard.api_client import AnalyticsApi


@contextmanager
def served(database: TestDatabase) -> Iterator[AnalyticsApi]:
    """While it lasts, every client that the pages make asks this service."""
    made = httpx2.Client
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        TestClient(create_app(database.engine("milkbot_api"))) as client,
    ):

        def answer(request: httpx2.Request) -> httpx2.Response:
            given = client.get(request.url.raw_path.decode())
            return httpx2.Response(given.status_code, content=given.content)

        def connected(**options: Any) -> httpx2.Client:
            return made(**{**options, "transport": httpx2.MockTransport(answer)})

        monkeypatch.setattr(httpx2, "Client", connected)
        yield AnalyticsApi("http://api.test")
