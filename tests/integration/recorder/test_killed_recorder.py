"""`milkbot record` as a process, at a simulated exchange over HTTP: killed anywhere, it costs that run alone."""

from __future__ import annotations

import json
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli import Done, finished, start_milkbot

from milkbot.failpoints import RECORD, VARIABLE
from milkbot.recorder import files
from milkbot.recorder.files import Line, hour_file
from milkbot.recorder.verify import verify

OWN_POINTS = ("recorder.half_written#1", "recorder.packed#1")


def record(origin: str, root: Path, **more: str) -> Done:
    """One run, without any key."""
    environment = {
        "KALSHI_API_BASE": f"{origin}/trade-api/v2",
        "NWS_API_BASE": f"{origin}/nws",
        "NWS_USER_AGENT": "milkbot tests (tester@milkbot.test)",
        "TRADING_SERIES": "KXHIGHNY",
        **more,
    }
    return finished(start_milkbot(environment, "record", "--directory", str(root)))


def an_hour_ago(root: Path) -> Path:
    """A run that the next one has to pack."""
    at = datetime.now(UTC) - timedelta(hours=1)
    path = hour_file(root, at)
    files.append(path, [Line(at, "run", "KXHIGHNY", {"problems": 0})])
    return path


def all_lines(root: Path) -> list[Line]:
    return [line for day in files.days(root) for path in files.hours(day) for line in files.read_lines(path)]


def points_of_a_run(origin: str, directory: Path) -> list[str]:
    """Every point that a run passes, in its order."""
    log = directory / "points"
    an_hour_ago(directory / "whole")
    assert record(origin, directory / "whole", **{RECORD: str(log)}).code == 0
    return log.read_text("utf-8").splitlines()


def sampled(points: list[str]) -> list[str]:
    """The recorder's own points, and the first, a middle and the last request."""
    requests = [point for point in points if point not in OWN_POINTS]
    return [*OWN_POINTS, requests[0], requests[len(requests) // 2], requests[-1]]


def killed_everywhere(origin: str, directory: Path, points: list[str]) -> None:
    for point in points:
        root = directory / re.sub(r"\W", "-", point)
        earlier = an_hour_ago(root)
        before = all_lines(root)
        assert record(origin, root, **{VARIABLE: f"{point}=kill"}).code == -signal.SIGKILL, point
        # What is torn is the newest file's end alone.
        newest = files.hours(files.days(root)[-1])[-1]
        assert {line.partition(":")[0] for line in verify(root).damage} <= {"/".join(newest.parts[-2:])}
        done = record(origin, root)
        assert done.code == 0, (point, done.err)
        found = verify(root)
        assert found.damage == [], point
        assert all_lines(root)[: len(before)] == before, point
        assert found.lines["run"] == 2, point
        assert earlier.name in files.read_sums(earlier.parent), point


def test_a_killed_run_costs_itself_and_the_next_one_continues(origin: str, tmp_path: Path) -> None:
    points = points_of_a_run(origin, tmp_path)
    assert set(OWN_POINTS) <= set(points)
    killed_everywhere(origin, tmp_path, sampled(points))


@pytest.mark.matrix
def test_a_run_killed_at_any_point_costs_itself(origin: str, tmp_path: Path) -> None:
    points = points_of_a_run(origin, tmp_path)
    assert len(points) > 15
    killed_everywhere(origin, tmp_path, points)


def test_a_run_says_how_it_ended_and_verify_reads_it(origin: str, tmp_path: Path) -> None:
    root = tmp_path / "recording"
    first = record(origin, root)
    assert (first.code, first.sentences) == (0, [])
    state = json.loads((root / "state.json").read_text("utf-8"))
    assert (state["result"], state["reason"], state["removed"]) == ("good", "", [])
    assert state["bytes"] == files.size_of(files.days(root)[0])
    verified = finished(start_milkbot({}, "record", "verify", "--directory", str(root), "--json"))
    assert verified.code == 0
    assert json.loads(verified.out)["lines"]["run"] == 1

    unreachable = record(
        origin, root, KALSHI_API_BASE="http://127.0.0.1:9/trade-api/v2", NWS_API_BASE="http://127.0.0.1:9"
    )
    assert unreachable.code == 69
    assert "nothing could be read" in unreachable.err
    after = json.loads((root / "state.json").read_text("utf-8"))
    assert (after["result"], after["last_good_at"]) == ("failed", state["last_good_at"])

    (path,) = files.hours(files.days(root)[0])[-1:]
    path.write_bytes(path.read_bytes()[:-9])
    damaged = finished(start_milkbot({}, "record", "verify", "--directory", str(root)))
    assert damaged.code == 1
    assert "cannot be read" in damaged.out
