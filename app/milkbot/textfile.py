"""Metrics of programs that end: files for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from milkbot.errors import ExitCode, MilkbotError
from milkbot.release import release_id

_log = structlog.get_logger(__name__)
# The collector is another user, and the units' umask keeps others out.
_READABLE: Final = 0o644

Labels: TypeAlias = str | tuple[str, ...]
"""One label or several, and what they say of a value."""
Values: TypeAlias = float | Mapping[str, float] | Mapping[tuple[str, ...], float]
"""One value, or one for each label."""


class Page(Collector):
    """The metrics of one file, all with the same `labels`; the labels `by` separate several values of one."""

    def __init__(self, **labels: str) -> None:
        self._labels = labels
        self._families: list[Metric] = []

    def gauge(self, name: str, documentation: str, value: Values, by: Labels = ()) -> None:
        """Add what may rise and fall."""
        family = GaugeMetricFamily(name, documentation, labels=self._names(by))
        self._add(family, value)

    def counter(self, name: str, documentation: str, value: Values, by: Labels = ()) -> None:
        """Add what only rises, or begins again; `_total` is added to its name."""
        family = CounterMetricFamily(name, documentation, labels=self._names(by))
        self._add(family, value)

    def write(self, path: Path) -> None:
        """Replace the file, readable by all. Raises OSError; the file that was there is whole then."""
        registry = CollectorRegistry()
        registry.register(self)
        # By its name the collector ignores it.
        temporary = path.with_name(f".{path.name}.new")
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), _READABLE)
            file.write(generate_latest(registry))
        temporary.replace(path)

    def collect(self) -> Iterable[Metric]:
        """What the registry asks for."""
        return self._families

    def _names(self, by: Labels) -> list[str]:
        return [*self._labels, *_several(by)]

    def _add(self, family: GaugeMetricFamily | CounterMetricFamily, value: Values) -> None:
        common = list(self._labels.values())
        if isinstance(value, Mapping):
            for key, number in value.items():
                family.add_metric([*common, *_several(key)], number)
        else:
            family.add_metric(common, value)
        self._families.append(family)


def _several(labels: Labels) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else labels


@contextmanager
def recorded_run(directory: Path | None, component: str) -> Iterator[None]:
    """Write when a run begins, and when it has ended also that, and its exit code, to COMPONENT_run.prom.

    A run that is killed leaves its beginning only, so it cannot look like a fresh one. Without a directory nothing is
    written; that a file cannot be written is logged, and ends no run.
    """
    started = time.time()
    _write_run(directory, component, started, None)
    code = ExitCode.OK
    try:
        yield
    except MilkbotError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = ExitCode.FAILED
        raise
    except Exception:
        code = ExitCode.INTERNAL
        raise
    finally:
        _write_run(directory, component, started, code)


def _write_run(directory: Path | None, component: str, started: float, code: ExitCode | None) -> None:
    if directory is None:
        return
    page = Page(component=component)
    page.gauge("milkbot_build_info", "Which release runs.", {release_id(): 1}, by="release")
    page.gauge("milkbot_run_started_timestamp_seconds", "When the newest run began.", started)
    if code is not None:
        ended = time.time()
        page.gauge("milkbot_run_finished_timestamp_seconds", "When it ended; absent while it runs, or killed.", ended)
        page.gauge("milkbot_run_duration_seconds", "How long it took.", ended - started)
        page.gauge("milkbot_run_exit_code", "What it left with (milkbot.errors.ExitCode).", code)
    save(page, directory / f"{component}_run.prom")


def save(page: Page, path: Path) -> None:
    """Write the page; that it cannot be written is logged: no work is stopped for its metrics."""
    try:
        page.write(path)
    except OSError as error:
        _log.error("metrics file not written", path=str(path), problem=str(error))
