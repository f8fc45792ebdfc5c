"""The release before this one, by its own code, on today's schema: what serves while a migration has just run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.postgres import TestDatabase

ROOT = Path(__file__).resolve().parents[3]
MIGRATIONS = "app/migrations/versions"
SUITE = "app/milkbot/smoke/suite.py"


def _git(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", "-C", ROOT, *arguments], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"git {arguments[0]}: {done.stderr.strip()}; this test needs a clone with its history")
    return done.stdout.strip()


def _objects(commits: list[str], path: str) -> list[str]:
    """The id of what stands at that path in each commit; empty where there is nothing."""
    asked = "".join(f"{commit}:{path}\n" for commit in commits)
    answers = _git("cat-file", "--batch-check=%(objectname)", given=asked).splitlines()
    return ["" if answer.endswith("missing") else answer for answer in answers]


def release_before() -> str:
    """The newest commit whose migrations are others than today's, as long as it can be asked at all.

    While the schema is the one that the command was born with, it is the commit that bore it: the code furthest from
    today's. With a migration that is not committed yet, it is the last commit.
    """
    if _git("rev-parse", "--is-shallow-repository") == "true":
        pytest.fail("this clone lacks its history: git fetch --unshallow")
    commits = _git("rev-list", "--first-parent", "HEAD").splitlines()
    able = [commit for commit, suite in zip(commits, _objects(commits, SUITE), strict=True) if suite]
    if not able:
        pytest.fail(f"no commit has {SUITE}: the command is not committed yet")
    if _git("status", "--porcelain", "--", MIGRATIONS):
        return able[0]
    today = _objects(["HEAD"], MIGRATIONS)[0]
    others = [commit for commit, tree in zip(able, _objects(able, MIGRATIONS), strict=True) if tree != today]
    return others[0] if others else able[-1]


@dataclass(frozen=True, slots=True)
class Before:
    """That release's code, unpacked."""

    directory: Path

    def smoke(self, database: TestDatabase) -> tuple[int, dict[str, str | None]]:
        """Exit code of its `milkbot db smoke`, and each check with its problem; it has to be its own code that ran."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.directory / "app")}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", **database.environment("milkbot")}

        def python(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")

        where = python("-c", "import milkbot; print(milkbot.__file__)").stdout
        assert where.startswith(str(self.directory)), where
        done = python("-m", "milkbot.cli", "db", "smoke", "--json")
        assert done.stdout, done.stderr
        return done.returncode, {row["check"]: row["detail"] for row in json.loads(done.stdout)}


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    directory = tmp_path_factory.mktemp("before")
    archive = directory / "app.tar"
    _git("archive", f"--output={archive}", release_before(), "app")
    subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={directory}"], check=True)
    return Before(directory)


def test_the_release_before_works_on_todays_schema(before: Before, database: TestDatabase) -> None:
    code, checks = before.smoke(database)
    assert (code, {check: problem for check, problem in checks.items() if problem}) == (0, {})
    assert {"commit_intent", "save_fill", "compute_days", "read_trades"} <= checks.keys()


def test_the_release_before_fails_on_a_schema_that_it_cannot_write_to(before: Before, database: TestDatabase) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE ops.ticks ADD COLUMN of_a_test text NOT NULL"))
    code, checks = before.smoke(database)
    assert code == 1
    assert 'null value in column "of_a_test"' in str(checks["begin_tick"])
