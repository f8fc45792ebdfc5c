"""No secret leaves this host: hidden by the name beside it, by its shape, and wherever a known one stands."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator

from milkbot_hostcheck.collection import parse_settings

HIDDEN = "(hidden)"
# Hiding each letter of a shorter one would leave no line that can be read: it is hidden by its name alone.
SHORTEST = 4

_NAMED = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|key[_-]?id|credential"
    r"|webhook|healthchecks|ping[_-]?url|cipher-pass|cookie|authorization|account[_-]?key|sas[_-]?url|e?mail|notify)[\w.-]*"
)
_SECRET_NAME = re.compile(_NAMED, re.IGNORECASE)
# They end in what they are: a place, a switch, a name of a method.
_NO_SECRET_NAME = re.compile(r"(?:_path|_file|_encryption|_dir|_enabled|_timeout|_on)$|^key_id$", re.IGNORECASE)
# NAME=value, "name": "value", name: value, also inside of a string of JSON.
_VALUE = r"""(\\"(?:[^"\\]|\\\\.)*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|(?:(?:Basic|Bearer|Digest)\s+)?[^\s,;&"'\\]+)"""
_PAIR = re.compile(rf"""(?<![\w.-])({_NAMED})(\\?["']?[^\S\n]*[=:][^\S\n]*){_VALUE}""", re.IGNORECASE)
_OPTION = re.compile(rf"(--{_NAMED})([^\S\n]+)(\S+)", re.IGNORECASE)
_KEY_LINES = r"(?:[A-Za-z0-9+/=]{16,}(?:\\n|\s)+)"

# Shapes that are a secret wherever they stand; what group 1 and 2 hold is kept.
_SHAPES = [
    (r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?s:.){0,20000}?(-----END [A-Z ]*PRIVATE KEY-----)", rf"\1{HIDDEN}\2"),
    (rf"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:\\n|\s)*{_KEY_LINES}+", rf"\1{HIDDEN} "),
    (rf"{_KEY_LINES}+(-----END [A-Z ]*PRIVATE KEY-----)", rf"{HIDDEN}\1"),
    (r"(\w[\w+.-]*://[^/\s:@\"']*):[^/\s@\"']+@", rf"\1:{HIDDEN}@"),
    # Services that are told of something: the address is the secret.
    (
        r"(https://(?:hooks\.slack\.com|hc-ping\.com|discord(?:app)?\.com/api/webhooks|[\w.-]*webhook[\w.-]*)/)[^\s\"'\\]+",
        rf"\1{HIDDEN}",
    ),
    (r"(https?://[^\s\"'\\]*/(?:hooks?|webhooks?|ping)/)[^\s\"'\\]+", rf"\1{HIDDEN}"),
    (
        r"\b((?:slack|ntfys?|tgram|discord|mailtos?|jsons?|xmls?|gotifys?|pover|pbul|signals?|matrixs?|mmosts?|msteams)://)[^\s\"'\\]+",
        rf"\1{HIDDEN}",
    ),
    (r"(SCRAM-SHA-256\$)[^\s\"']+", rf"\1{HIDDEN}"),
    (r"(\bPASSWORD\s+)'(?:[^']|'')*'", rf"\1'{HIDDEN}'"),
    (r"(AGE-SECRET-KEY-1)[A-Z0-9]+", rf"\1{HIDDEN}"),
    (r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{12,}", rf"\1{HIDDEN}"),
    (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+", HIDDEN),
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", HIDDEN),
    (r"\bsk-[A-Za-z0-9_-]{16,}", HIDDEN),
]
_COMPILED = [(re.compile(shape, re.IGNORECASE if "PASSWORD" in shape else 0), instead) for shape, instead in _SHAPES]
_TOKEN = re.compile(r"[\w.~+-]{8,}")
# A password that is one of these words is none; hiding it would hide the names of the units.
_PUBLIC = frozenset(
    [
        "milkbot",
        "postgres",
        "localhost",
        "demo",
        "live",
        "shadow",
        "true",
        "false",
        "none",
        "null",
        "root",
        "nginx",
        "test",
        "simulator",
        "info",
        "json",
        "yes",
        "hidden",
        "error",
        "warning",
        "debug",
        "active",
        "failed",
        "inactive",
        "analytics",
        "dashboard",
        "trader",
        "rollups",
        "database",
    ]
)


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None and _NO_SECRET_NAME.search(name) is None


def secrets_in(text: str) -> Iterator[str]:
    """The secret values of a file: those with a secret's name, and the parts of secret addresses."""
    for name, value in parse_settings(text):
        if is_secret(name):
            yield from _parts(value)
    for name, _, value in _PAIR.findall(text):
        if _NO_SECRET_NAME.search(name) is None:
            yield from _parts(value.replace('\\"', '"').strip("\"'"))
    for password in re.findall(r"://[^/\s:@]*:([^/\s@]+)@", text):
        yield from (password, urllib.parse.unquote(password))


def secrets_of_key(text: str) -> Iterator[str]:
    """The lines of a private key, and the whole of it on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "-----" not in line]
    yield from (line for line in lines if len(line) >= 16)
    yield "".join(lines)


def _parts(value: str) -> Iterator[str]:
    yield value
    if "://" in value:
        # The other side's log shows the path alone.
        address = urllib.parse.urlsplit(value.split(maxsplit=1)[0])
        yield from (part for part in (address.path, address.query) if len(part) >= 8)
        yield from _TOKEN.findall(address.path + " " + address.query)


def _forms(secret: str) -> set[str]:
    """The forms in which programs write a value."""
    escaped = json.dumps(secret)[1:-1]
    doubled = secret.replace("\\", "\\\\").replace('"', '\\"')
    forms = {secret, escaped, doubled, json.dumps(escaped)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)}
    forms |= {html.escape(secret), repr(secret)[1:-1], secret.replace("'", "''"), secret.replace("'", "'\"'\"'")}
    if len(secret) >= 8:
        forms.add(base64.b64encode(secret.encode()).decode().rstrip("="))
    return forms


def worth_hiding(secret: str) -> bool:
    """Whether it is hidden wherever it stands, and not by its name alone."""
    return len(secret) >= SHORTEST and secret.lower() not in _PUBLIC and HIDDEN not in secret


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that hides all of it in a text."""
    known = {form for secret in secrets if worth_hiding(secret) for form in _forms(secret)}
    # The longest first: one secret may be a part of another.
    ordered = sorted(known, key=len, reverse=True)
    by_value = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def mask(text: str) -> str:
        text = by_value.sub(HIDDEN, text) if by_value else text
        for shape, instead in _COMPILED:
            text = shape.sub(instead, text)
        return _OPTION.sub(rf"\1\2{HIDDEN}", _PAIR.sub(_hide_pair, text))

    return mask


def _hide_pair(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    if _NO_SECRET_NAME.search(name):
        return found[0]
    quote = next((mark for mark in ('\\"', '"', "'") if value.startswith(mark)), "")
    return f"{name}{between}{quote}{HIDDEN}{quote}"
