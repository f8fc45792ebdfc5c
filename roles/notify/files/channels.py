"""Opens notification channels by Apprise, and sends through all of them at once.

A program of its own: whatever a channel does, it neither holds up a deploy nor ends it. Reads one JSON object from
stdin, so that no address stands in a process list: `urls`, and to send also `title`, `body`, `type` and `timeout`.
Answers with one: `apprise` (whether it is installed) and for each address `null`, or what is wrong.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from http import HTTPStatus
from itertools import dropwhile
from typing import Any
from urllib.parse import urlsplit

try:
    from apprise import Apprise, AppriseAsset, NotifyBase
    from apprise.result import AppriseResultStatus
except ImportError:  # the control node may lack it
    Apprise = None

# What Apprise's records say of a failure. They hold addresses as well, so nothing but these words goes out.
_CAUSES = {
    "the connection was refused": ("Connection refused",),
    "it did not answer in time": ("timed out",),
    "its name has no address": ("NameResolutionError", "Name or service not known", "Failed to resolve"),
    "it cannot be reached": ("Network is unreachable", "No route to host"),
    "its certificate is not trusted": ("CERTIFICATE_VERIFY_FAILED",),
}
_NOT_SAID = "Apprise does not say why; try the address by its own command, apprise -vv"
_STATUS = re.compile(r"\berror=(\d{3})\b")

# A plain address gets the one field that the health check's webhook gets too, and many chat services take.
_TEXT_ALONE = {"message": "text", "title": "", "version": "", "type": "", "attachments": ""}


def opened(url: str) -> NotifyBase | None:
    """The channel of an address; None when Apprise does not understand it."""
    # A redirected POST arrives as a GET without its message, and would count as taken.
    asset = AppriseAsset(http_redirects=False)
    return Apprise.instantiate(url, asset=asset) or webhook(url, asset)


def webhook(url: str, asset: Any) -> NotifyBase | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        return None
    known = {
        "schema": "jsons" if parts.scheme == "https" else "json",
        "host": f"[{host}]" if ":" in host else host,
        "port": port,
        "user": parts.username,
        "password": parts.password,
        "fullpath": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "payload": _TEXT_ALONE,
    }
    channel = Apprise.instantiate(known, asset=asset)
    if channel is not None:
        channel.title_maxlen = 0  # the title becomes the text's first line
    return channel


def reason(messages: Iterable[str]) -> str:
    """Why a channel took nothing, in words of ours."""
    text = "\n".join(messages)
    if status := _STATUS.search(text):
        code = int(status[1])
        known = {entry.value: f" ({entry.phrase})" for entry in HTTPStatus}
        return f"it answered {code}{known.get(code, '')}"
    return next((cause for cause, signs in _CAUSES.items() if any(sign in text for sign in signs)), _NOT_SAID)


def send(channels: list[NotifyBase], asked: dict[str, Any]) -> list[str | None]:
    # Below that it says that a connection failed, and not why.
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    every = Apprise()
    for channel in channels:
        channel.socket_connect_timeout = channel.socket_read_timeout = asked["timeout"]
        every.add(channel)
    outcome = every.notify(
        title=asked["title"],
        body=asked["body"],
        notify_type=asked["type"],
        timeout=asked["timeout"],
        log_level=logging.DEBUG,
    )
    found: list[str | None] = []
    for result in outcome.results:
        if result:
            found.append(None)
        elif result.status == AppriseResultStatus.TIMEOUT:
            found.append("it did not answer in time")
        else:
            # Before its first complaint Apprise writes down the message, which may speak of failures itself.
            said = dropwhile(lambda entry: entry.level == "DEBUG", result.logs())
            found.append(reason(entry.message for entry in said))
    return found


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    if Apprise is None:
        return {"apprise": False, "wrong": [None] * len(asked["urls"])}
    channels = [opened(url) for url in asked["urls"]]
    wrong: list[str | None] = [None if channel else "Apprise does not understand it" for channel in channels]
    if "title" in asked:
        answers = iter(send([channel for channel in channels if channel], asked))
        wrong = [next(answers) if channel else why for channel, why in zip(channels, wrong, strict=True)]
    return {"apprise": True, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(answer(json.load(sys.stdin))), flush=True)
    # Without waiting for a channel that still hangs.
    os._exit(0)
