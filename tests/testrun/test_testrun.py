"""The closing line names every failure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from localvps.errors import VpsError
from testrun import runner
from testrun.outcome import Counts, Outcome, read_counts, summary
from testrun.parts import ROOT, Part, build, images_without_mirror, names

if TYPE_CHECKING:
    import pytest

_REPORT = """<testsuites>
<testsuite tests="7" failures="1" errors="1" skipped="2"/><testsuite tests="3" failures="0" errors="0" skipped="0"/>
</testsuites>"""


def _outcome(*failures: str, counts: Counts) -> Outcome:
    return Outcome("part", 1.0, failures, counts, Path("log"))


def test_an_error_in_a_fixture_counts_as_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(_REPORT, encoding="ascii")
    assert read_counts(report) == Counts(passed=6, failed=2, skipped=2)


def test_a_part_that_dies_without_a_failed_test_is_still_a_failure() -> None:
    outcomes = [_outcome("ruff check", counts=Counts()), _outcome(counts=Counts(passed=3, skipped=1))]
    assert summary(outcomes) == "milkbot: 3 passed, 1 failed, 1 skipped"


def test_a_failed_test_is_counted_once() -> None:
    assert summary([_outcome("pytest", counts=Counts(1, 1, 0))]) == "milkbot: 1 passed, 1 failed, 0 skipped"


def test_a_failure_stops_no_part_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RESULTS", tmp_path)
    done = tmp_path / "done"
    broken = Part("broken", 1, (("false",), ("no-such-program",)), after=(("touch", str(done)),))
    outcomes = runner.run([broken, Part("well", 1, (("true",),)), Part("beside", 2, (("true",),))])
    assert [outcome.failures for outcome in outcomes] == [("false", "no-such-program"), (), ()]
    assert done.exists()


def test_every_test_directory_is_in_a_part() -> None:
    parts = build(names(all_images=True))
    words = {word for part in parts for command in part.commands for word in command}
    root = Path(__file__).parents[1]
    directories = {f"tests/{path.parent.relative_to(root).parts[0]}" for path in root.glob("*/**/test_*.py")}
    by_molecule = {"tests/infra"}  # its verifier runs these over ssh
    assert directories - words - by_molecule == set()


def test_an_image_without_a_mirror_is_omitted_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(distribution: str) -> tuple[str, str]:
        if distribution == "ubuntu":
            raise VpsError("no mirror of ubuntu is configured")
        return "http://127.0.0.1", "http://127.0.0.1"

    monkeypatch.setattr("localvps.mirrors.mirror", nowhere)
    assert images_without_mirror() == {
        f"{part}-ubuntu-{version}": "no mirror of ubuntu is configured"
        for part in ("molecule", "browser", "deploy", "production")
        for version in ("22.04", "24.04")
    }


def test_tests_on_machines_name_no_version_of_postgresql() -> None:
    # They run on every image, and each has another one.
    version = re.compile(r"postgresql(?:-client)?[-@][0-9]|postgresql/[0-9]|[0-9]-main")
    files = [
        path for part in ("deploy", "infra", "production", "e2e") for path in (ROOT / "tests" / part).rglob("*.py")
    ]
    found = {path.name: version.findall(path.read_text(encoding="utf-8")) for path in files}
    assert len(found) > 20
    assert {name: versions for name, versions in found.items() if versions} == {}


def test_the_machine_of_a_part_that_runs_alone_is_destroyed() -> None:
    for chosen in (["molecule"], ["browser"], ["molecule", "browser"], ["molecule-debian-13"], ["deploy-debian-13"]):
        commands = [command for part in build(chosen) for command in (*part.commands, *part.after)]
        assert commands[-1][:2] == ("molecule", "destroy")
        assert sum(command[1] in {"test", "converge"} for command in commands) == 1


def test_the_parts_of_one_image_share_a_machine_and_no_other_image_gets_it() -> None:
    chosen = [name for name in names(all_images=True) if name.startswith(("molecule", "browser", "deploy"))]
    parts = build(chosen)
    assert len({dict(part.env)["MILKBOT_MOLECULE_IMAGE"] for part in parts}) > 1
    begins = [any(command[1] in {"test", "converge"} for command in part.commands) for part in parts]
    ends = [bool(part.after) for part in parts]
    assert begins == [part.name.startswith("molecule") for part in parts]
    assert ends == [part.name.startswith("deploy") for part in parts]


def test_a_part_runs_the_long_matrices_every_time() -> None:
    for part in build(["unit", "roles", "integration", "vps", "browser", "deploy", "production"]):
        assert any(command[-2:] == ("-m", "not matrix") for command in part.commands)
    for part in build(["integration", "deploy"], matrix=True):
        assert not any("not matrix" in command for command in part.commands)


def test_only_a_run_of_all_cases_trades_a_whole_month_first() -> None:
    month = ("MILKBOT_MOLECULE_HISTORY_DAYS", "30")
    assert month in build(["molecule"], matrix=True)[0].env
    assert month not in build(["molecule"])[0].env
