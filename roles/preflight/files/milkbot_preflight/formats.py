"""The formats that a rule of roles/*/meta/values.yml may name: what each is in words, and whether a text has it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from urllib.parse import urlsplit


class WrongFormatError(ValueError):
    """The text does not have the format. The message is a text that would, where one can be guessed."""


@dataclass(frozen=True, slots=True)
class Format:
    """`check` returns for a text that has the format, and raises WrongFormatError for every other."""

    words: str
    example: str
    check: Callable[[str], None]


_HOST = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_PORTS = 65535


def _matches(pattern: str) -> Callable[[str], None]:
    compiled = re.compile(pattern)

    def check(text: str) -> None:
        if not compiled.fullmatch(text):
            raise WrongFormatError

    return check


def _anything(text: str) -> None:
    del text


def _domain(text: str) -> None:
    bare = text.partition("://")[2] or text
    bare = re.split(r"[/:?#]", bare, maxsplit=1)[0].rstrip(".").lower()
    if text != bare or not _HOST.fullmatch(text) or "." not in text:
        raise WrongFormatError(bare if _HOST.fullmatch(bare) and "." in bare else "")


def _network(text: str) -> None:
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise WrongFormatError from None
    try:
        ipaddress.ip_network(text, strict=True)
    except ValueError:
        raise WrongFormatError(str(loose)) from None


def _network_or_any(text: str) -> None:
    if text != "any":
        _network(text)


def _address_or_host(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _HOST.fullmatch(text):
            raise WrongFormatError from None


def _url(text: str) -> None:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise WrongFormatError from None
    if not usable or re.search(r"\s", text):
        raise WrongFormatError("" if "://" in text or re.search(r"\s", text) else f"https://{text}")


def _port_range(text: str) -> None:
    first, _, last = text.partition(":")
    ports = [first, last] if ":" in text else [first]
    if not all(re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= _PORTS for port in ports):
        raise WrongFormatError
    if len(ports) > 1 and int(first) >= int(last):
        raise WrongFormatError


def _log_size(text: str) -> None:
    found = re.fullmatch(r"([0-9]+)([kMG]?)", text)
    if not found:
        guess = re.fullmatch(r"([0-9]+) ?([kKmMgG])[iI]?[bB]?", text)
        raise WrongFormatError(
            f"{guess[1]}{guess[2].lower() if guess[2] in 'kK' else guess[2].upper()}" if guess else ""
        )
    size = int(found[1]) * 1024 ** ("kMG".index(found[2]) + 1 if found[2] else 0)
    if not 1024 <= size <= 10 * 1024**3:
        raise WrongFormatError


# What a number of PostgreSQL's settings may end with.
_POSTGRES_UNITS = ("B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d")


def _postgres_value(text: str) -> None:
    found = re.fullmatch(r"(-?[0-9.]+) ?([A-Za-z]+)", text)
    if found and found[2] not in _POSTGRES_UNITS:
        near = {"k": "kB", "m": "MB", "g": "GB", "t": "TB"}.get(found[2][0].lower())
        raise WrongFormatError(f"{found[1]}{near}" if near and len(found[2]) <= len("GiB") else "")


def _day(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise WrongFormatError from None


def _contact(text: str) -> None:
    if not text.isascii() or not re.search(r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://\S+", text):
        raise WrongFormatError


def _regex(text: str) -> None:
    try:
        re.compile(text)
    except re.error:
        raise WrongFormatError(re.escape(text)) from None


def _directory(text: str) -> None:
    path = PurePosixPath(text)
    if (
        not path.is_absolute()
        or len(path.parts) < len(("/", "one", "two"))
        or ".." in path.parts
        or re.search(r"\s", text)
    ):
        raise WrongFormatError


def _git_url(text: str) -> None:
    if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", text) or re.search(r"\s", text) or text.startswith("-"):
        raise WrongFormatError


FORMATS: dict[str, Format] = {
    "line": Format("one line without control characters", "", _anything),
    "text": Format("text", "", _anything),
    # Whether systemd understands it is for the host's own systemd to say: preflight runs systemd-analyze there.
    "calendar": Format("a time as systemd's OnCalendar takes it", "Sun *-*-* 05:30:00 UTC", _matches(r".*\S.*")),
    "day": Format("a day as YEAR-MONTH-DAY", "2026-11-30", _day),
    "domain": Format("a domain's name alone, without https://, port or path", "milkbot.example.com", _domain),
    "network": Format("an address or a network", "203.0.113.0/24", _network),
    "network_or_any": Format("an address, a network, or any", "203.0.113.0/24", _network_or_any),
    "address": Format("an address or the name of a host", "203.0.113.10", _address_or_host),
    "url": Format("an address that begins with https:// or http://", "https://example.com/path", _url),
    "port_range": Format("a port or a range of ports, from 1 to 65535", "8000:8010", _port_range),
    "memory": Format(
        "a size with K, M or G, or a share of the host's memory from 1% to 100%",
        "512M",
        _matches(r"[1-9][0-9]{0,8}[KMG]|[1-9][0-9]?%|100%"),
    ),
    "log_size": Format("a size from 1k to 10G, a number with k, M or G", "100M", _log_size),
    "postgres_name": Format(
        "a setting of PostgreSQL, in lower case", "shared_buffers", _matches(r"[a-z_][a-z0-9_]*(\.[a-z0-9_]+)*")
    ),
    "postgres_value": Format(
        f"a value as PostgreSQL takes it; units are {', '.join(_POSTGRES_UNITS)}", "1GB", _postgres_value
    ),
    "contact": Format("a name with an e-mail address or a web address", "milkbot (operator@example.com)", _contact),
    "header": Format("the name of an HTTP header", "CF-Connecting-IP", _matches(r"[A-Za-z][A-Za-z0-9-]*")),
    "dollars": Format(
        "an amount in dollars above 0, such as 1000.00", "1000.00", _matches(r"(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,2})?")
    ),
    "age_recipient": Format(
        "a public key of age", "age1...", _matches(r"age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?")
    ),
    "rclone_target": Format("REMOTE:PATH, as rclone names it", "store:milkbot", _matches(r"[^:\s]+:\S.*")),
    "package": Format("the name of a package", "htop", _matches(r"[a-z0-9][a-z0-9+.-]+")),
    "regex": Format("a regular expression", "postgresql-.*", _regex),
    "directory": Format("an absolute path below a top directory", "/var/backups/milkbot-wal", _directory),
    "git_url": Format("a repository's address without a password in it", "https://example.com/milkbot.git", _git_url),
    "repository_option": Format(
        "an option of a pgBackRest repository without its prefix", "s3-bucket", _matches(r"[a-z0-9]+(-[a-z0-9]+)*")
    ),
    "wheel": Format(
        "the absolute path of a wheel on the control node",
        "/home/me/mine/dist/milkbot_forecaster_mine-0.1.0-py3-none-any.whl",
        _matches(r"/.*/[A-Za-z0-9_.]+-[A-Za-z0-9_.!+]+(-[A-Za-z0-9_.]+){3,4}\.whl"),
    ),
    "kernel_name": Format("a name of sysctl's", "net.ipv4.tcp_syncookies", _matches(r"[a-z0-9_]+(\.[A-Za-z0-9_-]+)+")),
    "sshd_name": Format("the name of a setting of sshd_config", "MaxSessions", _matches(r"[A-Za-z][A-Za-z0-9]+")),
    "login": Format("the name of a login", "alice", _matches(r"[a-z_][a-z0-9_-]{0,31}")),
    "service": Format("the name of a service", "analytics", _matches(r"[a-z][a-z0-9@._-]*")),
}
