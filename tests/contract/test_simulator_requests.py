"""The simulated exchange answers requests that nobody thought of: those that the exchange's own document allows, and
those that it does not (Schemathesis makes them of it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core import NotSet
from tests.contract.openapi import SPEC, ExchangeDocument, nameless
from tests.unit.simulator.api import Api, served

from milkbot.simulator.server import EXCHANGE_PREFIX, build_app


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("state")) as api:
        yield api


@pytest.fixture(scope="module")
def described(shared_data: Path) -> dict[str, Any]:
    whole: dict[str, Any] = yaml.load((shared_data / SPEC).read_text("utf-8"), Loader=yaml.CSafeLoader)
    return whole


def _names(api: Api) -> dict[str, str]:
    """What a path may name, so that some requests find something."""
    ticker = api.liquid_market()["ticker"]
    order = api.order(ticker=ticker, client_order_id=f"named-{api.now.timestamp()}")
    group = api.ask("POST", "/portfolio/order_groups/create", json={"contracts_limit": 50})
    return {
        "ticker": ticker,
        "event_ticker": ticker.rpartition("-")[0],
        "series_ticker": ticker.partition("-")[0],
        "order_id": order.json()["order_id"],
        "order_group_id": group.json()["order_group_id"],
    }


def _no_names(_: Api) -> dict[str, str]:
    return {}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_any_request_gets_an_answer_of_the_document(
    api: Api, described: dict[str, Any], shared_data: Path, mode: GenerationMode
) -> None:
    document = ExchangeDocument(shared_data / SPEC)
    schema = schemathesis.openapi.from_dict(described)
    routes = build_app(api.simulator).openapi()["paths"]
    ours = {
        (nameless(path.removeprefix(EXCHANGE_PREFIX)), method) for path, found in routes.items() for method in found
    }
    seen: Counter[int] = Counter()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if (nameless(path), method) in ours and (
                mode is GenerationMode.POSITIVE or _breakable(described, operation)
            ):
                requests = schema[path][method.upper()].as_strategy(generation_mode=mode)
                seen += _answers(api, document, path, requests)
    assert sum(seen.values()) > 300
    assert {200, 400, 404} <= seen.keys()


def _breakable(described: dict[str, Any], operation: dict[str, Any]) -> bool:
    """Whether a request can be other than the document allows: a path's names are any text."""
    named = described["components"]["parameters"]
    given = [named[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in operation.get("parameters", ())]
    return "requestBody" in operation or any(one["in"] == "query" for one in given)


def _answers(api: Api, document: ExchangeDocument, path: str, requests: st.SearchStrategy[Case[Any]]) -> Counter[int]:
    """The statuses of what was answered, each answer as the document has it."""
    seen: Counter[int] = Counter()

    @given(requests, st.sampled_from([_names, _no_names]))
    @settings(max_examples=8, derandomize=True, database=None, phases=[Phase.generate])
    def ask(case: Case[Any], names: Callable[[Api], dict[str, str]]) -> None:
        api.tick(seconds=5)
        if case.path_parameters:
            case.path_parameters = {**case.path_parameters, **names(api)}
        body: dict[str, Any] = {}
        if not isinstance(case.body, NotSet):
            # Where the body breaks the document it may be no JSON.
            body = {"content" if isinstance(case.body, bytes) else "json": case.body}
        reply = api.ask(case.method, case.formatted_path, params=case.query or None, **body)
        seen[reply.status_code] += 1
        assert reply.status_code < 500
        if reply.status_code in (200, 201):
            assert document.problems(case.method, path, reply.status_code, reply.json()) == []
        else:
            assert reply.json()["error"]

    ask()
    return seen
