"""Packages with forecasters: which wheels a release may have, what they make of its identity, and how they come in."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import evaluate, plugin

MODULE = "release/library/release_forecasters.py"
CONTENT = "c" * 40
preflight = plugin("preflight/filter_plugins/inventory.py")


def make_wheel(
    directory: Path,
    name: str = "milkbot_forecaster_mine",
    *,
    version: str = "0.1.0",
    needs: str = "",
    forecaster: bool = True,
) -> str:
    """A wheel with one module, and the entry point of a forecaster where it has one."""
    path = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {needs}\n" if needs else ""
    )
    files = {
        f"{name}/__init__.py": "class Own: pass\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    if forecaster:
        files[f"{info}/entry_points.txt"] = f"[milkbot.forecasters]\nmine = {name}:Own\n"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return str(path)


def asked(*wheels: str, **given: Any) -> dict[str, Any]:
    """The module's answer."""
    return ask(MODULE, check=True, wheels=list(wheels), content=CONTENT, **given)


def test_without_a_package_a_release_is_known_by_what_is_shipped_alone() -> None:
    assert asked()["content"] == CONTENT


def test_a_release_with_another_package_is_another_release(tmp_path: Path) -> None:
    one = make_wheel(tmp_path)
    with_one = asked(one)
    assert len(with_one["content"]) == 40
    assert with_one["content"] != CONTENT
    assert asked(one)["content"] == with_one["content"]
    Path(one).unlink()
    changed = make_wheel(tmp_path, needs="numpy")
    assert changed == one
    assert asked(changed)["content"] != with_one["content"]


def test_the_order_of_the_list_and_the_place_of_a_wheel_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first, second = make_wheel(tmp_path), make_wheel(tmp_path, "other")
    moved = Path(first).rename(tmp_path / "elsewhere" / Path(first).name)
    assert asked(second, str(moved))["content"] == asked(str(moved), second)["content"]


def test_a_package_taken_out_of_the_list_gives_the_former_release(tmp_path: Path) -> None:
    first, second = make_wheel(tmp_path), make_wheel(tmp_path, "other")
    before = asked(first)["content"]
    assert asked(first, second)["content"] != before
    assert asked(first)["content"] == before


def test_a_wheel_that_the_release_cannot_have_is_refused_with_the_fix(tmp_path: Path) -> None:
    mine = make_wheel(tmp_path)
    broken = tmp_path / "broken-1.0-py3-none-any.whl"
    broken.write_text("no archive", encoding="utf-8")
    plain = make_wheel(tmp_path, "plain", forecaster=False)
    newer = make_wheel(tmp_path, version="0.2.0")
    refused = {
        "is not on the control node": asked(f"{tmp_path}/gone-1.0-py3-none-any.whl"),
        "has no wheel's name": asked(f"{tmp_path}/mine.tar.gz"),
        "cannot be read": asked(str(broken)),
        "both hold milkbot-forecaster-mine": asked(mine, newer),
        "would replace numpy 2.0.0": asked(make_wheel(tmp_path, "numpy"), locked={"numpy": "2.0.0"}),
        "has a forecaster in its entry points": asked(plain),
    }
    for said, answer in refused.items():
        assert answer.get("failed"), said
        assert said in answer["msg"]
        assert "release_forecaster_packages" in answer["msg"]
    assert not asked(mine, plain).get("failed"), "what a forecaster needs comes the same way"


def test_preflight_lists_a_refusal_among_its_faults(tmp_path: Path) -> None:
    (fault,) = preflight.packages(asked(f"{tmp_path}/gone-1.0-py3-none-any.whl"))
    assert fault["name"] == "release_forecaster_packages"
    assert "is not on the control node" in fault["fix"]
    assert preflight.packages(asked()) == preflight.packages({}) == []


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release's directory with an empty environment, and a place for wheels."""
    top = tmp_path / "release"
    (top / "forecasters").mkdir(parents=True)
    uv("venv", "--quiet", "--python", sys.executable, "venv", directory=top)
    return top


def uv(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """The installer of this environment."""
    program = str(Path(sys.executable).with_name("uv"))
    return subprocess.run([program, *words], check=False, capture_output=True, text=True, cwd=directory)


def install(release: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the role's own commands for the wheels that lie in the release."""
    wheels = {path.name: "" for path in (release / "forecasters").iterdir()}
    commands = evaluate("_release_forecaster_commands", release_chosen={"wheels": wheels})
    return [uv(*map(str, command[1:]), directory=release) for command in commands]


def test_the_roles_commands_install_the_wheels_that_came_with_the_release(release: Path) -> None:
    make_wheel(release / "forecasters")
    assert [done.returncode for done in install(release)] == [0, 0]
    found = "from importlib.metadata import entry_points; print(entry_points(group='milkbot.forecasters').names)"
    python = [str(release / "venv/bin/python"), "-I", "-c", found]
    assert subprocess.run(python, check=True, capture_output=True, text=True).stdout.strip() == "{'mine'}"


def test_a_package_that_needs_what_the_release_has_not_is_refused_before_the_switch(release: Path) -> None:
    make_wheel(release / "forecasters", needs="nowhere_to_be_found>=2")
    installed, checked = install(release)
    assert installed.returncode == 0, installed.stderr
    assert checked.returncode != 0
    assert "nowhere-to-be-found" in checked.stderr
