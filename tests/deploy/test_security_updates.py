"""Security updates on a machine that trades: by themselves, and while another program works with the packages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.deploy.platform import Platform, said

# The machine's own timers start nothing while it is not there (tools/localvps/seed.py).
_ALLOWED = "/run/local-vps-package-work"

# Two packages of a repository that calls itself Debian's security archive, each installed in its earlier version.
_REPOSITORY = r"""
set -e
mkdir -p /srv/local-security && cd /srv/local-security
for name in local-update nginx-local-update; do
    for version in 1.0 2.0; do
        mkdir -p tree/DEBIAN
        printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n' \
            $name $version >tree/DEBIAN/control
        dpkg-deb --root-owner-group --build tree ${name}_$version.deb
    done
    dpkg -i ${name}_1.0.deb
    file=${name}_2.0.deb
    { dpkg-deb -f $file; printf 'Filename: ./%s\nSize: %s\nSHA256: ' $file "$(stat -c %s $file)"
      sha256sum $file | cut -d' ' -f1; echo; } >>Packages
done
. /etc/os-release
{ printf 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: %s-security\n' "$VERSION_CODENAME"
  date -u '+Date: %a, %d %b %Y %T UTC'
  printf 'SHA256:\n %s %s Packages\n' "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)"; } >Release
echo "deb [trusted=yes] file:$PWD ./" >/etc/apt/sources.list.d/local-security.list
apt-get -qq update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/local-security.list \
    -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
rm -f /var/lib/apt/periodic/upgrade-stamp
# Once its lists are read, apt answers the health check within its time on a busy machine too.
apt-get -qq check
"""
_GONE = """
rm -f /run/local-vps-package-work /etc/apt/sources.list.d/local-security.list /var/lib/apt/lists/_srv_local-security*
dpkg --purge local-update nginx-local-update; rm -rf /srv/local-security
"""


@pytest.fixture
def repository(platform: Platform) -> Iterator[Platform]:
    platform.ssh(_REPOSITORY)
    try:
        yield platform
    finally:
        platform.ssh(_GONE)


def _versions(platform: Platform) -> dict[str, str]:
    listed = platform.ssh("dpkg-query -W -f '${Package} ${Version}\n' local-update nginx-local-update")
    return dict(line.split() for line in listed.splitlines())


def test_security_updates_are_installed_except_of_excluded_packages(repository: Platform) -> None:
    row = "/opt/milkbot/deployment/scripts/healthcheck.sh | grep 'security updates  ' || true"
    timers = repository.ssh(
        "systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer; systemctl is-active apt-daily*.timer"
    )
    assert timers.split() == ["enabled", "enabled", "active", "active"]
    assert "2 pending: local-update, nginx-local-update; upgrade.yml alone installs nginx" in repository.ssh(row)
    repository.ssh("systemctl start apt-daily-upgrade.service")
    assert _versions(repository) == {"local-update": "1.0", "nginx-local-update": "1.0"}
    repository.ssh(f"touch {_ALLOWED}; systemctl start apt-daily-upgrade.service")
    # What packages_unattended_exclude names is left to upgrade.yml.
    assert _versions(repository) == {"local-update": "2.0", "nginx-local-update": "1.0"}
    assert "1 pending: nginx-local-update" in repository.ssh(row)


_HELD = """
import fcntl, sys, time
lock = open('/var/lib/dpkg/lock-frontend', 'w')
fcntl.lockf(lock, fcntl.LOCK_EX)
time.sleep(int(sys.argv[1]))
"""


@pytest.mark.matrix
def test_a_run_waits_for_the_package_lock_of_another_program(platform: Platform) -> None:
    platform.ssh(f'systemd-run --quiet --unit=milkbot-test-lock python3 -c "{_HELD}" 90')
    done: subprocess.CompletedProcess[str] = platform.play("site.yml", "--tags", "packages")
    assert done.returncode == 0, said(done)
    words = " ".join(done.stdout.split())
    assert words.count("holds /var/lib/dpkg/lock-frontend: waiting up to 10 minutes") == 1
    assert "Could not get lock" not in done.stdout
