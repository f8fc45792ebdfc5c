"""The module that brings Streamlit's files to where nginx sends them from, run as Ansible runs it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask

MODULE = "release/library/release_frontend.py"
SCRIPT = "export const text = 'again and again';\n" * 100


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A release's environment with a script, a font and a small script."""
    static = tmp_path / "venv/lib/python3.11/site-packages/streamlit/static/static"
    (static / "js").mkdir(parents=True)
    (static / "js/page.js").write_text(SCRIPT, encoding="utf-8")
    (static / "js/small.js").write_text("1", encoding="utf-8")
    (static / "font.woff2").write_bytes(bytes(5000))
    return tmp_path / "venv"


def _files(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}


def test_each_file_is_there_and_each_large_text_also_compressed(environment: Path, tmp_path: Path) -> None:
    done = ask(MODULE, environment=str(environment), destination=str(tmp_path / "web"))
    assert (done["changed"], done["files"]) == (True, 3)
    names = {"static/js/page.js", "static/js/page.js.gz", "static/js/small.js", "static/font.woff2"}
    assert _files(tmp_path / "web") == names
    assert gzip.decompress((tmp_path / "web/static/js/page.js.gz").read_bytes()).decode() == SCRIPT


def test_a_second_run_changes_nothing_and_finishes_what_a_killed_one_left(environment: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"environment": str(environment), "destination": str(tmp_path / "web")}
    ask(MODULE, **arguments)
    assert ask(MODULE, **arguments)["changed"] is False
    (tmp_path / "web/static/js/page.js.gz").unlink()
    (tmp_path / "web/static/js/.page.js.gz.new").write_bytes(b"half")
    assert ask(MODULE, **arguments)["changed"] is True
    assert ".new" not in "".join(_files(tmp_path / "web"))


def test_a_release_without_streamlit_has_none(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    done = ask(MODULE, environment=str(tmp_path / "venv"), destination=str(tmp_path / "web"))
    assert (done["changed"], done["files"]) == (False, 0)
