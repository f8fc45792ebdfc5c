"""The service keeps what its description promises, for requests that nobody thought of (Schemathesis)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from tests.facts import Facts, hours_ago, market
from tests.postgres import Cluster

from milkbot.analytics import openapi
from milkbot.analytics.service.application import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
PATHS = json.loads(openapi.text())["paths"]
# Without parameters there is nothing that a request could break.
WAYS = [(path, GenerationMode.POSITIVE) for path in PATHS]
WAYS += [(path, GenerationMode.NEGATIVE) for path in PATHS if "parameters" in PATHS[path]["get"]]


@pytest.fixture(scope="module")
def app(cluster: Cluster) -> Iterator[FastAPI]:
    """The service over a ledger that holds something."""
    with cluster.database() as database:
        facts = Facts(database.engine())
        facts.tick(hours_ago(0.1), finished=hours_ago(0.1), outcome="completed")
        facts.fill(market("NYC", hours_ago(9).date()), hours_ago(9))
        yield create_app(database.engine("milkbot_api"))


@pytest.mark.parametrize(("path", "mode"), WAYS)
def test_answers_are_as_described(app: FastAPI, path: str, mode: GenerationMode) -> None:
    """Positive requests keep to the description, negative ones break it in some way and are refused."""
    described = schemathesis.openapi.from_asgi("/v1/openapi.json", app)
    requests = described[path]["GET"].as_strategy(generation_mode=mode)

    @given(requests)
    @settings(max_examples=10, derandomize=True, database=None, phases=[Phase.generate])
    def ask(case: Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()
