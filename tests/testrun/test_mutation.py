"""A survivor that nobody judged, or a run that went wrong, must not pass as a good score."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from mutation import cli, results, workspace
from mutation.results import Results, Survivor

if TYPE_CHECKING:
    from pathlib import Path

DIFF = """\
--- src/milkbot/risk/engine.py
+++ src/milkbot/risk/engine.py
@@ -1,3 +1,3 @@
 def _is_old(age, limit):
-    return age is None or age > limit
+    return age is None or age >= limit
"""
SURVIVOR = Survivor("risk.engine._is_old", "return age is None or age > limit", "return age is None or age >= limit")


class _Shown:
    stdout = DIFF


class _Ended:
    returncode = 0


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What mutmut writes: two found, one that never ended, one survivor, one that no test reaches, one gone wrong."""
    codes = {"a__mutmut_1": 1, "a__mutmut_2": 3, "a__mutmut_3": 36, "a__mutmut_6": None}
    codes |= {"milkbot.risk.engine.x__is_old__mutmut_4": 0, "milkbot.risk.limits.xǁLimitsǁsized__mutmut_5": 33}
    folder = tmp_path / "mutants" / "src" / "milkbot"
    folder.mkdir(parents=True)
    (folder / "a.py.meta").write_text(json.dumps({"exit_code_by_key": codes}), encoding="utf-8")

    def show(*_: str, work: Path) -> _Shown:
        assert work == tmp_path
        return _Shown()

    monkeypatch.setattr(results, "mutmut", show)
    return tmp_path


def test_survivors_and_mutants_without_a_test_lower_the_score(output: Path) -> None:
    found = results.read(output)
    assert (found.found, found.other, found.score) == (3, 1, 50.0)
    assert [survivor.function for survivor in found.survivors] == ["risk.engine._is_old", "risk.limits.Limits.sized"]
    assert found.survivors[0] == SURVIVOR


def test_a_survivor_is_judged_when_a_row_has_its_change_with_any_verdict() -> None:
    row = "| `risk.engine._is_old` | `return age is None or age > limit` | `return age is None or age >= limit` | {} |"
    assert SURVIVOR.row("the same | or not") == row.format("the same &#124; or not")
    assert cli.unjudged([SURVIVOR], f"text\n{row.format('the same')}\n") == []
    assert cli.unjudged([SURVIVOR], row.format("the same").replace(">=", "<")) == [SURVIVOR]
    assert cli.unjudged([SURVIVOR], "") == [SURVIVOR]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Results(95, (), 0), 0),
        (Results(95, (SURVIVOR,), 0), 1),
        (Results(95, (), 1), 1),
        (Results(0, (), 0), 1),
    ],
    ids=["well", "not judged", "gone wrong", "nothing tried"],
)
def test_only_a_run_without_unjudged_survivors_succeeds(
    found: Results, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "docs" / "mutation-testing.md"
    document.parent.mkdir()
    document.write_text("nothing is judged", encoding="utf-8")
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    monkeypatch.setattr(cli, "DOCUMENT", document)
    monkeypatch.setattr(results, "read", lambda: found)
    assert cli.main(["--again"]) == code


def test_a_run_that_mutmut_could_not_start_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failed:
        returncode, stdout, stderr = 1, "failed to collect stats", ""

    monkeypatch.setattr(workspace, "prepare", lambda **_: None)
    monkeypatch.setattr(workspace, "mutmut", lambda *_: Failed())
    assert cli.main([]) == 1
    assert "mutmut ended with 1:\nfailed to collect stats" in capsys.readouterr().out


def test_the_folder_has_the_code_and_the_tests_of_what_is_mutated(tmp_path: Path) -> None:
    workspace.prepare(tmp_path / "work")
    work = tmp_path / "work"
    for package in workspace.PACKAGES:
        assert (work / "src" / "milkbot" / package / "__init__.py").is_file()
        assert list((work / "tests" / "unit" / package).glob("test_*.py"))
    configuration = tomllib.loads((work / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    assert set(configuration["only_mutate"]) >= {"src/milkbot/risk/*.py", "src/milkbot/trader/orders/*.py"}
    for mutated in configuration["only_mutate"]:
        assert list(work.glob(mutated)), "faults are put into files that are there"
    for selected in configuration["pytest_add_cli_args_test_selection"]:
        assert (work / selected).exists(), "its tests are there"


def test_the_folder_has_every_module_that_its_tests_import(tmp_path: Path) -> None:
    work = tmp_path / "work"
    workspace.prepare(work)
    texts = [test.read_text(encoding="utf-8") for test in (work / "tests").rglob("*.py")]
    imported = {name for text in texts for name in re.findall(r"^from (tests\.[\w.]+) import", text, re.MULTILINE)}
    assert "tests.traded_day" in imported
    missing = {name for name in imported if not list(work.glob(f"{name.replace('.', '/')}*"))}
    assert not missing, "a run ends before its first mutant without them"


def test_a_run_may_be_of_a_few_files_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workspace, "prepare", lambda *, mutated: asked.append(mutated))
    monkeypatch.setattr(workspace, "mutmut", lambda *_: _Ended())
    monkeypatch.setattr(results, "read", lambda: Results(95, (), 0))
    assert cli.main(["--only", "trader/orders/*.py", "--only", "risk/limits.py"]) == 0
    assert cli.main([]) == 0
    assert asked == [["trader/orders/*.py", "risk/limits.py"], workspace.MUTATED]
