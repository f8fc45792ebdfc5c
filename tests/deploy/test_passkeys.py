"""The operator's page on the web, on a machine: switched on, a halt by a passkey, whom it refuses, and switched off."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import re
import socket
import ssl
from collections.abc import Iterator
from uuid import uuid4

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, sync_playwright
from tests.deploy.platform import Platform, said
from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.integration.operate.passkey_site import ADDRESS, NAME, Device, open_device
from tests.patience import PATIENCE

pytestmark = pytest.mark.matrix
TAGS = "user,environment,nginx,systemd,fence"
RUN = "/run/milkbot-operator"
STATE = "/var/lib/milkbot-passkey"
ROWS = (
    "SELECT json_agg(row) FROM (SELECT source, effect, reason FROM ops.trading_holds WHERE reason = '{0}' UNION ALL "
    "SELECT event_type, severity, message FROM ops.risk_events WHERE message LIKE '%{0}') AS row"
)
CONNECT = "import socket, sys; print(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]))"


def switch(platform: Platform, *, on: bool) -> None:
    done = platform.play("site.yml", "--tags", TAGS, milkbot_operator_web_enabled=on)
    assert done.returncode == 0, said(done)


@pytest.fixture(scope="module")
def web(platform: Platform) -> Iterator[Platform]:
    switch(platform, on=True)
    yield platform
    platform.ssh("milkbot resume --reason 'the test is over' || true")
    switch(platform, on=False)


@pytest.fixture(scope="module")
def browser(web: Platform) -> Iterator[Browser]:
    served = x509.load_pem_x509_certificate(_certificate(web).encode())
    spki = served.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    more = (
        f"--host-resolver-rules=MAP {NAME} {web.address}",
        f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(spki).digest()).decode()}",
    )
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more]) as launched,
    ):
        yield launched


@pytest.fixture(scope="module")
def phone(web: Platform, browser: Browser) -> Iterator[Device]:
    link = re.search(rf"{ADDRESS}/enrol#\S+", web.ssh("milkbot operator add alice"))
    assert link
    with open_device(browser) as device:
        device.enrol(link[0])
        device.log_in()
        yield device


def _certificate(web: Platform) -> str:
    """What is served for that name, as the tests' authority signed it."""
    context = ssl.create_default_context(cafile=str(web.authority))
    with (
        socket.create_connection((web.address, 443), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as wrapped,
    ):
        found = wrapped.getpeercert(binary_form=True)
    assert found
    return ssl.DER_cert_to_PEM_cert(found)


def _client(web: Platform) -> httpx2.Client:
    """Without any cookie."""
    context = ssl.create_default_context(cafile=str(web.authority))
    extensions = {"sni_hostname": NAME}
    client = httpx2.Client(verify=context, base_url=f"https://{web.address}", headers={"Host": NAME}, timeout=PATIENCE)
    client.event_hooks["request"] = [lambda request: request.extensions.update(extensions)]
    return client


def _rows(web: Platform, reason: str) -> list[dict[str, str]]:
    sql = ROWS.format(reason)
    found: list[dict[str, str]] = json.loads(web.ssh(f'cd / && runuser -u postgres -- psql -d milkbot -XAtc "{sql}"'))
    return found


def test_a_halt_by_passkey_leaves_the_rows_of_one_by_command_but_for_the_actor(web: Platform, phone: Device) -> None:
    # A machine on which this ran before has the rows of then.
    command, passkey = (f"{how} {uuid4().hex}" for how in ("by command", "by passkey"))
    web.ssh(f"milkbot halt --reason '{command}'")
    phone.tab.goto(ADDRESS)
    phone.tab.get_by_label("why halt").fill(passkey)
    phone.tab.get_by_role("button", name="Halt", exact=True).click()
    assert "trading is halted" in phone.tab.get_by_test_id("answer").inner_text()
    by_page, by_command = _rows(web, passkey), _rows(web, command)
    actor = next(row["source"] for row in by_command if row["effect"] == "halted")
    expected = json.dumps(by_command).replace(actor, "alice via passkey").replace(command, passkey)
    assert sorted(map(str, by_page)) == sorted(map(str, json.loads(expected)))
    assert len(by_page) == 2


def test_without_a_session_there_is_the_login_alone(web: Platform) -> None:
    forged = {"X-Milkbot-Operator": "alice", "X-Real-IP": "127.0.0.1"}
    websocket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    with _client(web) as client:
        for headers in ({}, forged, websocket):
            assert client.get("/", headers=headers).status_code == 303
            assert client.get("/live.js", headers=headers).status_code == 401
        shown = client.get("/login")
        assert (shown.status_code, shown.headers["X-Robots-Tag"]) == (200, "noindex")
        once = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control")
        assert [len(shown.headers.get_list(name)) for name in once] == [1] * len(once)
        assert "unsafe" not in shown.headers["Content-Security-Policy"]
        public = client.get("/", headers={"Host": "milkbot.test"})
        assert NAME not in public.text


def test_no_other_user_opens_the_logins_socket_or_reads_its_keys(web: Platform) -> None:
    for user in ("milkbot", "milkbot-dashboard", "milkbot-analytics", "milkbot-operator", "nobody"):
        asked = f"cd / && runuser -u {user} -- python3 -c '{CONNECT}' {RUN}/passkey.sock"
        assert web.ssh(asked) == str(errno.EACCES), user
        assert web.ssh(f"runuser -u {user} -- ls {STATE} >/dev/null 2>&1 || echo refused") == "refused"
    # The kernel tells who connects: nginx's own user is not the login's.
    forged = f"curl -sS --unix-socket {RUN}/web.sock -H 'X-Milkbot-Operator: alice' http://localhost:8502/"
    assert '<span data-testid="user">root via ssh</span>' in web.ssh(forged)


def test_the_login_is_sandboxed_like_the_others(web: Platform) -> None:
    unit = "milkbot-passkey.service"
    score = web.ssh(f"systemd-analyze security --no-pager {unit} | grep -o 'Overall exposure.*: [0-9.]*'")
    assert float(score.rsplit(" ", 1)[1]) < 2
    assert web.ssh(f"systemctl show -P RestrictAddressFamilies {unit}") == "AF_UNIX"
    # The fence lets that user connect nowhere: curl ends with 7.
    outside = "cd / && runuser -u milkbot-passkey -- curl -sk -m 20 -o /dev/null https://127.0.0.1/ || echo $?"
    assert web.ssh(outside) == "7"


def test_the_sixth_try_of_an_address_within_a_minute_is_refused(web: Platform) -> None:
    with _client(web) as client:
        came = [client.post("/login/begin", headers={"Origin": ADDRESS}, json={}).status_code for _ in range(30)]
    # A try is two requests, the phone has made some.
    assert 429 in came[:11]
    assert set(came) <= {200, 429}


def test_revoked_he_is_logged_out_at_once(web: Platform, phone: Device) -> None:
    web.ssh("milkbot operator revoke alice")
    phone.tab.goto(ADDRESS)
    assert phone.tab.url == f"{ADDRESS}/login"


def test_switched_off_nothing_of_it_is_left(web: Platform) -> None:
    switch(web, on=False)
    with _client(web) as client, pytest.raises(httpx2.HTTPError):
        client.get("/login")
    left = f"ls {STATE} {RUN}/passkey.sock /etc/systemd/system/milkbot-passkey.* 2>/dev/null | wc -l"
    assert web.ssh(left) == "0"
    assert (
        web.ssh("systemctl is-active milkbot-passkey.service milkbot-passkey.socket || true").split()
        == ["inactive"] * 2
    )
    assert "LOGIN_USER" not in web.ssh("systemctl cat milkbot-operator.service")
    assert "the operator's page is not on the web" in web.ssh("milkbot operator list 2>&1 || true")
