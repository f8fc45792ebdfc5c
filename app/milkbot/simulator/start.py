"""From options to a simulator that is ready to serve."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from milkbot.errors import ConfigError
from milkbot.simulator.accounts import AccountEntry, open_account, read_accounts
from milkbot.simulator.core import FullWorld, Simulator
from milkbot.simulator.engine.pause import EASTERN
from milkbot.simulator.replay.recording import read_recording
from milkbot.simulator.replay.span import is_recording, read_span
from milkbot.simulator.replay.span_world import RecordedSpan
from milkbot.simulator.replay.world import RecordedWorld
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.store import Store
from milkbot.simulator.world.listing import OPENS
from milkbot.simulator.world.simulated import SimulatedWorld

DEFAULT_SEED = 20260801
LONGEST_HISTORY_DAYS = 365


@dataclass(frozen=True, slots=True)
class Options:
    """What `milkbot simulate` was asked for; None stands for what was not said."""

    state_dir: Path
    accounts: Path | None = None
    open_accounts: tuple[str, ...] = ()
    seed: int | None = None
    history_days: int = 0
    replay: Path | None = None
    day: date | None = None
    days: int = 1
    replay_depth: int = 100


def open_simulator(options: Options) -> Simulator:
    """The simulator with its accounts. Raises ConfigError that names every wrong option."""
    entries = _entries(options)
    with ExitStack() as undone:
        store = Store(options.state_dir)
        undone.callback(store.close)
        seed = _seed(options, store.meta())
        world, start, mode = _world(options, seed)
        simulator = Simulator.open(store, world, seed, start, mode)
        simulator.enroll(entries)
        undone.pop_all()
        return simulator


def _entries(options: Options) -> list[AccountEntry]:
    entries = [] if options.accounts is None else read_accounts(options.accounts)
    entries += [open_account(text) for text in options.open_accounts]
    if not entries:
        raise ConfigError(
            ["no account may trade: give --accounts FILE, or for local play --open-account KEYID:PEMFILE"]
        )
    return entries


def _seed(options: Options, meta: dict[str, str]) -> int:
    """The stored seed, which an explicit other one must not contradict."""
    if not meta:
        return DEFAULT_SEED if options.seed is None else options.seed
    stored = int(meta["seed"])
    if options.seed not in (None, stored):
        held = f"--state-dir {options.state_dir} holds seed {stored}"
        raise ConfigError([f"--seed is {options.seed} but {held}; leave it out or choose another directory"])
    return stored


def _world(options: Options, seed: int) -> tuple[FullWorld, datetime, ClockMode]:
    if options.replay is not None or options.day is not None:
        recorded = _recorded(options)
        return recorded, recorded.starts_at, ClockMode.VIRTUAL
    if not 0 <= options.history_days <= LONGEST_HISTORY_DAYS:
        raise ConfigError([f"--history-days is {options.history_days}, expected 0 to {LONGEST_HISTORY_DAYS}"])
    wall = datetime.now(UTC)
    if options.history_days:
        first = wall.astimezone(EASTERN).date() - timedelta(days=options.history_days)
        start = datetime.combine(first, OPENS, EASTERN).astimezone(UTC)
        return SimulatedWorld(seed), start, ClockMode.VIRTUAL
    return SimulatedWorld(seed), wall, ClockMode.WALL


def _recorded(options: Options) -> RecordedWorld | RecordedSpan:
    if options.replay is None or options.day is None:
        raise ConfigError(["--replay DIR and --day YYYY-MM-DD go together; give both or neither"])
    if options.history_days:
        raise ConfigError(["--history-days does not go with --replay; a recorded day has its own time"])
    if is_recording(options.replay):
        last = options.day + timedelta(days=options.days - 1)
        span = read_span(options.replay, options.day, options.days)
        return RecordedSpan(span, last, f"the recorded days {options.day} to {last}")
    if options.days != 1:
        raise ConfigError([f"--days is {options.days}, but {options.replay} holds single days; leave it out"])
    return RecordedWorld(read_recording(options.replay, options.day), options.replay_depth)
