"""bin/operate against a machine, as an operator with a login of his own uses it, and as one who may not."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml
from tests.deploy.platform import ROOT, Platform
from tests.patience import PATIENCE

ORIGIN = "http://localhost:8502"
LOGIN = "alice"


@pytest.fixture
def key(platform: Platform, tmp_path: Path) -> Iterator[Path]:
    """The key of a login without any right on the machine."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text("utf-8").strip()
    home = f"/home/{LOGIN}/.ssh"
    platform.ssh(
        f"useradd --create-home --shell /bin/bash {LOGIN} && install -d -m 700 -o {LOGIN} -g {LOGIN} {home} && "
        f"echo '{public}' >{home}/authorized_keys && chown {LOGIN} {home}/authorized_keys"
    )
    yield key
    ended = f"loginctl terminate-user {LOGIN}; while pgrep -u {LOGIN} >/dev/null; do :; done"
    platform.ssh(f"{ended}; userdel --remove {LOGIN} 2>&1; systemctl reset-failed 'user@*.service' || true")


@contextmanager
def operating(platform: Platform, key: Path) -> Iterator[httpx2.Client]:
    """bin/operate with an inventory whose login is that one."""
    inventory = key.with_name("hosts.yml")
    common = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o LogLevel=ERROR"
    host = {
        "ansible_host": platform.address,
        "ansible_user": LOGIN,
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": common,
    }
    inventory.write_text(yaml.safe_dump({"milkbot": {"hosts": {"server": host}}}), "utf-8")
    with (
        key.with_name("log").open("w") as log,
        subprocess.Popen([ROOT / "bin/operate", inventory], stderr=log) as process,
        httpx2.Client(base_url=ORIGIN, follow_redirects=True, timeout=PATIENCE) as client,
    ):
        try:
            yield client
        finally:
            process.terminate()


def first_page(client: httpx2.Client) -> httpx2.Response:
    """The page once the way is there. Raises what a browser gets when the server does not let it in."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return client.get("/")
        except httpx2.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def ticket(page: str, act: str) -> str:
    found = re.search(rf'action="/act/{act}"><input type="hidden" name="ticket" value="([^"]+)"', page)
    assert found
    return found[1]


def act(client: httpx2.Client, name: str, **fields: str) -> str:
    sent = {"ticket": ticket(client.get("/").text, name), **fields}
    return client.post(f"/act/{name}", data=sent, headers={"Origin": ORIGIN}).text


def test_an_operator_halts_and_resumes_by_the_page_under_his_own_name(platform: Platform, key: Path) -> None:
    platform.ssh(f"usermod --append --groups milkbot-operators {LOGIN}")
    with operating(platform, key) as client:
        assert f'<span data-testid="user">{LOGIN}</span>' in first_page(client).text
        try:
            assert "trading is halted" in act(client, "halt", reason="a test by the page")
            assert re.search(rf"halted.*{LOGIN} via ssh", platform.ssh("milkbot state --json").replace("\n", " "))
        finally:
            number = re.search(r"hold (\d+) by alice", client.get("/").text)
            assert number
            said = act(client, "resume", hold=number[1], reason="the test is over")
        assert f"ended: {number[1]}, halted by {LOGIN} via ssh" in said


def test_a_login_that_is_no_operators_sees_nothing(platform: Platform, key: Path) -> None:
    with operating(platform, key) as client, pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        first_page(client)


def test_the_page_is_restarted_together_with_the_dashboard(platform: Platform) -> None:
    page = "curl -sS --unix-socket /run/milkbot-operator/web.sock http://localhost:8502/"
    which = "systemctl show -P InvocationID milkbot-operator.service"
    live = platform.ssh("basename $(readlink /opt/milkbot/current)")
    assert f"release {live}" in platform.ssh(page)
    before = platform.ssh(which)
    platform.ssh("systemctl restart milkbot-dashboard.service")
    assert f"release {live}" in platform.ssh(page)
    assert platform.ssh(which) != before
