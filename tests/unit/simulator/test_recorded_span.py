"""Some days of the recorder's files as a world, from lines that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.exchange import Keys
from tests.unit.simulator.api import Api, served

from milkbot.errors import ConfigError
from milkbot.recorder import files
from milkbot.recorder.files import Line, hour_file
from milkbot.simulator.replay.span import is_recording, read_span, recorded_series
from milkbot.simulator.replay.span_world import RecordedSpan
from milkbot.simulator.replay.tape import SILENCE
from milkbot.simulator.start import Options, open_simulator

DAY = date(2026, 8, 3)
NOON = datetime(2026, 8, 3, 16, 0, tzinfo=UTC)
EVENT = "KXHIGHNY-26AUG03"
LOW, MIDDLE, TOP = (f"{EVENT}-{suffix}" for suffix in ("T83", "B83.5", "T84"))
STRIKES: list[tuple[str, dict[str, Any]]] = [
    (LOW, {"strike_type": "less", "cap_strike": 83}),
    (MIDDLE, {"strike_type": "between", "floor_strike": 83, "cap_strike": 84}),
    (TOP, {"strike_type": "greater", "floor_strike": 84}),
]


def event(result: str = "", value: str = "", settled: str | None = None) -> dict[str, Any]:
    """The event as the exchange sent it; `result` is that of the middle bracket."""
    own = {
        "open_time": "2026-08-02T14:00:00Z",
        "close_time": "2026-08-04T04:59:00Z",
        "created_time": "2026-08-01T14:00:00Z",
        "expiration_value": value,
    }
    if settled is not None:
        own["settlement_ts"] = settled
    other = "no" if result == "yes" else ""
    markets = [{**own, "ticker": ticker, "result": result if ticker == MIDDLE else other, **s} for ticker, s in STRIKES]
    return {"event_ticker": EVENT, "series_ticker": "KXHIGHNY", "markets": markets}


def book(*yes: str, no: tuple[str, ...] = ()) -> dict[str, Any]:
    """Levels written as PRICExCOUNT."""
    return {"yes_dollars": [level.split("x") for level in yes], "no_dollars": [level.split("x") for level in no]}


def grid(issued: str, celsius: float = 28.0) -> dict[str, Any]:
    values = [{"validTime": "2026-08-03T11:00:00+00:00/PT13H", "value": celsius}]
    return {"properties": {"updateTime": issued, "maxTemperature": {"uom": "wmoUnit:degC", "values": values}}}


def observation(at: str, celsius: float) -> dict[str, Any]:
    measured = {"unitCode": "wmoUnit:degC", "value": celsius, "qualityControl": "V"}
    return {"properties": {"timestamp": at, "temperature": measured}}


class Writer:
    """A recording that grows by runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, minutes: float, **said: Any) -> None:
        """A run so many minutes after noon in New York: `event`, `book` of the middle, `grid`, `seen`."""
        at = NOON + timedelta(minutes=minutes)
        keys = {"event": EVENT, "book": MIDDLE, "grid": "KNYC", "observation": "KNYC"}
        lines = [Line(at, kind, keys[kind], body) for kind, body in said.items()]
        files.append(hour_file(self.root, at), [*lines, Line(at, "run", "KXHIGHNY", {"problems": 0})])

    def world(self, days: int = 1) -> RecordedSpan:
        last = DAY + timedelta(days=days - 1)
        return RecordedSpan(read_span(self.root, DAY, days), last, "a test's days")


Serve = Callable[[], Any]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """A recording that begins at noon, with a book on both sides."""
    writer = Writer(tmp_path / "recording")
    writer(0, event=event(), book=book("0.4000x10.00", "0.3900x5.50", no=("0.5000x20.00",)))
    return writer


def shown(api: Api) -> dict[str, Any]:
    body: dict[str, Any] = api.get(f"/markets/{MIDDLE}/orderbook")["orderbook_fp"]
    return body


def test_a_book_is_served_in_its_recorded_depth(write: Writer, tmp_path: Path) -> None:
    write(60)
    world = write.world()
    assert world.starts_at == NOON
    with served(tmp_path / "state", world, world.starts_at) as api:
        assert shown(api) == book("0.3900x5.50", "0.4000x10.00", no=("0.5000x20.00",))


def test_a_book_changes_at_the_moment_of_its_receipt_and_not_before(write: Writer, tmp_path: Path) -> None:
    write(2, book=book("0.4200x1.00"))
    write(60)
    world = write.world()
    with served(tmp_path / "state", world, world.starts_at) as api:
        api.tick(seconds=119)
        assert shown(api)["yes_dollars"][-1] == ["0.4000", "10.00"]
        api.tick(seconds=1)
        assert shown(api) == book("0.4200x1.00")


def test_what_was_taken_is_gone_until_the_next_run_and_a_confirmed_book_is_whole_again(
    write: Writer, tmp_path: Path
) -> None:
    write(5, book=None)
    write(60)
    world = write.world()
    with served(tmp_path / "state", world, world.starts_at) as api:
        taken = api.order(ticker=MIDDLE, count="8", price="0.50", time_in_force="immediate_or_cancel")
        assert taken.json()["fill_count"] == "8.00"
        api.tick(minutes=4)
        assert shown(api)["no_dollars"] == [["0.5000", "12.00"]]
        api.tick(minutes=1)
        assert shown(api)["no_dollars"] == [["0.5000", "20.00"]]


