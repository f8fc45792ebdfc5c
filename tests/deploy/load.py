"""A visitor who never stops asking: what a deploy must not be noticed by."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

_PAUSE = 0.02
_PATIENCE = 10.0


@dataclass(slots=True)
class Answers:
    """What came back: the seconds and the path of every answer, and in words whatever was not a 200."""

    seconds: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)


@contextmanager
def asking(address: str, domain: str, authority: Path) -> Iterator[Answers]:
    """Ask for the API's health and the dashboard's, in turn, on a connection kept alive and on new ones."""
    answers, stop = Answers(), threading.Event()
    context = ssl.create_default_context(cafile=str(authority))

    def ask(client: httpx2.Client, path: str) -> None:
        began = time.monotonic()
        try:
            answer = client.get(
                f"https://{address}{path}", headers={"Host": domain}, extensions={"sni_hostname": domain}
            )
        except httpx2.HTTPError as error:
            answers.failures.append(f"{path}: {error!r}")
            return
        answers.seconds.append((time.monotonic() - began, path))
        if answer.status_code != 200:
            answers.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        elif path == "/health":
            answers.releases.append(answer.json()["release"])

    def visit() -> None:
        with httpx2.Client(verify=context, timeout=_PATIENCE) as kept:
            while not stop.is_set():
                ask(kept, "/health")
                with httpx2.Client(verify=context, timeout=_PATIENCE) as fresh:
                    ask(fresh, "/health")
                ask(kept, "/static/favicon.png")
                stop.wait(_PAUSE)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield answers
    finally:
        stop.set()
        visitor.join()
