"""Ansible module: how a host looks from outside. It runs on the control node, with nothing but Python's own library."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: outside
short_description: Look at a host from outside
description:
  - Asks for the page and the API as a browser does, tries what has to be refused, and scans a bounded list of ports.
    Changes nothing. All is looked at, several things at a time; each waits for O(seconds) at most.
options:
  domain: {description: The name that is served., type: str, required: true}
  address: {description: Where the name is asked; empty for where DNS says., type: str, default: ""}
  ca_file: {description: Authorities that the certificate is judged by; empty for the system's., type: str, default: ""}
  origin: {description: "Address of the host itself, whatever stands in front of it.", type: str, required: true}
  ssh_port: {description: Where it is administered., type: int, required: true}
  closed_ports: {description: Ports that nobody outside may reach., type: list, elements: int, required: true}
  hidden:
    description: "Whether only the proxy in front, and nobody here, may come to the host's own ports 80 and 443."
    type: bool
    default: false
  release: {description: "Id of the live release, which has to answer.", type: str, required: true}
  seconds: {description: How long each question waits., type: int, default: 5}
"""

RETURN = r"""
table: {description: A line for each row., returned: always, type: list}
failures: {description: "C(name), C(value) and C(fix) of each row that fails.", returned: always, type: list}
"""

_DAY = 86400.0
_WARN_DAYS, _FAIL_DAYS = 21, 3
_YEAR = 31536000
# No name of ours, and none that anybody can register.
_NOBODY = "unknown.invalid"
# What a browser of today never needs: no forward secrecy, or a mode that was broken.
_WEAK = "AES128-SHA:AES256-SHA:AES128-SHA256:AES256-SHA256:AES128-GCM-SHA256:ECDHE+SHA1:@SECLEVEL=0"
_HEADERS = {
    "X-Content-Type-Options": re.compile("^nosniff$"),
    "Content-Security-Policy": re.compile("default-src '(none|self)'"),
    "Referrer-Policy": re.compile("."),
}
_MOST = 262144

Row = tuple[str, str, str, str]
"""State, name, value, remedy."""


class WrongError(Exception):
    """What a row shows as failing: the value, and the remedy."""


