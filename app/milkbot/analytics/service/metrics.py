"""The service's own metrics, at /metrics for Prometheus on this machine. Counters begin at zero with each process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from fastapi import FastAPI, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from milkbot.release import release_id

PATH: Final = "/metrics"
# What asks for a path that is none of ours shares one label: who asks must not decide how many there are.
_NO_ROUTE: Final = "none"
# From an answer of the cache to one that waited for the statement timeout, in seconds.
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# The proxy sets it in every request that it passes on, and nothing on this machine does.
_OF_THE_PROXY: Final = "X-Forwarded-For"

# When a series began is of no use to anyone here, and would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call] # the library gives it no types


class ServiceMetrics:
    """One process' counts, in a registry of their own."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "milkbot_api_requests", "Requests, by route and status.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "milkbot_api_request_seconds",
            "Seconds from a request to the end of its answer, by route.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "milkbot_api_requests_in_progress", "Requests that have no whole answer yet.", registry=self.registry
        )
        self.registry.register(_Process())
        self.registry.register(_Pool(engine))


class Measured:
    """Counts and times every request of the application within it."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # How often Prometheus asks is no matter of the visitors'.
        if scope["type"] != "http" or scope["path"] == PATH:
            await self._app(scope, receive, send)
            return
        # What raises is answered outside of this, with 500.
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.in_progress.dec()
            # The router has put it there by now.
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)


def add_metrics(app: FastAPI, engine: Engine) -> None:
    """Measure the application, and serve what was measured to who does not come through the proxy."""
    metrics = ServiceMetrics(engine)
    app.add_middleware(Measured, metrics=metrics)

    @app.get(PATH, include_in_schema=False)
    async def metrics_of_this_process(request: Request) -> Response:
        # nginx passes this path to nobody; should its configuration ever change, the public still gets nothing.
        if _OF_THE_PROXY in request.headers:
            raise HTTPException(404)
        text = generate_latest(metrics.registry)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


class _Process(Collector):
    """This process. The library's own collector finds nothing where the unit hides all of /proc but processes."""

    def __init__(self) -> None:
        self._began = time.time()

    def collect(self) -> Iterable[Metric]:
        build = GaugeMetricFamily("milkbot_build_info", "Which release runs.", labels=["component", "release"])
        build.add_metric(["api", release_id()], 1)
        yield build
        yield GaugeMetricFamily(
            "milkbot_api_started_timestamp_seconds", "When this process began to serve.", self._began
        )
        yield CounterMetricFamily(
            "milkbot_api_cpu_seconds", "Seconds of the processor that it used.", time.process_time()
        )


class _Pool(Collector):
    """The connections to the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        # Asked each time: the engine replaces its pool when it is disposed of.
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            return
        connections = GaugeMetricFamily(
            "milkbot_api_database_connections", "Connections to the database, by use.", labels=["use"]
        )
        connections.add_metric(["in_use"], pool.checkedout())
        connections.add_metric(["idle"], pool.checkedin())
        yield connections
