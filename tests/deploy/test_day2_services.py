"""restart.yml and upgrade.yml on a machine that trades and is asked all the time."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, IMAGE, POSTGRES_UNIT, POSTGRES_VERSION, Platform, said
from tests.deploy.stopping import Boundary, cases, changing, stopping

SERVICES = ("milkbot-analytics", "milkbot-dashboard")


def _invocations(platform: Platform, *units: str) -> list[str]:
    return platform.ssh(f"systemctl show --value --property=InvocationID {' '.join(units)}").split()


def _postgres(platform: Platform) -> str:
    """When the server began, by its own word."""
    return platform.ssh("cd / && runuser -u postgres -- psql -XAtc 'SELECT pg_postmaster_start_time()'")


def test_a_restart_of_the_services_fails_no_request(platform: Platform) -> None:
    before, processes, server = platform.state(), _invocations(platform, *SERVICES), _postgres(platform)
    with asking(platform.address, DOMAIN, platform.authority) as answers:
        done = platform.play("restart.yml")
    assert done.returncode == 0, said(done)
    assert answers.failures == []
    assert len(answers.seconds) > 300
    assert set(_invocations(platform, *SERVICES)).isdisjoint(processes)
    assert _postgres(platform) == server
    assert platform.state() == before


@pytest.mark.matrix
def test_a_restart_of_postgresql_fails_no_request(platform: Platform) -> None:
    before, server = platform.state(), _postgres(platform)
    with asking(platform.address, DOMAIN, platform.authority) as answers:
        done = platform.play("restart.yml", postgres="yes", only="trader")
    assert done.returncode == 0, said(done)
    assert _postgres(platform) != server
    assert answers.failures == []
    slowest, path = max(answers.seconds)
    print(f"{len(answers.seconds)} answers, the slowest after {slowest:.1f} s ({path})")
    assert re.search(r"took no connection for [0-9.]+ s\. Of \d+ requests .* none failed", said(done))
    assert platform.state() == before


def _older(platform: Platform, *packages: str) -> dict[str, str]:
    """Bring the version before the newest that the archive has of each package; returns the newest of each."""
    wanted, newest = [], {}
    for package in packages:
        versions = platform.ssh(f"apt-cache madison {package} | cut -d '|' -f 2").split()
        assert len(set(versions)) > 1, f"the archive has one version of {package} only"
        newest[package] = versions[0]
        wanted.append(f"{package}={versions[1]}")
    install = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --allow-downgrades --no-remove"
    platform.ssh(f"NEEDRESTART_SUSPEND=1 {install} -o Dpkg::Options::=--force-confold {' '.join(wanted)}")
    return newest


def _installed(platform: Platform, packages: Iterable[str]) -> dict[str, str]:
    shown = platform.ssh(f"dpkg-query --show --showformat '${{Package}} ${{Version}}\\n' {' '.join(packages)}")
    return dict(line.split() for line in shown.splitlines())


LIBSSL = "libssl3" if IMAGE == "debian-12" else "libssl3t64"
SERVER = (f"postgresql-{POSTGRES_VERSION}", f"postgresql-client-{POSTGRES_VERSION}", "libpq5")
UPGRADED = (*SERVER, "nginx", "nginx-common", LIBSSL, "openssl")


@pytest.mark.matrix
def test_an_upgrade_installs_the_newest_packages_and_fails_no_request(platform: Platform) -> None:
    newest = _older(platform, *UPGRADED)
    platform.ssh(f"systemctl is-active --quiet milkbot-analytics milkbot-dashboard nginx {POSTGRES_UNIT}")
    before, server, nginx = platform.state(), _postgres(platform), platform.ssh("cat /run/nginx.pid")
    shown = platform.play("upgrade.yml", "--check")
    assert shown.returncode == 0, said(shown)
    assert all(f"{name} " in said(shown) for name in newest)
    assert _postgres(platform) == server
    assert _installed(platform, newest) != newest
    with asking(platform.address, DOMAIN, platform.authority, again=True) as answers:
        done = platform.play("upgrade.yml")
    print(done.stdout[-1500:])
    assert done.returncode == 0, said(done)
    assert _installed(platform, newest) == newest
    slowest, path = max(answers.seconds)
    print(f"{len(answers.seconds)} answers, the slowest after {slowest:.1f} s ({path})")
    assert answers.failures == []
    assert _postgres(platform) != server
    assert platform.ssh("cat /run/nginx.pid") != nginx
    assert platform.ssh("systemctl is-active nginx") == "active"
    assert platform.ssh("needrestart -b -r l | grep -E 'SVC: (milkbot|postgres|nginx)' || true") == ""
    assert platform.ssh("ls /usr/sbin/policy-rc.d /var/lib/milkbot-upgrading 2>/dev/null || true") == ""
    assert platform.state() == before
    assert platform.history()[-1]["action"] == "upgrade"
    again = platform.play("upgrade.yml")
    assert again.returncode == 0, said(again)
    assert "changed=0" in said(again)


@pytest.mark.matrix
def test_a_held_package_keeps_its_version_and_the_others_are_upgraded(platform: Platform) -> None:
    held, others = ("nginx", "nginx-common"), (LIBSSL, "openssl")
    newest = _older(platform, *held, *others)
    older = _installed(platform, held)
    platform.ssh(f"apt-mark hold {' '.join(held)}")
    try:
        shown = platform.play("upgrade.yml", "--check")
        done = platform.play("upgrade.yml")
        after = _installed(platform, newest)
        again = platform.play("upgrade.yml")
    finally:
        platform.ssh(f"apt-mark unhold {' '.join(held)}")
    for run in (shown, done):
        assert run.returncode == 0, said(run)
        assert "nginx: held by apt-mark, not changed" in said(run)
    assert after == newest | older
    assert "changed=0" in said(again)
    freed = platform.play("upgrade.yml")
    assert freed.returncode == 0, said(freed)
    assert _installed(platform, newest) == newest


@pytest.mark.matrix
def test_an_upgrade_repairs_a_package_whose_installation_was_killed(platform: Platform) -> None:
    newest = _older(platform, *UPGRADED)
    before = platform.state()
    # What SIGKILL in the middle of an unpacking leaves in dpkg's own database, and our mark.
    platform.ssh(
        "sed -i '/^Package: nginx$/,/^$/s/^Status: .*/Status: install reinstreq half-configured/' /var/lib/dpkg/status"
    )
    platform.ssh("touch /var/lib/milkbot-upgrading")
    assert "nginx" in platform.ssh("dpkg --audit")
    done = platform.play("upgrade.yml")
    assert done.returncode == 0, said(done)
    assert platform.ssh("dpkg --audit") == ""
    assert _installed(platform, newest) == newest
    assert platform.state() == before


def _boot(platform: Platform) -> str:
    return platform.ssh("cat /proc/sys/kernel/random/boot_id")


@pytest.mark.matrix
def test_the_host_is_rebooted_only_on_request_and_comes_back_whole(platform: Platform) -> None:
    before, boot = platform.state(), _boot(platform)
    platform.ssh("touch /run/reboot-required")
    left = platform.play("upgrade.yml")
    assert left.returncode == 0, said(left)
    assert "the kernel" in said(left)
    assert _boot(platform) == boot
    done = platform.play("upgrade.yml", reboot="yes")
    assert done.returncode == 0, said(done)
    assert _boot(platform) != boot
    assert "the host was rebooted" in said(done)
    assert platform.state() == before
    assert platform.last_line("action", "result") == {"action": "upgrade", "result": "good"}
    again = platform.play("upgrade.yml", reboot="yes")
    assert "changed=0" in said(again)


RESTART: tuple[Boundary, ...] = (
    ("Hold | Hold the trader, once its tick has ended", 0.5),
    ("Interrupt | Take PostgreSQL away, while whoever asks the API waits", 0.5),
    ("Interrupt | Take PostgreSQL away, while whoever asks the API waits", 2),
    ("Serve | Have the services run as the current release, and prove it", 1),
    ("Serve | Have the services run as the current release, and prove it", 3),
    ("Restart | Start the timers, and anew those that were named", 0),
    ("Go through the checklist", 0),
)
UPGRADE: tuple[Boundary, ...] = (
    ("Prepare | Download the packages", 1),
    ("Prepare | Back the database up", 0.3),
    ("Hold | Hold the trader, once its tick has ended", 0.5),
    ("Packages | Keep their own scripts from restarting what the platform runs on", 0),
    ("Packages | Upgrade them, and remove none", 2),
    ("Packages | Upgrade them, and remove none", 6),
    ("Packages | Let package scripts restart services again", 0),
    ("Interrupt | Take PostgreSQL away, while whoever asks the API waits", 1),
    ("Restart | Restart other services", 0.5),
    ("Serve | Have the services run as the current release, and prove it", 1),
    ("Restart | Have nginx go over to its new program", 0.5),
    ("Timers | Enable and start the timers of the trader and the rollups", 0),
    ("Finish | Write it into the history", 0),
    ("Finish | Note that it came to its end", 0),
)


@pytest.mark.parametrize(("task", "after", "how"), cases(RESTART, ["kill"]))
def test_an_interrupted_restart_is_completed_by_the_next_run(
    platform: Platform, task: str, after: float, how: str
) -> None:
    before = platform.state()
    with asking(platform.address, DOMAIN, platform.authority, again=True) as answers:
        with stopping(platform, task, after, how) as environment:
            stopped = platform.play("restart.yml", environment=environment, postgres="yes")
        done = platform.play("restart.yml")
    assert stopped.returncode == -9, said(stopped)
    assert done.returncode == 0, said(done)
    assert answers.failures == []
    assert platform.state() == before


@pytest.mark.parametrize(("task", "after", "how"), cases(UPGRADE, ["kill"]))
def test_an_interrupted_upgrade_is_completed_by_the_next_run(
    platform: Platform, task: str, after: float, how: str
) -> None:
    newest = _older(platform, *UPGRADED)
    before, history = platform.state(), platform.history()
    with stopping(platform, task, after, how) as environment:
        stopped = platform.play("upgrade.yml", environment=environment)
    done = platform.play("upgrade.yml")
    assert stopped.returncode == -9, said(stopped)
    assert done.returncode == 0, said(done)
    assert _installed(platform, newest) == newest
    assert platform.state() == before
    assert platform.last_line("action", "result") == {"action": "upgrade", "result": "good"}
    assert len(platform.history()) > len(history)
    assert platform.ssh("dpkg --audit; ls /usr/sbin/policy-rc.d /var/lib/milkbot-upgrading 2>/dev/null || true") == ""
    assert platform.ssh("needrestart -b -r l | grep -E 'SVC: (milkbot|postgres|nginx)' || true") == ""


@pytest.mark.matrix
def test_the_lists_of_stages_name_every_task_of_restart_and_upgrade_that_changes_the_host(platform: Platform) -> None:
    assert changing(platform, "restart.yml", postgres="yes") <= {task for task, _ in RESTART}
    _older(platform, *UPGRADED)
    assert changing(platform, "upgrade.yml") <= {task for task, _ in UPGRADE}
