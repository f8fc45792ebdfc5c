"""Many readers of the API at once, on kept-alive connections, with what its own description says may be asked."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

CONNECTIONS: Final = 16
_ZERO: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one endpoint: milliseconds of half of the answers and of 99 in a hundred, answers a second, failures, size,
    and of how many answers that is.
    """

    p50: float
    p99: float
    a_second: float
    failed: int
    kilobytes: float
    answers: int


def asked(path: str, parameters: Sequence[dict[str, Any]], chance: random.Random | None) -> str:
    """A path with a value for each parameter that has a range or a list of values; as it is without `chance`."""
    if chance is None:
        return path
    given = []
    for parameter in parameters:
        schema = parameter["schema"]
        if "enum" in schema:
            given.append(f"{parameter['name']}={chance.choice(schema['enum'])}")
        elif schema.get("type") == "integer":
            given.append(f"{parameter['name']}={chance.randint(schema['minimum'], schema['maximum'])}")
    return f"{path}?{'&'.join(given)}" if given else path


async def measure(port: int, path: str, parameters: Sequence[dict[str, Any]], *, seconds: float, vary: bool) -> Figures:
    """Ask from all connections for that long; what each connection asks first is not counted."""
    until = time.perf_counter() + seconds
    seeds = range(CONNECTIONS)
    readers = (_read(port, path, parameters, until, random.Random(seed) if vary else None) for seed in seeds)
    answers = [one for reader in await asyncio.gather(*readers) for one in reader]
    took = sorted(ms for ms, _, _ in answers)
    failed = sum(status != 200 for _, status, _ in answers)
    size = sum(size for *_, size in answers) / len(answers) / 1000
    return Figures(took[len(took) // 2], took[int(len(took) * 0.99)], len(took) / seconds, failed, size, len(took))


async def _read(
    port: int, path: str, parameters: Sequence[dict[str, Any]], until: float, chance: random.Random | None
) -> list[tuple[float, int, int]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers: list[tuple[float, int, int]] = []
    while True:
        writer.write(f"GET {asked(path, parameters, chance)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        began = time.perf_counter()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(_ZERO)[2].partition(b"\r\n")[0] or 0)
        await reader.readexactly(length)
        answers.append(((time.perf_counter() - began) * 1000, int(head.split()[1]), length))
        if time.perf_counter() > until and len(answers) > 1:
            writer.close()
            return answers[1:]
