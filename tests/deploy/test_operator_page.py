"""bin/operate against a machine, as an operator with a login of his own uses it, and as one who may not."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from tests.deploy.platform import ROOT, Platform, said
from tests.patience import PATIENCE

ORIGIN = "http://localhost:8502"
LOGIN, VISITOR = "alice", "visitor"
_DROP_IN = "/etc/ssh/sshd_config.d/00-milkbot.conf"


def _add(platform: Platform, login: str, public: str) -> None:
    """A login without any right on the machine."""
    home = f"/home/{login}/.ssh"
    platform.ssh(
        f"useradd --create-home --shell /bin/bash {login} && install -d -m 700 -o {login} -g {login} {home} && "
        f"echo '{public}' >{home}/authorized_keys && chown {login} {home}/authorized_keys"
    )


def _remove(platform: Platform, login: str) -> None:
    ended = f"loginctl terminate-user {login}; while pgrep -u {login} >/dev/null; do :; done"
    platform.ssh(f"{ended}; userdel --remove {login} 2>&1; systemctl reset-failed 'user@*.service' || true")


@pytest.fixture(scope="module")
def key(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The key of an operator that the inventory lists, and of one who may use ssh and is no operator."""
    key = tmp_path_factory.mktemp("logins") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text("utf-8").strip()
    platform.ssh(f"cp -p {_DROP_IN} /root/milkbot-test-sshd.conf")
    try:
        for login in (LOGIN, VISITOR):
            _add(platform, login, public)
        listed: dict[str, Any] = {"systemd_operators": [LOGIN], "ssh_allow_users": [VISITOR]}
        done = platform.play("site.yml", "--tags", "user,ssh", **listed)
        assert done.returncode == 0, said(done)
        yield key
    finally:
        platform.ssh(f"mv /root/milkbot-test-sshd.conf {_DROP_IN}; systemctl reload ssh")
        for login in (LOGIN, VISITOR):
            _remove(platform, login)


@contextmanager
def operating(platform: Platform, key: Path, login: str = LOGIN) -> Iterator[httpx2.Client]:
    """bin/operate with an inventory whose login is that one."""
    inventory = key.with_name("hosts.yml")
    common = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o LogLevel=ERROR"
    host = {
        "ansible_host": platform.address,
        "ansible_user": login,
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
    with operating(platform, key) as client:
        assert f'<span data-testid="user">{LOGIN} via ssh</span>' in first_page(client).text
        try:
            assert "trading is halted" in act(client, "halt", reason="a test by the page")
            assert re.search(rf"halted.*{LOGIN} via ssh", platform.ssh("milkbot state --json").replace("\n", " "))
        finally:
            number = re.search(r"hold (\d+) by alice", client.get("/").text)
            assert number
            answer = act(client, "resume", hold=number[1], reason="the test is over")
        assert f"ended: {number[1]}, halted by {LOGIN} via ssh" in answer


def test_a_login_that_is_no_operators_sees_nothing(platform: Platform, key: Path) -> None:
    with operating(platform, key, VISITOR) as client, pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        first_page(client)


_ASK = "curl -sS --unix-socket /run/milkbot-operator/web.sock http://localhost:8502/"


def test_the_page_is_restarted_together_with_the_dashboard(platform: Platform) -> None:
    which = "systemctl show -P InvocationID milkbot-operator.service"
    live = platform.ssh("basename $(readlink /opt/milkbot/current)")
    assert f"release {live}" in platform.ssh(_ASK)
    before = platform.ssh(which)
    platform.ssh("systemctl restart milkbot-dashboard.service")
    assert f"release {live}" in platform.ssh(_ASK)
    assert platform.ssh(which) != before


@pytest.mark.parametrize("restarts", [4, 5], ids=["the next is refused", "one was refused"])
def test_a_playbook_that_restarts_the_page_too_often_leaves_it_answering(platform: Platform, restarts: int) -> None:
    units = "milkbot-operator.service milkbot-dashboard.service"
    platform.ssh(f"systemctl stop milkbot-operator.service; systemctl reset-failed {units}; {_ASK} >/dev/null")
    # A sixth start within 90 seconds is refused by systemd, which closes the socket too.
    platform.ssh(f"for number in $(seq {restarts}); do systemctl restart milkbot-dashboard.service; done")
    failed = "failed" in platform.ssh("systemctl is-active milkbot-operator.socket || true")
    assert failed is (restarts == 5)
    done = platform.play("restart.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "release " in platform.ssh(_ASK)