def test_levels_between_the_cents_are_left_out(write: Writer, tmp_path: Path) -> None:
    write(1, book=book("0.4050x9.00", "0.4000x3.00"))
    world = write.world()
    with served(tmp_path / "state", world, world.starts_at + timedelta(minutes=1)) as api:
        assert shown(api)["yes_dollars"] == [["0.4000", "3.00"]]


def test_a_book_is_withdrawn_once_no_run_confirmed_it(write: Writer, tmp_path: Path) -> None:
    write(600)
    world = write.world()
    with served(tmp_path / "state", world, world.starts_at) as api:
        api.tick(seconds=SILENCE.total_seconds() - 1)
        assert shown(api)["yes_dollars"] != []
        api.tick(seconds=1)
        assert shown(api) == book()


def test_the_weather_is_served_as_it_was_sent_from_its_receipt_on(write: Writer, tmp_path: Path) -> None:
    first, second = grid("2026-08-03T14:58:01+00:00"), grid("2026-08-03T15:58:02+00:00", 29.5)
    write(1, grid=first, observation=observation("2026-08-03T15:51:00+00:00", 27.2))
    write(3, grid=second, observation=observation("2026-08-03T15:51:00+00:00", 27.8))
    world = write.world()
    with served(tmp_path / "state", world, world.starts_at) as api:
        assert api.http.get("/nws/gridpoints/OKX/34,45").status_code == 404
        assert api.http.get("/nws/stations/KNYC/observations").json()["features"] == []
        api.tick(minutes=1)
        assert api.http.get("/nws/gridpoints/OKX/34,45").json() == first
        api.tick(minutes=2)
        assert api.http.get("/nws/gridpoints/OKX/34,45").json() == second
        features = api.http.get("/nws/stations/KNYC/observations").json()["features"]
        assert features == [observation("2026-08-03T15:51:00+00:00", 27.8)]


@pytest.mark.parametrize(
    ("settled", "value", "determined"),
    [
        ("2026-08-04T13:30:00Z", "83.00", datetime(2026, 8, 4, 12, 30, tzinfo=UTC)),
        (None, "84. The report was late", NOON + timedelta(hours=20)),
    ],
    ids=["with-its-payment", "by-the-result"],
)
def test_an_event_ends_as_it_was_recorded(
    write: Writer, tmp_path: Path, settled: str | None, value: str, determined: datetime
) -> None:
    write(20 * 60, event=event("yes", value, settled))
    write(30 * 60)
    world = write.world()
    (plan,) = world.plans
    assert plan.determined_at == determined
    assert world.ends_at == plan.finalized_at + timedelta(minutes=35)
    assert world.official(plan) == 83
    with served(tmp_path / "state", world, world.starts_at) as api:
        api.order(ticker=MIDDLE, count="10", price="0.50", time_in_force="immediate_or_cancel")
        api.tick(seconds=(world.ends_at - api.now).total_seconds())
        assert [(row["ticker"], row["revenue"]) for row in api.get("/portfolio/settlements")["settlements"]] == [
            (MIDDLE, 1000)
        ]


def test_a_day_without_its_result_ends_with_the_recording(write: Writer) -> None:
    write(90)
    assert write.world().ends_at == NOON + timedelta(minutes=90)


def test_a_recording_is_known_by_its_days_and_its_series_by_the_first_run(write: Writer, tmp_path: Path) -> None:
    assert is_recording(write.root)
    assert not is_recording(tmp_path)
    assert recorded_series(write.root, DAY) == ("KXHIGHNY",)
    assert recorded_series(write.root, DAY + timedelta(days=1)) == ()


def test_a_day_that_was_not_recorded_is_refused_with_those_that_were(write: Writer) -> None:
    with pytest.raises(ConfigError, match="holds no run of 2026-09-01; choose a --day from 2026-08-03 to 2026-08-03"):
        read_span(write.root, date(2026, 9, 1), 1)


def test_a_file_of_other_lines_is_refused_by_its_name(write: Writer) -> None:
    files.append(hour_file(write.root, NOON), [Line(NOON, "book", MIDDLE, {"yes_dollars": [["free", "1"]]})])
    with pytest.raises(ConfigError, match=r"16\.jsonl\.xz is not readable.*try milkbot record verify"):
        write.world()


def test_a_market_whose_ticker_names_another_strike_is_refused(write: Writer) -> None:
    odd = event()
    odd["markets"][1]["cap_strike"] = 86
    write(1, event=odd)
    with pytest.raises(ConfigError, match=f"the recorded market {MIDDLE} has another strike"):
        write.world()


def test_more_than_one_day_is_refused_of_a_folder_of_single_days(tmp_path: Path, keys: Keys) -> None:
    options = Options(tmp_path / "state", accounts=keys.accounts, replay=tmp_path, day=DAY, days=2)
    with pytest.raises(ConfigError, match=f"--days is 2, but {tmp_path} holds single days; leave it out"):
        open_simulator(options)
