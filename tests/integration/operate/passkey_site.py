"""The operator's page on the web: its login service behind TLS, and a browser with an authenticator of its own."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, CDPSession
from playwright.sync_api import Page as Tab
from tests.exchange import child_environment
from tests.integration.operate.conftest import MILKBOT, Page, wait_for
from tests.patience import PATIENCE
from tests.roles.conftest import make_pair

NAME = "operate.milkbot.test"
ADDRESS = f"https://{NAME}"
LOGIN_USER = "nobody"
# It may read our code, wherever that is, and is that user otherwise.
_AS_LOGIN_USER = [
    *("setpriv", f"--reuid={LOGIN_USER}", "--regid=nogroup", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
]
_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# What the browser would send, of options that the test was given, or has changed.
_GET = """async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey })).toJSON();
}"""
_CREATE = """async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
}"""


class Front:
    """What nginx is on a server: ends TLS, and hands on to the Unix socket."""

    def __init__(self, directory: Path, target: Path) -> None:
        pair = make_pair(NAME)
        certificate, key = directory / "certificate.pem", directory / "key.pem"
        certificate.write_text(pair.certificate)
        key.write_text(pair.key)
        public = x509.load_pem_x509_certificate(pair.certificate.encode()).public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        self.certificate = certificate
        self._target = str(target)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as outside,
            socket.socket(socket.AF_UNIX) as inside,
        ):
            inside.connect(self._target)
            back = threading.Thread(target=_copy, args=(inside, outside), daemon=True)
            back.start()
            _copy(outside, inside)
            back.join(PATIENCE)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@dataclass
class Site:
    """The page behind its login."""

    page: Page
    front: Front
    browser: Browser
    state: Path

    def milkbot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`milkbot operator ...` on the server, as the login service's user."""
        command = [*_AS_LOGIN_USER, *MILKBOT, "operator", *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)

    def environment(self) -> dict[str, str]:
        return child_environment(MILKBOT_OPERATE_ORIGIN=ADDRESS, MILKBOT_OPERATE_STATE=str(self.state))

    def link(self, name: str) -> str:
        """A new link for that operator."""
        return next(line.strip() for line in self.milkbot("add", name).stdout.splitlines() if ADDRESS in line)

    def client(self) -> httpx2.Client:
        """A program that speaks to the site, with cookies of its own."""
        context = ssl.create_default_context(cafile=str(self.front.certificate))
        return httpx2.Client(transport=_ByName(self.front.port, context), base_url=ADDRESS, timeout=PATIENCE)

    def change(self, statement: str) -> None:
        """Change the login service's file."""
        with closing(sqlite3.connect(self.state / "passkeys.sqlite")) as file, file:
            assert file.execute(statement).rowcount > 0

    @contextmanager
    def enrolled(self, name: str) -> Iterator[Device]:
        """A device that enrolled a key for that operator."""
        with open_device(self.browser) as device:
            device.enrol(self.link(name))
            yield device


class _ByName(httpx2.HTTPTransport):
    """Goes to the front, whatever the name means elsewhere."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(verify=context)
        self._port = port

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions["sni_hostname"] = NAME
        asked, request.url = request.url, request.url.copy_with(host="127.0.0.1", port=self._port)
        try:
            return super().handle_request(request)
        finally:
            request.url = asked


@dataclass
class Device:
    """A phone: a tab, and the authenticator that it uses."""

    tab: Tab
    cdp: CDPSession
    authenticator: str

    def enrol(self, link: str) -> None:
        self.tab.goto(link)
        self.tab.get_by_role("button", name="Enrol this device").click()
        self.tab.wait_for_url(f"{ADDRESS}/login")

    def log_in(self) -> None:
        self.tab.goto(f"{ADDRESS}/login")
        self.tab.get_by_role("button", name="Log in with a passkey").click()
        self.tab.wait_for_url(f"{ADDRESS}/")

    def said(self, button: str) -> str:
        """What the login says after that button did not do."""
        self.tab.get_by_role("button", name=button).click()
        alert = self.tab.locator("#said")
        alert.wait_for()
        return alert.inner_text()

    def proof(self, options: dict[str, Any]) -> dict[str, Any]:
        """The device's answer to a challenge."""
        return dict(self.tab.evaluate(_GET, options))

    def make_key(self, options: dict[str, Any]) -> dict[str, Any]:
        """A new key of the device."""
        return dict(self.tab.evaluate(_CREATE, options))

    def session(self) -> str:
        """The cookie of the session."""
        return next(str(one["value"]) for one in self.tab.context.cookies() if one["name"] == "__Host-operator")


@contextmanager
def open_device(browser: Browser, **more: object) -> Iterator[Device]:
    """A phone with an empty authenticator."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    try:
        tab = context.new_page()
        cdp = context.new_cdp_session(tab)
        cdp.send("WebAuthn.enable")
        made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**_AUTHENTICATOR, **more}})
        yield Device(tab, cdp, made["authenticatorId"])
    finally:
        context.close()


@contextmanager
def running_login(page: Page) -> Iterator[tuple[Front, Path]]:
    """The login service before that page."""
    state, listening = page.directory / "state", page.directory / "state/login.sock"
    state.mkdir(mode=0o700)
    os.chown(state, pwd.getpwnam(LOGIN_USER).pw_uid, -1)
    command = [*_AS_LOGIN_USER, *MILKBOT, "operator", "login", "--page", str(page.directory / "web.sock")]
    environment = child_environment(MILKBOT_OPERATE_ORIGIN=ADDRESS, MILKBOT_OPERATE_STATE=str(state))
    with (page.directory / "login.log").open("wb") as log:
        process = subprocess.Popen([*command, "--socket", str(listening)], env=environment, stderr=log)
        try:
            wait_for(lambda: listening.exists() or process.poll() is not None)
            assert process.poll() is None, (page.directory / "login.log").read_text()
            front = Front(page.directory, listening)
            yield front, state
            front.close()
        finally:
            process.terminate()
            process.wait(PATIENCE)
