"""Who gets to the operator's page on the web, and who does not: the real pages, in a real browser, over TLS."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import sync_playwright
from sqlalchemy import text
from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.exchange import Keys
from tests.integration.operate.conftest import running_page, settings_of_acts
from tests.integration.operate.passkey_site import ADDRESS, LOGIN_USER, NAME, Device, Site, open_device, running_login
from tests.postgres import Cluster, TestDatabase

JSON = {"Origin": ADDRESS, "Content-Type": "application/json"}
USER = '[data-testid="user"]'


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[TestDatabase]:
    with cluster.database() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def site(database: TestDatabase, keys: Keys, origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    acting = settings_of_acts(database, keys, origin, directory)
    with (
        running_page(database, acting, directory, "--login-user", LOGIN_USER) as page,
        running_login(page) as (front, state),
        sync_playwright() as playwright,
    ):
        more = (
            f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{front.port},MAP {NAME} 127.0.0.1",
            f"--ignore-certificate-errors-spki-list={front.fingerprint}",
        )
        with playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more]) as browser:
            yield Site(page, front, browser, state)


def rows(database: TestDatabase, query: str) -> list[tuple[Any, ...]]:
    with database.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def begin(client: httpx2.Client) -> dict[str, Any]:
    return dict(client.post("/login/begin", json={}, headers=JSON).json())


def finish(client: httpx2.Client, proof: dict[str, Any]) -> int:
    return client.post("/login/finish", json=proof, headers=JSON).status_code


def test_an_enrolled_device_logs_in_and_its_halt_is_recorded_under_its_operators_name(
    site: Site, database: TestDatabase
) -> None:
    with site.enrolled("alice") as device:
        device.log_in()
        assert device.tab.locator(USER).inner_text() == "alice via passkey"
        device.tab.get_by_label("why halt").fill("storm")
        device.tab.get_by_role("button", name="Halt", exact=True).click()
        assert "trading is halted" in device.tab.get_by_test_id("answer").inner_text()
        newest = "SELECT source, effect, reason FROM ops.trading_holds ORDER BY id DESC LIMIT 1"
        assert rows(database, newest) == [("alice via passkey", "halted", "storm")]
        device.tab.get_by_role("button", name="Log out").click()
        device.tab.wait_for_url(f"{ADDRESS}/login")
        assert device.tab.goto(ADDRESS) is not None
        assert device.tab.url == f"{ADDRESS}/login"


def test_a_link_works_once_and_for_ten_minutes(site: Site) -> None:
    link = site.link("bob")
    with open_device(site.browser) as device:
        device.enrol(link)
        device.tab.goto(link)
        device.tab.reload()
        assert "not good any more" in device.said("Enrol this device")
    link = site.link("late")
    site.change("UPDATE links SET until = until - 601 WHERE name = 'late'")
    with open_device(site.browser) as device:
        device.tab.goto(link)
        assert "not good any more" in device.said("Enrol this device")
    with site.client() as client:
        assert client.post("/enrol/begin", json={"link": "guessed"}, headers=JSON).status_code == 403


def test_revoking_an_operator_ends_his_sessions_at_once(site: Site) -> None:
    with site.enrolled("carol") as device:
        device.log_in()
        assert "carol" in site.milkbot("list").stdout
        assert site.milkbot("revoke", "carol").returncode == 0
        device.tab.goto(ADDRESS)
        assert device.tab.url == f"{ADDRESS}/login"
        assert "not accepted" in device.said("Log in with a passkey")
        assert "carol" not in site.milkbot("list").stdout


@pytest.fixture(scope="module")
def dave(site: Site) -> Iterator[Device]:
    """A device that is enrolled, and leaves each test as it came."""
    with site.enrolled("dave") as device:
        device.log_in()
        yield device


def test_a_proof_is_good_once_and_for_its_own_attempt_alone(site: Site, dave: Device) -> None:
    with site.client() as client, site.client() as other:
        proof = dave.proof(begin(client))
        attempt = client.cookies["__Host-attempt"]
        assert begin(other)
        assert finish(other, proof) == 403
        assert finish(client, proof) == 200
        client.cookies.set("__Host-attempt", attempt, domain=NAME)
        assert finish(client, proof) == 403


def test_a_login_without_the_devices_lock_is_refused(site: Site, dave: Device) -> None:
    locked = {"authenticatorId": dave.authenticator, "isUserVerified": False}
    with site.client() as client:
        dave.cdp.send("WebAuthn.setUserVerified", locked)
        proof = dave.proof({**begin(client), "userVerification": "discouraged"})
        dave.cdp.send("WebAuthn.setUserVerified", {**locked, "isUserVerified": True})
        assert finish(client, proof) == 403


def test_a_key_without_the_devices_lock_is_not_enrolled(site: Site) -> None:
    with open_device(site.browser, hasUserVerification=False, isUserVerified=False) as device, site.client() as client:
        link = site.link("erin")
        device.tab.goto(f"{ADDRESS}/enrol")
        options = client.post("/enrol/begin", json={"link": link.partition("#")[2]}, headers=JSON).json()
        options["authenticatorSelection"] = {"userVerification": "discouraged", "residentKey": "discouraged"}
        made = device.make_key(options)
        assert client.post("/enrol/finish", json=made, headers=JSON).status_code == 403
    assert "erin" not in site.milkbot("list").stdout


def test_a_key_that_was_never_enrolled_is_refused(site: Site, dave: Device) -> None:
    with open_device(site.browser) as device, site.client() as client:
        link = site.link("frank")
        device.tab.goto(f"{ADDRESS}/login")
        options = client.post("/enrol/begin", json={"link": link.partition("#")[2]}, headers=JSON).json()
        device.make_key(options)
        assert finish(client, device.proof(begin(client))) == 403
        # Nor does it pass with the id of one that is.
        known = dave.proof(begin(client))
        theirs = device.proof(begin(client))
        assert finish(client, {**theirs, "id": known["id"], "rawId": known["rawId"]}) == 403


def test_a_proof_for_another_origin_of_the_same_name_is_refused(site: Site, dave: Device) -> None:
    with site.client() as client:
        options = begin(client)
        dave.tab.goto(f"{ADDRESS}:{site.front.port}/login")
        proof = dave.proof(options)
        dave.tab.goto(ADDRESS)
        assert finish(client, proof) == 403


def test_a_copy_of_a_key_that_counts_behind_is_refused(site: Site) -> None:
    with site.enrolled("gina") as device, site.client() as client:
        assert finish(client, device.proof(begin(client))) == 200
        which = {"authenticatorId": device.authenticator}
        (copied,) = device.cdp.send("WebAuthn.getCredentials", which)["credentials"]
        device.cdp.send("WebAuthn.clearCredentials", which)
        device.cdp.send("WebAuthn.addCredential", {**which, "credential": {**copied, "signCount": 0}})
        assert finish(client, device.proof(begin(client))) == 403


def test_a_session_ends_after_eight_hours(site: Site, dave: Device) -> None:
    dave.log_in()
    site.change("UPDATE sessions SET until = until - 8 * 3600 + 60")
    dave.tab.reload()
    assert dave.tab.locator(USER).inner_text() == "dave via passkey"
    site.change("UPDATE sessions SET until = until - 60")
    dave.tab.reload()
    assert dave.tab.url == f"{ADDRESS}/login"
    dave.log_in()


def test_the_cookie_is_for_this_origin_alone_and_its_secret_is_not_kept(site: Site, dave: Device) -> None:
    (cookie,) = [one for one in dave.tab.context.cookies() if one["name"] == "__Host-operator"]
    kept = {name: cookie.get(name) for name in ("domain", "path", "httpOnly", "secure", "sameSite")}
    assert kept == {"domain": NAME, "path": "/", "httpOnly": True, "secure": True, "sameSite": "Strict"}
    assert str(cookie["value"]).encode() not in (site.state / "passkeys.sqlite").read_bytes()


@pytest.mark.parametrize("kind", ["none", "guessed", "tampered"])
def test_nothing_but_the_login_is_there_without_a_session(site: Site, dave: Device, kind: str) -> None:
    good = dave.session()
    sent = {"none": "", "guessed": "guessed", "tampered": good[:-1] + ("A" if good[-1] != "A" else "B")}[kind]
    with site.client() as client:
        headers = {"Cookie": f"__Host-operator={sent}"} if sent else {}
        shown = client.get("/", headers=headers)
        assert (shown.status_code, shown.headers["location"]) == (303, "/login")
        websocket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        for more in (websocket | {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}, {}):
            assert client.get("/live.js", headers={**headers, **more}).status_code == 401
        acted = client.post("/act/halt", data={"reason": "x"}, headers={**headers, "Origin": ADDRESS})
        assert acted.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "https://milkbot.test"},
        {"Origin": "null"},
        {"Origin": ADDRESS, "Host": "milkbot.test"},
        {"Origin": ADDRESS, "Host": "localhost:8502"},
    ],
)
def test_another_origin_and_a_rebound_name_are_refused(site: Site, dave: Device, headers: dict[str, str]) -> None:
    sent = {name: value for name, value in headers.items() if value}
    with site.client() as client:
        cookie = {"Cookie": f"__Host-operator={dave.session()}"}
        for path in ("/act/halt", "/login/begin", "/logout"):
            assert client.post(path, data={"reason": "x"}, headers={**cookie, **sent}).status_code == 403
    dave.tab.reload()
    assert dave.tab.locator(USER).inner_text() == "dave via passkey"


def test_a_name_that_a_visitor_or_another_user_sends_is_not_believed(site: Site, dave: Device) -> None:
    forged = {"X-Milkbot-Operator": "mallory"}
    with site.client() as client:
        assert client.get("/", headers=forged).status_code == 303
        shown = client.get("/", headers={**forged, "Cookie": f"__Host-operator={dave.session()}"}).text
        assert ("dave via passkey" in shown, "mallory" in shown) == (True, False)
    # Root's own connection, by the page's socket.
    shown = site.page.get(**forged).text
    assert ("root via ssh" in shown, "mallory" in shown) == (True, False)


def test_the_page_shows_nothing_to_a_login_service_that_names_nobody(site: Site) -> None:
    ask = ["setpriv", f"--reuid={LOGIN_USER}", "--regid=nogroup", "--clear-groups", "--inh-caps=+dac_read_search"]
    curl = ["curl", "-sS", "--unix-socket", str(site.page.directory / "web.sock"), "http://localhost:8502/"]
    done = subprocess.run([*ask, "--ambient-caps=+dac_read_search", *curl], capture_output=True, text=True, check=True)
    assert done.stdout == "refused: the login names nobody\n"


def test_an_operator_who_is_logged_in_halts_without_the_database(
    site: Site, dave: Device, database: TestDatabase
) -> None:
    with database.engine("postgres").connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        try:
            admin.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0"))
            for role in ("milkbot_operator", "milkbot"):
                admin.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"))
            dave.tab.reload()
            dave.tab.get_by_label("why halt").fill("no database")
            dave.tab.get_by_role("button", name="Halt", exact=True).click()
            assert "trading is halted by the kill file" in dave.tab.get_by_test_id("answer").inner_text()
        finally:
            admin.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1"))
    assert "dave via passkey: no database" in (site.page.directory / "HALT").read_text("utf-8")
