"""A second module that knows the HTTP library escapes the order path's rules, and makes a change of it a hunt."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import milkbot

CODE = Path(milkbot.__file__).parent
DOOR = Path("http.py")
# The login passes requests on to the operator's page, by a Unix socket: it has no network, and no order to send.
FORWARDS = Path("operate/login.py")
CLIENTS = frozenset({"httpx2", "httpcore2", "httpx", "requests", "urllib3", "aiohttp", "urllib.request", "http.client"})


def imported(source: str) -> Iterator[str]:
    """Each module that a source imports, in any form, with its parents."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def test_only_one_module_sends_requests_out_of_the_host() -> None:
    found = {path.relative_to(CODE) for path in CODE.rglob("*.py") if CLIENTS & {*imported(path.read_text("utf-8"))}}
    assert found == {DOOR, FORWARDS}


@pytest.mark.parametrize(
    "source",
    [
        "import httpx2",
        "import urllib.request as web",
        "from http import client",
        "def late():\n    from requests.adapters import HTTPAdapter",
    ],
)
def test_an_import_is_found_in_every_form(source: str) -> None:
    assert CLIENTS & {*imported(source)}
