"""update.yml and rollback.yml, killed or cut off at every one of their stages, and run again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, Platform, migration, said
from tests.deploy.stopping import Boundary, cases, changing, stopping

SWITCH: tuple[Boundary, ...] = (
    ("Point | Point current to the release", 0),
    ("Install | Write the units", 0),
    ("Serve | Have the services run as the current release, and prove it", 0),
    ("Serve | Have the services run as the current release, and prove it", 1),
    ("Serve | Have the services run as the current release, and prove it", 3),
    ("Timers | Enable and start the timers of the trader and the rollups", 0),
)
UPDATE: tuple[Boundary, ...] = (
    ("Choose | List the releases", 0),
    ("Stage | Unpack the commit", 0),
    ("Stage | Build the environment from the lock file", 0),
    ("Stage | Build the environment from the lock file", 1),
    ("Stage | Record the release, which makes it complete", 0),
    ("Migrate | Back up what a migration could harm", 0),
    ("Migrate | Back up what a migration could harm", 0.3),
    ("Migrate | Record the backup with the release", 0),
    ("Hold | Hold the trader, once its tick has ended", 0),
    ("Migrate | Bring the schema up to the release", 0),
    ("Migrate | Bring the schema up to the release", 0.7),
    ("Smoke | Run the statements of the version from before on the new schema", 0),
    *SWITCH,
    ("Watch | Watch the services for a while, and runs of the trader and of the rollups", 1),
    ("Go through the checklist", 0),
    ("Record | Mark the release good, write it into the history, and remove older ones", 0),
    ("Free the lock", 0),
)
ROLLBACK: tuple[Boundary, ...] = (
    ("Choose | List the releases", 0),
    ("Hold | Hold the trader, once its tick has ended", 0),
    ("Return | Back up what that loses", 0),
    ("Return | Downgrade the schema", 0),
    ("Return | Downgrade the schema", 0.7),
    ("Return | Mark the release that is left bad", 0),
    *SWITCH,
    ("Go through the checklist", 0),
    ("Return | Write it into the history", 0),
    ("Free the lock", 0),
)
WAYS = ("kill", "cut")
# What is likeliest to leave something half-done; `bin/test --all` runs the rest.
USUAL = {("Serve | Have the services run as the current release, and prove it", 3, "kill")}

# Nothing of the cases is pruned, so that the platform can be brought back to what it was.
VARIABLES: dict[str, Any] = {"release_keep": 100, "systemd_watch_seconds": 3, "release_keep_free_gb": 0}


@pytest.fixture(scope="module")
def base(platform: Platform) -> Iterator[dict[str, str]]:
    """The platform before all cases, which it is brought back to."""
    before = platform.state()
    yield before
    options = ["--tags", "code,migrations"]
    if platform.live() != before["link"]:
        done = platform.play("rollback.yml", *options, release=before["link"], **VARIABLES)
        assert done.returncode == 0, said(done)
    assert platform.state() == before


def _next_version(platform: Platform) -> tuple[str, str]:
    """A commit on top of the live one, with one more migration; and that migration's revision."""
    live = platform.record(platform.live())
    before = live["schema"]
    number = f"{max(int(before), 8000) + 1}"
    wait, table = 'op.execute("SELECT pg_sleep(0.5)")', f"ops.of_a_test_{number}"
    changes = migration(
        number,
        before,
        up=f'op.execute("CREATE TABLE {table} (id int PRIMARY KEY)")\n    {wait}',
        down=f'{wait}\n    op.execute("DROP TABLE {table}")',
    )
    return platform.versions.commit(f"Version {number}", changes, on=live["commit"]), number


@pytest.mark.parametrize(("task", "after", "how"), cases(UPDATE, WAYS, USUAL))
def test_an_interrupted_update_is_completed_by_the_next_run(
    platform: Platform, base: dict[str, str], task: str, after: float, how: str
) -> None:
    commit, schema = _next_version(platform)
    before = platform.live()
    with asking(platform.address, DOMAIN, platform.authority) as answers:
        with stopping(platform, task, after, how) as environment:
            stopped = platform.play("update.yml", environment=environment, version=commit, **VARIABLES)
        again = platform.play("update.yml", version=commit, **VARIABLES)
    assert stopped.returncode == (-9 if how == "kill" else 4), said(stopped)
    assert again.returncode == 0, said(again)
    assert answers.failures == []
    live = platform.live()
    assert live.endswith(commit[:12])
    assert platform.state() == base | {"link": live, "serving": live, "schema": schema}
    assert platform.record(live)["result"] == "good"
    assert platform.last_line("action", "result", "release", "before") == {
        "action": "deploy",
        "result": "good",
        "release": live,
        "before": before,
    }


@pytest.mark.parametrize(("task", "after", "how"), cases(ROLLBACK, WAYS))
@pytest.mark.usefixtures("base")
def test_an_interrupted_rollback_is_completed_by_the_next_run(
    platform: Platform, task: str, after: float, how: str
) -> None:
    before = platform.state()
    commit, _ = _next_version(platform)
    updated = platform.play("update.yml", version=commit, **VARIABLES)
    assert updated.returncode == 0, said(updated)
    left = platform.live()
    with asking(platform.address, DOMAIN, platform.authority) as answers:
        with stopping(platform, task, after, how) as environment:
            stopped = platform.play("rollback.yml", "--tags", "code,migrations", environment=environment)
        again = platform.play("rollback.yml", "--tags", "code,migrations", release=before["link"])
    assert stopped.returncode == (-9 if how == "kill" else 4), said(stopped)
    assert again.returncode == 0, said(again)
    assert answers.failures == []
    assert platform.state() == before
    assert platform.record(left)["result"] == "bad"
    assert platform.last_line("action", "result", "release", "before") == {
        "action": "rollback",
        "result": "good",
        "release": before["link"],
        "before": left,
    }


@pytest.mark.matrix
@pytest.mark.usefixtures("base")
def test_the_lists_of_stages_name_every_task_of_update_and_rollback_that_changes_the_host(platform: Platform) -> None:
    """Whatever changes the host has a case of its own, or stands between two that do."""
    commit, _ = _next_version(platform)
    assert changing(platform, "update.yml", version=commit, **VARIABLES) <= {task for task, _ in UPDATE}
    tags = ("--tags", "code,migrations")
    assert changing(platform, "rollback.yml", *tags, **VARIABLES) <= {task for task, _ in ROLLBACK}
