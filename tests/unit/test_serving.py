"""What a deploy's gate reads of the process that answers."""

from __future__ import annotations

import httpx2
import pytest
from fastapi import FastAPI

from milkbot.serving import INVOCATION_HEADER, RELEASE_HEADER, Identified


@pytest.mark.anyio
@pytest.mark.parametrize(("path", "status"), [("/well", 200), ("/broken", 500), ("/unknown", 404)])
async def test_an_answer_names_the_process_and_release_that_gave_it(
    monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "76d35d55")
    inner = FastAPI()

    @inner.get("/well")
    async def well() -> str:
        return "well"

    @inner.get("/broken")
    async def broken() -> str:
        raise RuntimeError("on purpose")

    transport = httpx2.ASGITransport(Identified(inner), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://milkbot.test") as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers[INVOCATION_HEADER] == "76d35d55"
    assert answer.headers[RELEASE_HEADER]