@dataclass(frozen=True)
class Answer:
    """Of a request by http."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Outside:
    """Where to ask, and how long to wait."""

    domain: str
    address: str
    ca_file: str
    origin: str
    ssh_port: int
    closed_ports: list[int]
    release: str
    seconds: int
    hidden: bool = False

    @contextmanager
    def connection(self, port: int, address: str = "") -> Iterator[socket.socket]:
        there = address or self.address or self.domain
        with socket.create_connection((there, port), timeout=self.seconds) as opened:
            yield opened

    def reach(self, port: int) -> None:
        """Raises OSError where nothing answers: then what is refused says nothing of how it is answered."""
        with self.connection(port):
            pass

    def authorities(self) -> ssl.SSLContext:
        """Who may have signed the certificate. Raises ValueError, in words for the operator."""
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:
            raise ValueError(
                f"verify_ca_file: {self.ca_file!r} on the control node cannot be read as certificates ({error}); "
                "give the path of a PEM file there, or leave it empty for the authorities of the system"
            ) from None

    def context(self, *, trusting: bool) -> ssl.SSLContext:
        context = self.authorities()
        if trusting:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def ask(
        self,
        method: str,
        path: str,
        *,
        secure: bool = True,
        trusting: bool = True,
        name: str = "",
        address: str = "",
    ) -> Answer:
        """One request. Raises OSError or HTTPException where there is no answer."""
        until = time.monotonic() + 2 * self.seconds
        with self.connection(443 if secure else 80, address) as raw:
            name = name or self.domain
            opened = self.context(trusting=trusting).wrap_socket(raw, server_hostname=name) if secure else raw
            connection = http.client.HTTPConnection(name, timeout=self.seconds)
            connection.sock = opened
            try:
                connection.request(method, path, headers={"User-Agent": "milkbot-verify"})
                answer = connection.getresponse()
                body = b""
                # Whoever drips must not hold up the rest.
                while len(body) < _MOST and time.monotonic() < until and (part := answer.read1(65536)):
                    body += part
            finally:
                connection.close()
            return Answer(answer.status, answer.headers, body)

    def handshake(self, context: ssl.SSLContext) -> tuple[str, str]:
        """Version and cipher that were agreed on. Raises OSError where none was."""
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.connection(443) as raw, context.wrap_socket(raw, server_hostname=self.domain) as secured:
            cipher = secured.cipher()
            return str(secured.version()), cipher[0] if cipher else ""


def page(outside: Outside) -> str:
    """By a certificate that is trusted, as a browser asks."""
    try:
        answer = outside.ask("GET", "/", trusting=False)
    except ssl.SSLCertVerificationError as error:
        remedy = "the certificate has to fit the name and its authority: nginx_certificate, verify_ca_file"
        raise WrongError(f"the certificate is not trusted: {error.verify_message}", remedy) from None
    if answer.status != 200 or b"<title>" not in answer.body:
        raise WrongError(
            f"answers {answer.status}", "on the host: healthcheck.sh; tail /var/log/nginx/milkbot-error.log"
        )
    return "200, its certificate trusted"


def api(outside: Outside) -> str:
    for path in ("/health", "/api/v1/health"):
        answer = outside.ask("GET", path)
        if answer.status != 200:
            raise WrongError(f"{path} answers {answer.status}", "on the host: healthcheck.sh")
        release = json.loads(answer.body)["release"]
        if release != outside.release:
            raise WrongError(
                f"{path} is answered by {release}, live is {outside.release}", "is that name this host's? DNS"
            )
    return f"200 as {outside.release}"


def certificate(outside: Outside) -> str:
    with outside.connection(443) as raw:
        context = outside.context(trusting=False)
        with context.wrap_socket(raw, server_hostname=outside.domain) as secured:
            found = secured.getpeercert() or {}
    end = str(found["notAfter"])
    days = (ssl.cert_time_to_seconds(end) - time.time()) / _DAY
    said = f"{int(days)} days left, until {end}"
    if days < _FAIL_DAYS:
        raise WrongError(said, "renew it: site.yml --tags nginx, or at the proxy in front")
    return f"warn: {said} -> renew it: site.yml --tags nginx, or at the proxy in front" if days < _WARN_DAYS else said


def versions(outside: Outside) -> str:
    outside.reach(443)
    taken = []
    # That these are old is what is asked about.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            # In this order: a least version above the highest would be refused.
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = context.minimum_version = version
            try:
                taken.append(outside.handshake(context)[0])
            except (ssl.SSLError, ConnectionError):
                continue
    if taken != ["TLSv1.2", "TLSv1.3"]:
        remedy = "ssl_protocols of nginx: site.yml --tags nginx; or the least version of the proxy in front"
        raise WrongError(f"takes {', '.join(taken) or 'none'}", remedy)
    return "takes TLSv1.2, TLSv1.3"


def ciphers(outside: Outside) -> str:
    outside.reach(443)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(_WEAK)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        agreed = outside.handshake(context)[1]
    except (ssl.SSLError, ConnectionError):
        return "none that is weak is taken"
    raise WrongError(f"takes {agreed}", "ssl_ciphers of nginx: site.yml --tags nginx; or those of the proxy in front")


def redirect(outside: Outside) -> str:
    answer = outside.ask("GET", "/any?x=1", secure=False)
    to = answer.headers.get("Location", "nowhere")
    if answer.status not in (301, 308) or to != f"https://{outside.domain}/any?x=1":
        raise WrongError(
            f"answers {answer.status} to {to}", "site.yml --tags nginx; or the proxy's own redirect to https"
        )
    return f"{answer.status} to https"


def hsts(outside: Outside) -> str:
    found = outside.ask("GET", "/health").headers.get("Strict-Transport-Security", "")
    age = re.search(r"max-age=(\d+)", found)
    if age is None or int(age[1]) < _YEAR:
        raise WrongError(f"is {found or 'missing'}", "a year or more: site.yml --tags nginx")
    return found


def headers(outside: Outside) -> str:
    found = outside.ask("GET", "/").headers
    wrong = [name for name, value in _HEADERS.items() if not value.search(found.get(name, ""))]
    if wrong:
        raise WrongError(f"missing or weak: {', '.join(wrong)}", "site.yml --tags nginx")
    return ", ".join(_HEADERS)


def silence(outside: Outside) -> str:
    """What an answer tells of the inside."""
    found = outside.ask("GET", "/health").headers
    told = [name for name in found if name.lower().startswith("x-milkbot")]
    told += [f"Server: {value}" for value in found.get_all("Server", []) if re.search(r"\d", value)]
    answer = ""
    if not outside.hidden:
        with outside.connection(80, outside.origin) as raw:
            raw.sendall(b"no request\r\n\r\n")
            # The error that answers it; a server that closes tells nothing.
            answer = raw.makefile("rb").read(_MOST).decode("latin-1")
    told += [f"to a malformed request {found}" for found in re.findall(r"nginx/[\d.]+", answer)[:1]]
    if told:
        raise WrongError(f"tells {', '.join(told)}", "site.yml --tags nginx")
    return "no version, no release in a header"


def writes(outside: Outside) -> str:
    status = outside.ask("POST", "/api/v1/health").status
    if status not in (403, 405):
        raise WrongError(f"a POST is answered by {status}", "site.yml --tags nginx")
    return f"a POST is answered by {status}"


def other_names(outside: Outside) -> str:
    """Of the host itself: a proxy in front knows its own names."""
    todo = "site.yml --tags nginx"
    try:
        status = outside.ask("GET", "/", secure=False, name=_NOBODY, address=outside.origin).status
    except (OSError, http.client.HTTPException):
        pass
    else:
        raise WrongError(f"http://{_NOBODY}/ is answered by {status}", todo)
    context = outside.context(trusting=True)
    for name in (_NOBODY, None):
        try:
            with outside.connection(443, outside.origin) as raw, context.wrap_socket(raw, server_hostname=name):
                pass
        except OSError:
            continue
        raise WrongError(f"a certificate is shown to who asks for {name or 'no name'}", todo)
    return "get no answer, and see no certificate"


def opened(outside: Outside, port: int) -> bool:
    try:
        with outside.connection(port, outside.origin):
            return True
    except OSError:
        return False


def ports(outside: Outside) -> str:
    """From here alone: a firewall that lets this address in, and others not, looks open."""
    wanted = [outside.ssh_port] if outside.hidden else [outside.ssh_port, 80, 443]
    asked = sorted({*wanted, 80, 443, *outside.closed_ports})
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = pool.map(lambda port: opened(outside, port), asked)
        found = [port for port, is_open in zip(asked, answers, strict=True) if is_open]
    more, missing = set(found) - set(wanted), set(wanted) - set(found)
    if more or missing:
        said = [f"{port} is open" for port in sorted(more)] + [f"{port} is closed" for port in sorted(missing)]
        raise WrongError(", ".join(said), "ufw status; ss -ltnp; site.yml --tags ufw")
    return f"{', '.join(map(str, found))} of {len(asked)} tried"


CHECKS: dict[str, Callable[[Outside], str]] = {
    "page from outside": page,
    "API from outside": api,
    "certificate from outside": certificate,
    "TLS versions": versions,
    "TLS ciphers": ciphers,
    "http to https": redirect,
    "Strict-Transport-Security": hsts,
    "security headers": headers,
    "what answers tell": silence,
    "writes to the API": writes,
    "other names": other_names,
    "open ports": ports,
}


def row(outside: Outside, name: str) -> Row:
    try:
        value = CHECKS[name](outside)
    except WrongError as wrong:
        return "fail", name, wrong.args[0], wrong.args[1]
    except socket.gaierror as error:
        where = outside.address or outside.domain
        return (
            "fail",
            name,
            f"{where} has no address: {error.strerror}",
            "make a DNS record for it, or give verify_address",
        )
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return "fail", name, f"no answer: {said}", "DNS, the firewall, systemctl status nginx; verify_address"
    state, value = ("warn", value[6:]) if value.startswith("warn: ") else ("ok", value)
    return state, name, value, ""


def main() -> None:
    module = AnsibleModule(
        {
            "domain": {"type": "str", "required": True},
            "address": {"type": "str", "default": ""},
            "ca_file": {"type": "str", "default": ""},
            "origin": {"type": "str", "required": True},
            "ssh_port": {"type": "int", "required": True},
            "closed_ports": {"type": "list", "elements": "int", "required": True},
            "hidden": {"type": "bool", "default": False},
            "release": {"type": "str", "required": True},
            "seconds": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    outside = Outside(**module.params)
    try:
        outside.authorities()
    except ValueError as error:
        module.fail_json(msg=str(error))
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        rows = list(pool.map(lambda name: row(outside, name), CHECKS))
    table = [dict(zip(("state", "name", "value", "fix"), row, strict=True)) for row in rows]
    module.exit_json(changed=False, table=table, failures=[row for row in table if row["state"] == "fail"])


if __name__ == "__main__":
    main()
