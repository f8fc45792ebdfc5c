"""The module by which files of nginx go live, with a program instead of nginx that refuses one word."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import plugin

MODULE = "milkbot/library/nginx_files.py"
NGINX_FILES = plugin(MODULE)
MARK = "# Milkbot: was 768"
PROGRAM = """#!/bin/sh
[ "$*" = "-t -q" ] || exit 9
place=$(grep -rn "{word}" {directory} --exclude-dir=sites-available --dereference-recursive | head -n 1 | cut -d: -f1,2)
[ -z "$place" ] || {{ echo "nginx: [emerg] {word} in $place" >&2; exit 1; }}
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has mount namespaces; run the tests with sudo")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A directory as the distribution makes it, with its site and one of the operator's."""
    directory = tmp_path / "nginx"
    for name in ("sites-available", "sites-enabled", "conf.d"):
        (directory / name).mkdir(parents=True)
    (directory / "nginx.conf").write_text("events {\n\tworker_connections 768;\n}\n", "utf-8")
    for name in ("default", "shop"):
        (directory / "sites-available" / name).write_text(f"server {{\n    # {name}\n}}\n", "utf-8")
        (directory / "sites-enabled" / name).symlink_to(directory / "sites-available" / name)
    _refuse(tmp_path, "broken")
    return directory


def _refuse(tmp_path: Path, word: str) -> None:
    program = tmp_path / "program"
    program.write_text(PROGRAM.format(word=word, directory=tmp_path / "nginx"), "utf-8")
    program.chmod(0o755)


def _install(etc: Path, site: str = "server {}\n", *, check: bool = False) -> dict[str, Any]:
    return ask(
        MODULE,
        check=check,
        directory=str(etc),
        program=str(etc.parent / "program"),
        worker_connections=16384,
        absent=[str(etc / "sites-enabled/default")],
        files=[{"path": str(etc / "sites-available/milkbot.conf"), "content": site}],
        links={str(etc / "sites-enabled/milkbot.conf"): str(etc / "sites-available/milkbot.conf")},
    )


def _state(etc: Path) -> dict[str, str]:
    """Every file and link, with what is in it."""
    found = {}
    for path in sorted(etc.rglob("*")):
        if path.is_symlink() or path.is_file():
            found[str(path.relative_to(etc))] = str(path.readlink()) if path.is_symlink() else path.read_text("utf-8")
    return found


def test_the_site_replaces_the_distributions_and_a_second_run_changes_nothing(etc: Path) -> None:
    assert len(_install(etc)["changed_paths"]) == 4
    assert sorted(path.name for path in (etc / "sites-enabled").iterdir()) == ["milkbot.conf", "shop"]
    assert f"\tworker_connections 16384; {MARK}\n" in (etc / "nginx.conf").read_text("utf-8")
    before = _state(etc)
    assert _install(etc)["changed"] is False
    assert _state(etc) == before


def test_a_mode_that_was_changed_is_set_again(etc: Path) -> None:
    _install(etc)
    site = etc / "sites-available/milkbot.conf"
    site.chmod(0o666)
    assert _install(etc)["changed_paths"] == [str(site)]
    assert site.stat().st_mode & 0o777 == 0o644


def test_check_mode_writes_nothing_and_finds_a_configuration_that_nginx_refuses(etc: Path) -> None:
    before = _state(etc)
    assert len(_install(etc, check=True)["diff"]) == 4
    assert "refuses" in _install(etc, "broken\n", check=True)["msg"]
    assert _state(etc) == before


def test_a_configuration_that_nginx_refuses_is_named_and_not_installed(etc: Path) -> None:
    before = _state(etc)
    answer = _install(etc, "server {\n    broken\n}\n")
    assert answer["failed"] is True
    assert f"broken in {etc}/sites-enabled/milkbot.conf:2" in answer["msg"]
    assert "Nothing was changed" in answer["msg"]
    assert _state(etc) == before


def test_an_earlier_fault_is_not_blamed_on_the_site(etc: Path) -> None:
    (etc / "conf.d/mine.conf").write_text("# a line\nbroken;\n", "utf-8")
    answer = _install(etc)
    assert (
        f"It refuses the files that are there already, without this change: fix {etc}/conf.d/mine.conf line 2"
        in (answer["msg"])
    )


def test_the_operators_own_default_server_is_named_with_the_fix(etc: Path, tmp_path: Path) -> None:
    # nginx names the second of the two, which may be ours.
    _refuse(tmp_path, "a duplicate default server for 0.0.0.0:80")
    (etc / "sites-available/shop").write_text("server {\n    listen 80 default_server;\n}\n", "utf-8")
    answer = _install(etc, "server {\n    listen 80 default_server; # a duplicate default server for 0.0.0.0:80\n}\n")
    assert f"take default_server out of {etc}/sites-enabled/shop:2, then run" in answer["msg"]


@pytest.mark.parametrize(
    ("line", "written", "kept"),
    [
        ("worker_connections 768;", f"worker_connections 16384; {MARK}", ""),
        (f"worker_connections 4096; {MARK}", f"worker_connections 16384; {MARK}", ""),
        ("worker_connections 1024;", "worker_connections 1024;", "worker_connections 1024 is the operator's"),
        ("worker_connections 65536; # mine", "worker_connections 65536; # mine", ""),
        ("# worker_connections 768;", "# worker_connections 768;", "nginx.conf has no worker_connections"),
    ],
)
def test_worker_connections_are_raised_unless_the_operator_set_them(line: str, written: str, kept: str) -> None:
    text, left = NGINX_FILES.with_connections(f"events {{\n    {line}\n}}\n", 16384)
    assert text == f"events {{\n    {written}\n}}\n"
    assert left.startswith(kept)
    assert bool(left) == bool(kept)


def test_worker_connections_of_zero_keep_the_line() -> None:
    assert NGINX_FILES.with_connections("worker_connections 768;\n", 0) == ("worker_connections 768;\n", "")
