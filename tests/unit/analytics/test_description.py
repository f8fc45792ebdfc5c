"""The description in the repository is that of the code, and the page of the API lists its routes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from milkbot.analytics import openapi

DOCS = Path(__file__).resolve().parents[3] / "docs"
COMMAND = "PYTHONPATH=app python -m milkbot.analytics.openapi >docs/openapi.json"
DOCUMENT: dict[str, Any] = json.loads(openapi.text())


def test_the_document_in_the_repository_is_that_of_the_code() -> None:
    kept = (DOCS / "openapi.json").read_text("utf-8")
    assert kept == openapi.text(), f"write it again with: {COMMAND}"


def test_the_page_lists_every_route_with_its_parameters_and_no_other() -> None:
    listed = dict(re.findall(r"^\| `(/v1/[^`]+)` \| ([^|]*) \|", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE))
    routes = {
        path: ", ".join(f"`{one['name']}`" for one in methods["get"].get("parameters", ()))
        for path, methods in DOCUMENT["paths"].items()
    }
    assert {path: names.strip() for path, names in listed.items()} == routes


def test_errors_are_described_as_what_they_are() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for status, answer in methods["get"]["responses"].items():
            if status != "200" and not (path == "/v1/health" and status == "503"):
                assert list(answer["content"]) == ["application/problem+json"], f"{path} {status}"
    assert "Problem" in DOCUMENT["components"]["schemas"]
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_route_and_parameter_says_what_it_is(path: str) -> None:
    route = DOCUMENT["paths"][path]["get"]
    assert route["description"]
    assert [one["name"] for one in route.get("parameters", ()) if not one.get("description")] == []


def test_numbers_of_an_answer_say_their_unit() -> None:
    """Money and degrees without a unit are guessed."""
    silent = [
        f"{name}.{field}"
        for name, model in DOCUMENT["components"]["schemas"].items()
        for field, schema in model.get("properties", {}).items()
        if field.endswith(("_f", "pnl", "fees", "price", "cost"))
        and not any("description" in one for one in (schema, *schema.get("anyOf", ())))
    ]
    assert silent == []
