"""Every route that either SDK can call is served, or docs/simulator.md says why it is not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.openapi import nameless
from tests.unit.simulator.api import served

from milkbot.simulator.server import EXCHANGE_PREFIX, build_app

DOCUMENT = Path(__file__).parents[2] / "docs/simulator.md"
HEADING = "| not served | why |"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Method and path of each route, and each path alone."""
    with served(tmp_path_factory.mktemp("state")) as api:
        paths = build_app(api.simulator).openapi()["paths"]
    plain = {path: nameless(path.removeprefix(EXCHANGE_PREFIX)) for path in paths}
    return {f"{method.upper()} {plain[path]}" for path in paths for method in paths[path]} | set(plain.values())


def sources(package: str) -> Iterator[str]:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        yield inspect.getsource(importlib.import_module(f"{package}.{module.name}"))


def official_routes() -> set[str]:
    found = (
        re.findall(r"method='(\w+)',\s*resource_path='([^']+)'", source) for source in sources("kalshi_python_sync.api")
    )
    return {f"{method} {nameless(path)}" for rows in found for method, path in rows}


def pykalshi_paths() -> set[str]:
    found = (re.findall(r'"(/[a-z_]+/?[^"?\s]*)[?"]', source) for source in sources("pykalshi._sync"))
    return {nameless(path) for rows in found for path in rows}


def unserved_by_document() -> list[str]:
    table = DOCUMENT.read_text("utf-8").partition(HEADING)[2].partition("\n\n")[0]
    first_cells = "".join(row.split("|")[1] for row in table.splitlines() if row)
    return [nameless(path) for path in re.findall(r"`(/[^`]+)`", first_cells)]


def test_a_route_of_an_sdk_is_served_or_named_in_the_document(ours: set[str]) -> None:
    official, other = official_routes(), pykalshi_paths()
    assert len(official) > 90
    assert len(other) > 40
    missing = {route.split()[-1] for route in (official | other) - ours}
    named = unserved_by_document()
    assert {path for path in missing if not path.startswith(tuple(named))} == set()
    assert [name for name in named if not any(path.startswith(name) for path in missing)] == []


def test_what_the_exchange_took_away_has_no_route(ours: set[str]) -> None:
    gone = {"POST /portfolio/orders", "POST /portfolio/orders/batched", "DELETE /portfolio/orders/{}"}
    assert not ours & {*gone, "/portfolio/orders/{}/amend", "/portfolio/orders/{}/decrease", "/exchange/announcements"}
