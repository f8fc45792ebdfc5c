"""Packages with a forecaster of their own, as an installer leaves them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from milkbot.domain import forecasters

BODY = """
class Own:
    name = {name!r}
    version = "3"
    parameters = {parameters}
    needs_weather = False

    def forecast(self, inputs):
        return [1.0] * len(inputs.brackets)
"""


class Install(Protocol):
    """Puts a package with one forecaster where Python finds it."""

    def __call__(self, name: str, body: str, package: str = "own_package") -> None: ...


@contextmanager
def installable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Packages as an installer leaves them: a module, and its metadata with the entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def put(name: str, body: str, package: str = "own_package") -> None:
        (tmp_path / f"{package}.py").write_text(body, "utf-8")
        metadata = tmp_path / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
        entry = f"[{forecasters.GROUP}]\n{name} = {package}:Own\n"
        (metadata / "entry_points.txt").write_text(entry, "utf-8")
        forecasters.installed.cache_clear()

    yield put
    forecasters.installed.cache_clear()
    for package in ("own_package", "other_package"):
        sys.modules.pop(package, None)
