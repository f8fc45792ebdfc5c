"""The module that installs many files in one round trip, run as Ansible runs it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask

OWNER = "root"

pytestmark = pytest.mark.usefixtures("_as_root")


@pytest.fixture
def _as_root(tmp_path: Path) -> None:
    if tmp_path.owner() != OWNER:
        pytest.skip("only root may give files away; run the tests with sudo")


def _install(*files: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return ask("milkbot/library/install_files.py", check=check, files=list(files))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    directory, file = tmp_path / "etc", tmp_path / "etc/settings"
    wanted = ({"path": str(directory), "mode": "0750"}, {"path": str(file), "content": "a\n", "mode": "0600"})
    assert _install(*wanted)["changed_paths"] == [str(directory), str(file)]
    assert (_mode(directory), _mode(file), file.read_text("utf-8")) == (0o750, 0o600, "a\n")
    assert _install(*wanted)["changed"] is False


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    answer = _install({"path": str(file), "content": "a\n"}, {"path": str(tmp_path / "no/such")}, check=True)
    assert answer["changed"] is True
    assert answer["diff"][0]["after"] == "a\n"
    assert list(tmp_path.iterdir()) == []


def test_a_changed_mode_is_set_again(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    _install({"path": str(file), "content": "a\n", "mode": "0600"})
    file.chmod(0o644)
    answer = _install({"path": str(file), "content": "a\n", "mode": "0600"})
    assert answer["changed_paths"] == [str(file)]
    assert answer["diff"] == []
    assert _mode(file) == 0o600


def test_a_file_that_fails_validation_is_not_installed(tmp_path: Path) -> None:
    file = tmp_path / "site.conf"
    file.write_text("good\n", "utf-8")
    answer = _install({"path": str(file), "content": "bad\n", "validate": "grep -q good %s"})
    assert answer["failed"] is True
    assert str(file) in answer["msg"]
    assert file.read_text("utf-8") == "good\n"


def test_a_log_keeps_its_lines(tmp_path: Path) -> None:
    log = tmp_path / "trader.log"
    _install({"path": str(log), "touch": True, "mode": "0640"})
    log.write_text("a line\n", "utf-8")
    assert _install({"path": str(log), "touch": True, "mode": "0640"})["changed"] is False
    assert log.read_text("utf-8") == "a line\n"


def test_a_script_with_cr_in_it_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    script = {"path": str(tmp_path / "run.sh"), "content": "#!/bin/sh\r\ntrue\r\n"}
    answer = _install({"path": str(tmp_path / "first"), "content": "one"}, script)
    assert answer["failed"] is True
    assert f"lines end in CR LF in {tmp_path}/run.sh" in answer["msg"]
    assert "core.autocrlf" in answer["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_lines_end_in_cr_lf_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(b"#!/bin/sh\r\ntrue\r\n")
    assert _install({"path": str(path), "content": "#!/bin/sh\ntrue\n"})["changed"] is True
    assert path.read_bytes() == b"#!/bin/sh\ntrue\n"
