"""What the cache of answers computes, for whom, and how often."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from fastapi import Request

from milkbot.analytics.service.cache import AnswerCache

REQUEST = Request({"type": "http", "headers": []})


class Work:
    """Bodies that are numbered, each given when the test says so."""

    def __init__(self) -> None:
        self.computed = 0
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> bytes:
        self.computed += 1
        number = self.computed
        self.began.release()
        self.may_end.acquire()
        return b"%d" % number


async def _ask(cache: AnswerCache, compute: Callable[[], bytes], key: str = "key") -> bytes:
    return bytes((await cache.answer(REQUEST, key, compute, "text/plain")).body)


async def _reach(semaphore: threading.Semaphore) -> None:
    await asyncio.to_thread(semaphore.acquire)


def test_who_asks_while_an_answer_is_computed_shares_it_also_where_none_is_kept() -> None:
    async def play() -> list[bytes]:
        cache, work = AnswerCache(0), Work()
        first = asyncio.create_task(_ask(cache, work))
        await _reach(work.began)
        others = [asyncio.create_task(_ask(cache, work)) for _ in range(9)]
        await asyncio.sleep(0)
        work.may_end.release(2)
        return [await first, *await asyncio.gather(*others), await _ask(cache, work)]

    assert asyncio.run(play()) == [b"1"] * 10 + [b"2"]


def test_a_computation_that_fails_is_nobody_elses_answer() -> None:
    async def play() -> bytes:
        cache, work = AnswerCache(0), Work()

        def fail() -> bytes:
            work()
            raise ValueError("no answer")

        first = asyncio.create_task(_ask(cache, fail))
        await _reach(work.began)
        second = asyncio.create_task(_ask(cache, work))
        await asyncio.sleep(0)
        work.may_end.release(2)
        with pytest.raises(ValueError, match="no answer"):
            await first
        return await second

    assert asyncio.run(play()) == b"2"


def test_an_answer_that_is_being_computed_is_not_dropped_for_others() -> None:
    async def play() -> tuple[int, list[bytes]]:
        cache, work = AnswerCache(60, capacity=2), Work()
        first = asyncio.create_task(_ask(cache, work, "slow"))
        await _reach(work.began)
        for number in range(5):
            await _ask(cache, lambda: b"quick", f"quick {number}")
        second = asyncio.create_task(_ask(cache, work, "slow"))
        await asyncio.sleep(0)
        work.may_end.release(2)
        return work.computed, [await first, await second]

    assert asyncio.run(play()) == (1, [b"1", b"1"])


def test_the_least_recently_asked_for_is_dropped() -> None:
    async def play() -> list[bytes]:
        cache = AnswerCache(60, capacity=2)
        for key in "abac":
            await _ask(cache, key.encode, key)
        return [await _ask(cache, lambda: b"anew", key) for key in "ac"]

    assert asyncio.run(play()) == [b"a", b"c"]
