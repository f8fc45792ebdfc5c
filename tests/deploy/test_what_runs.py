"""What runs is what is on disk: site.yml killed once it has written something, and manual changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from tests.deploy.platform import DOMAIN, POSTGRES_UNIT, Platform, said
from tests.deploy.random_kills import kills
from tests.deploy.running import complaints, otherwise
from tests.deploy.stopping import changing, stopping_once_done

EFFECT_ROWS = ("configuration of nginx", "settings of PostgreSQL", "files of the units", "firewall")
# What the roles write otherwise with these: every file that a service loads.
OTHER: dict[str, Any] = {
    "nginx_api_requests_per_second": 9999,
    "postgres_settings": {"log_min_duration_statement": "2s", "max_locks_per_transaction": 80},
    "systemd_trader_interval_minutes": 2,
    "systemd_rollups_interval_minutes": 6,
    "ufw_extra_rules": [{"port": 9999, "from_ip": "10.83.0.1"}],
    "environment_log_level": "DEBUG",
    "logrotate_max_size": "77M",
    "backup_drill_enabled": True,
}


class Kill(NamedTuple):
    """A run of those tags, killed once the task is done; `effect` prints what has to run after the next one."""

    tags: str
    task: str
    effect: str
    wanted: str


_SQL = "cd / && runuser -u postgres -- psql -XAtc"
# One after the other, faster than the usual limit lets them in, with its burst of 20.
_REFUSED = (
    "curl --silent --insecure --output /dev/null --write-out '%{http_code}\\n' "
    f"--resolve {DOMAIN}:443:127.0.0.1 'https://{DOMAIN}/api/v1/health?[1-120]' | grep -c 429 || true"
)
KILLS = (
    Kill(
        "postgres",
        "Configure | Write the settings, and who may connect",
        f"{_SQL} 'SHOW max_locks_per_transaction'",
        "80",
    ),
    Kill(
        "nginx",
        "Install the site",
        _REFUSED,
        "0",
    ),
)


@pytest.fixture
def _afterwards(platform: Platform, request: pytest.FixtureRequest) -> Iterator[None]:
    """The platform as its inventory describes it, after a test that changed it; what runs always changes little."""
    yield
    whole = request.node.get_closest_marker("matrix")
    done = platform.play("site.yml", *([] if whole else ["--tags", "postgres,nginx"]))
    assert done.returncode == 0, said(done)
    assert otherwise(platform) == []


# That a run with nothing to do changes nothing is held by Molecule.
@pytest.mark.matrix
@pytest.mark.usefixtures("_afterwards")
def test_a_run_killed_before_its_reload_is_completed_by_the_next(platform: Platform) -> None:
    for kill in KILLS:
        with stopping_once_done(platform, kill.task) as environment:
            stopped = platform.play("site.yml", "--tags", kill.tags, environment=environment, **OTHER)
        assert stopped.returncode == -9, said(stopped)
    assert otherwise(platform) != []
    assert all(platform.ssh(kill.effect) != kill.wanted for kill in KILLS)
    done = platform.play("site.yml", "--tags", "postgres,nginx", **OTHER)
    assert done.returncode == 0, said(done)
    assert otherwise(platform) == []
    for kill in KILLS:
        assert platform.ssh(kill.effect) == kill.wanted


@pytest.mark.matrix
@pytest.mark.usefixtures("_afterwards")
def test_a_run_killed_after_any_task_is_completed_by_the_next(platform: Platform) -> None:
    changed = sorted(changing(platform, "site.yml", **OTHER))
    assert {kill.task for kill in KILLS} <= set(changed)
    settings: list[dict[str, Any]] = [{}, OTHER]
    for number, task in enumerate(changed):
        variables = settings[number % 2]
        with stopping_once_done(platform, task) as environment:
            stopped = platform.play("site.yml", environment=environment, **variables)
        done = platform.play("site.yml", **variables)
        assert done.returncode == 0, f"killed after {task}: {said(done)}"
        # A task of one of the two settings alone does not come in a run with the other.
        print(f"{'killed' if stopped.returncode == -9 else 'not met'}: {task}")
        assert otherwise(platform) == [], task
        assert complaints(platform, *EFFECT_ROWS) == [], task


@pytest.mark.matrix
@pytest.mark.usefixtures("_afterwards")
def test_a_playbook_killed_at_a_random_second_converges_in_one_more_run(platform: Platform) -> None:
    found = []
    for kill in kills(platform, seed=11, runs=40):
        print(kill.line(), flush=True)
        found.append(kill)
    assert [kill.line() for kill in found if kill.wrong] == []


class Edit(NamedTuple):
    """What somebody does manually, what drift.yml and the health check say of it, and how it is taken back."""

    command: str
    named: str
    row: str
    back: str = "true"


EDITS = (
    Edit(
        f"{_SQL} \"ALTER SYSTEM SET listen_addresses = '*'\" && systemctl restart {POSTGRES_UNIT}",
        "running listen_addresses",
        "settings of PostgreSQL",
    ),
    Edit(
        "mkdir -p /etc/systemd/system/milkbot-trader.service.d && printf '[Service]\\nNice=5\\n' "
        ">/etc/systemd/system/milkbot-trader.service.d/override.conf && systemctl daemon-reload",
        "override milkbot-trader.service",
        "files of the units",
        "systemctl revert milkbot-trader.service",
    ),
    Edit("touch /etc/nginx/conf.d/by-hand.conf", "running nginx.service", "configuration of nginx"),
    Edit("iptables -D ufw-user-input -p tcp --dport 443 -j ACCEPT", "running ufw", "firewall"),
)


@pytest.mark.matrix
def test_a_manual_change_of_the_running_state_is_named_and_reverted(platform: Platform) -> None:
    live = platform.record(platform.live())["commit"]
    try:
        for edit in EDITS:
            platform.ssh(edit.command)
        drift = platform.play("drift.yml", version=live)
        told = {edit.row: complaints(platform, edit.row) for edit in EDITS}
    finally:
        for edit in EDITS:
            platform.ssh(edit.back)
        fixed = platform.play("site.yml", version=live)
        platform.ssh("rm -f /etc/nginx/conf.d/by-hand.conf && systemctl reload nginx")
    assert drift.returncode != 0
    lines = [" ".join(line.split()) for line in drift.stdout.splitlines()]
    assert [edit.named for edit in EDITS if not any(line.startswith(edit.named) for line in lines)] == []
    assert [row for row, found in told.items() if not found] == []
    assert fixed.returncode == 0, said(fixed)
    assert platform.ssh(f"{_SQL} 'SHOW listen_addresses'") == "localhost"
    assert platform.ssh("ss -Hltn 'sport = 5432' | grep -c -v -e 127.0.0.1 -e '\\[::1\\]' || true") == "0"
    assert otherwise(platform) == []
