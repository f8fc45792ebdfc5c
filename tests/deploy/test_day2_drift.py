"""drift.yml on a machine that is as it was provisioned, and on one that somebody changed manually."""

from __future__ import annotations

import pytest
from tests.deploy.platform import Platform, said

SECRET = "a-token-of-somebody"
# What somebody does manually, and what has to be said of it: its kind and name.
EDITS = {
    "echo '# by hand' >>/etc/systemd/system/milkbot-analytics.service": "file milkbot-analytics.service",
    "echo '# by hand' >>/etc/nginx/sites-available/milkbot.conf": "file /etc/nginx/sites-available/milkbot.conf",
    "systemctl --quiet disable --now milkbot-rollups.timer": "unit milkbot-rollups.timer",
    "sed -i 's/^log_lock_waits = on/log_lock_waits = off/' /etc/postgresql/*/main/conf.d/milkbot.conf": (
        "file /conf.d/milkbot.conf"
    ),
    "sed -i s/tcp_be_liberal=1/tcp_be_liberal=0/ /etc/ufw/sysctl.conf": "kernel setting net.netfilter",
    "ufw delete allow 443/tcp": "firewall 443/tcp",
    "crontab -l | sed '/weekly/d' | crontab -": "cron crontab for user",
    f"echo KALSHI_EMAIL={SECRET} >>/opt/milkbot/.env": "file Write the settings of the platform",
    "chmod 0644 /etc/milkbot/health.env": "file /etc/milkbot/health.env",
    "apt-get remove --yes --quiet htop": "package htop",
}


def _named(done: str) -> list[str]:
    """The lines that name something, and not a difference of it: once each, as Ansible prints an error twice."""
    kinds = ("file ", "unit ", "package ", "cron ", "firewall ", "kernel setting ", "database ", "user ", "repository ")
    lines = (line.strip() for line in done.splitlines())
    return list(dict.fromkeys(line for line in lines if line.startswith(kinds) and line.endswith(")")))


@pytest.mark.matrix
def test_drift_names_every_manual_change_and_nothing_else(platform: Platform) -> None:
    live = platform.record(platform.live())["commit"]
    clean = platform.play("drift.yml", version=live)
    assert clean.returncode == 0, said(clean)
    assert "nothing differs" in said(clean)
    for edit in EDITS:
        platform.ssh(edit)
    try:
        done = platform.play("drift.yml", version=live)
    finally:
        mended = platform.play("site.yml", version=live)
    assert mended.returncode == 0, said(mended)
    assert done.returncode != 0
    named = _named(done.stdout)
    print("\n".join(named))
    missing = [
        f"{kind} {name}"
        for kind, name in (wanted.split(" ", 1) for wanted in EDITS.values())
        if not any(line.startswith(kind.split()[0]) and name.removeprefix("setting ") in line for line in named)
    ]
    assert missing == []
    # The service has not read its unit yet, which is reported too.
    assert len([line for line in named if not line.startswith("unit") or ".timer" in line]) == len(EDITS)
    assert SECRET not in done.stdout + done.stderr
    assert "-# by hand" in done.stdout


@pytest.mark.matrix
def test_drift_fails_on_a_host_that_it_cannot_check(platform: Platform) -> None:
    done = platform.play("drift.yml", "--tags", "nginx", milkbot_domain="another.example.com")
    assert done.returncode != 0
    assert "could not be checked" in said(done)
    # Said by the preflight of that run.
    assert "take a certificate for another.example.com" in said(done)
