"""`milkbot forecaster`: the list says what is installed and does what, and a new package works at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli import Done, Milkbot
from tests.forecaster_packages import BODY, Install, installable

from milkbot.errors import ExitCode


@pytest.fixture
def milkbot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Milkbot:
    """Runs commands in this process."""
    return Milkbot(monkeypatch, capsys)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Packages with a forecaster."""
    directory = tmp_path / "installed"
    directory.mkdir()
    with installable(directory, monkeypatch) as put:
        yield put


def listed(done: Done) -> dict[str, dict[str, str]]:
    """The rows of the list, by the forecasters' names."""
    return {row["name"]: row for row in json.loads(done.out)}


def test_the_list_says_which_one_trades_and_which_run_in_shadow(milkbot: Milkbot, install: Install) -> None:
    install("mine", BODY.format(name="mine", parameters={}))
    done = milkbot("forecaster", "list", "--json", FORECASTER="market", FORECASTER_SHADOW="mine")
    assert done.code == ExitCode.OK
    rows = listed(done)
    used = {name: row["use"] for name, row in rows.items() if row["use"]}
    assert used == {"market": "live", "mine": "shadow"}
    assert rows["normal"]["package"].startswith("milkbot ")
    assert (rows["mine"]["version"], rows["mine"]["package"]) == ("3", "own_package 1.0")


def test_one_that_cannot_be_used_is_listed_with_its_problem(milkbot: Milkbot, install: Install) -> None:
    install("mine", "raise RuntimeError('no model file')")
    done = milkbot("forecaster", "list", "--json")
    assert done.code == ExitCode.FAILED
    assert "no model file" in listed(done)["mine"]["problem"]
    assert listed(done)["normal"]["problem"] == ""


def test_a_new_package_is_built_installed_listed_and_its_test_scores_it(
    milkbot: Milkbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert milkbot("forecaster", "new", "warm_bias").code == ExitCode.OK
    package, target = tmp_path / "warm_bias", tmp_path / "target"
    run("uv", "build", "--quiet", "--offline", "--wheel", "--out-dir", str(tmp_path), str(package))
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == "milkbot_forecaster_warm_bias-0.1.0-py3-none-any.whl"
    run("uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--target", str(target), str(wheel))
    found = {row["name"]: row for row in json.loads(run("milkbot", "forecaster", "list", "--json", path=target))}
    assert (found["warm_bias"]["package"], found["warm_bias"]["problem"]) == ("milkbot-forecaster-warm-bias 0.1.0", "")
    said = run("pytest", "-s", "-p", "no:cacheprovider", directory=package)
    assert "1 passed" in said
    assert "difference +0.0000" in said, "it begins at the market"
    run("ruff", "check", "--isolated", "--line-length", "120", "--select", "B,E,F,I,N,RUF,UP,W", str(package))


def test_the_readme_of_a_new_package_has_ten_lines(
    milkbot: Milkbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    milkbot("forecaster", "new", "mine")
    assert len((tmp_path / "mine/README.md").read_text("utf-8").splitlines()) == 10


@pytest.mark.parametrize("name", ["", "Mine", "2nd", "a-b", "../mine", "class", "a" * 41])
def test_a_name_that_no_package_can_have_is_refused(
    milkbot: Milkbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = milkbot("forecaster", "new", name)
    assert done.code == ExitCode.FAILED
    assert "use a small letter, then small letters, digits and _" in done.err
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_written_over(
    milkbot: Milkbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert "mine is there already" in milkbot("forecaster", "new", "mine").err
    assert "a forecaster market is installed already" in milkbot("forecaster", "new", "market").err
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def run(program: str, *arguments: str, path: Path | None = None, directory: Path | None = None) -> str:
    """What a program of this environment prints; with `path` it finds the packages there too."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=directory, env=environment, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
