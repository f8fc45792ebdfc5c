"""Thirty simulated days by the default and by the demonstration of `inventories/local`, side by side.

`python -m tests.bench.history.bench run [--worlds 3] >runs.jsonl`: trade them, each in a database of its own.
`python -m tests.bench.history.bench page runs.jsonl >thirty-days.html`: one page with the curves, for docs/forecast.md.

A world is a seed of the simulator; both trade in the same ones. It begins thirty days before today, as in `bin/up`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy import func, select
from tests.roles.rendering import ROOT

from milkbot.db.ops import BalanceSnapshot, Signal
from milkbot.db.session import transaction
from milkbot.history import operator
from milkbot.history.own_platform import OwnPlatform, own_platform
from milkbot.history.totals import totals_of
from milkbot.history.walk import Walk, walk
from milkbot.logging import configure_logging
from milkbot.score.page import LEGEND, document, figure, table
from milkbot.score.plots import Curve, curves
from milkbot.settings import Settings
from milkbot.simulator.start import DEFAULT_SEED

BALANCE: Final = "1000.00"
DAYS: Final = 30
STEP_MINUTES: Final = 60
DEFAULT, DEMONSTRATION = "default", "demonstration"
_LOCAL = ROOT / "inventories/local/group_vars/all"
_CENTS = 100


def settings_of(arm: str) -> dict[str, str]:
    """What an arm sets: nothing, or what the local inventory names."""
    if arm == DEFAULT:
        return {}
    named = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(_LOCAL.glob("*.yml"))]
    trading = next(found["environment_trading"] for found in named if "environment_trading" in found)
    return {name.upper(): str(value).lower() for name, value in trading.items()}


def trade(arm: str, seed: int, days: int) -> dict[str, Any]:
    """Run the loop through the days of one world; its figures, in dollars."""
    configure_logging(Settings(log_level="WARNING", log_format="console"), "bench")
    serve = ("--history-days", str(days), "--seed", str(seed))
    with own_platform(serve, BALANCE, settings_of(arm)) as own:
        mode = own.settings.trading_mode
        end_holds = partial(operator.end_holds, own.engine, mode)
        ticks = walk(own.settings, own.engine, own.clock, STEP_MINUTES, _unseen, end_holds)
        return {"arm": arm, "seed": seed, "ticks": ticks, "forecaster": own.settings.forecaster, **_figures(own)}


def _unseen(at: Walk) -> None:
    """Nobody watches."""


def _figures(own: OwnPlatform) -> dict[str, Any]:
    with transaction(own.engine) as session:
        totals = totals_of(session)
        account = session.execute(
            select(BalanceSnapshot.captured_at, BalanceSnapshot.cash + BalanceSnapshot.portfolio_value).order_by(
                BalanceSnapshot.captured_at
            )
        ).all()
        decided = Counter(
            reasons["codes"][0] if decision == "hold" else decision.split("_")[0]
            for decision, reasons in session.execute(select(Signal.decision, Signal.reasons))
        )
        largest = session.scalar(select(func.max(Signal.edge)))
    first, profit = account[0][0], account[-1][1] - account[0][1]
    return {
        "begins": first.isoformat(),
        "ends": account[-1][0].isoformat(),
        "least_edge": str(own.settings.min_edge_after_costs),
        "curve": [((at - first).total_seconds() / 86_400, float(equity)) for at, equity in account],
        "profit": float(profit),
        "fills": totals.fills,
        "fees": float(totals.fees),
        "bought": float(totals.bought),
        "claimed": _plain(totals.each(totals.claimed)),
        # Open positions count at the exchange's marks.
        "realised": _plain(totals.each(profit)),
        "largest_edge": _plain(largest),
        "decided": dict(decided.most_common()),
    }


def _plain(dollars: Any) -> float | None:
    return None if dollars is None else float(dollars)


def page(runs: list[dict[str, Any]]) -> str:
    """The whole file: the curves, the figures, and what they mean."""
    ours, theirs = ([run for run in runs if run["arm"] == arm] for arm in (DEFAULT, DEMONSTRATION))
    lines = [
        Curve(f"{run['forecaster']}, world {run['seed']}", kind, run["curve"])
        for kind, mine in (("theirs", theirs), ("ours", ours))
        for run in mine
    ]
    legend = LEGEND.format(ours=f"the default, {ours[0]['forecaster']}", theirs=f"{theirs[0]['forecaster']}")
    plot = curves("Equity over thirty simulated days", "days", lines)
    worlds = len(ours)
    return document(
        "Thirty simulated days, two forecasters",
        f"<p>The same loop, the same simulated market{'s' if worlds > 1 else ''}, {BALANCE} dollars, a tick an hour, "
        f"{ours[0]['begins'][:10]} to {ours[0]['ends'][:10]}. Only the settings differ.</p>"
        + figure(
            "Equity, dollars",
            "Cash, and positions at the exchange's marks, after every tick.",
            legend + plot,
        )
        + table(
            ("forecaster", "world", "fills", "profit", "fees", "contracts", "claimed", "realised"),
            [_row(run) for run in (*ours, *theirs)],
        )
        + "<p>Profit and fees are dollars, edges cents a contract bought, after fees.</p>"
        + _meaning(ours, theirs),
    )


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    return (
        run["forecaster"],
        str(run["seed"]),
        run["fills"],
        f"{run['profit']:+.2f}",
        f"{run['fees']:.2f}",
        f"{run['bought']:.0f}",
        _cents(run["claimed"]),
        _cents(run["realised"]),
    )


def _cents(dollars: float | None) -> str:
    return "" if dollars is None else f"{_CENTS * dollars:+.1f}"


def _meaning(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> str:
    fills, largest = sum(run["fills"] for run in ours), max(run["largest_edge"] or 0.0 for run in ours)
    decided = sum((Counter(run["decided"]) for run in ours), Counter[str]())
    bought = sum(run["bought"] for run in theirs)
    claimed = _CENTS * sum(run["claimed"] * run["bought"] for run in theirs if run["bought"]) / bought
    realised = _CENTS * sum(run["profit"] for run in theirs) / bought
    reasons = "".join(f"<li>{name}: {count:,}</li>" for name, count in decided.most_common(6))
    least, asked = (_CENTS * float(mine[0]["least_edge"]) for mine in (ours, theirs))
    default, demonstration = ours[0]["forecaster"], theirs[0]["forecaster"]
    return f"""
<h2>The default: {fills} fills</h2>
<p>To trade nothing, or hardly anything, is its intended result. {default} begins at the market's own mid and moves it
a little. Its largest edge after the fee was {_CENTS * largest:.1f} cents a contract, and it asks for {least:.0f}: below
that nothing was shown to pay on recorded days. It stored {decided.total():,} decisions, each with its reason:</p>
<ul>{reasons}</ul>
<p>So its line is flat. It pays no fee and no spread, and its forecasts are scored each day all the same.</p>
<h2>The demonstration: it claims {claimed:+.1f} cents a contract, and gets {realised:+.1f}</h2>
<p>{demonstration} trades wherever a plain Normal around the weather service's forecast disagrees with the market by
{asked:.0f} cents. The simulated market knows more than that forecast, as the recorded one does. Where they disagree
the market is mostly right, so the edge that is claimed does not come.</p>
<p>{_spread([run["profit"] for run in theirs])} Its positions are large, and those of a day settle together:
one curve may end anywhere. Read the two edges, not the curve. The breakers for losses stopped it more than once; as in
bin/up, each hold was ended the next morning, which no operator should do.</p>
<h2>What it does not show</h2>
<p>The market is simulated. It is made to be as hard as the recorded one, but no profit here says anything about the
exchange. The recorded days are the measure.</p>
"""


def _spread(profits: list[float]) -> str:
    mean = statistics.mean(profits)
    if len(profits) == 1:
        return f"Its profit was {mean:+.2f} dollars."
    ends = f"between {min(profits):+.2f} and {max(profits):+.2f} dollars, mean {mean:+.2f}"
    return f"In {len(profits)} worlds its profit was {ends}."


def main() -> None:
    """Trade, or write the page of what was traded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run")
    run.add_argument("--worlds", type=int, default=3)
    run.add_argument("--days", type=int, default=DAYS)
    verbs.add_parser("page").add_argument("runs", type=Path)
    asked = parser.parse_args()
    if asked.verb == "page":
        lines = asked.runs.read_text("utf-8").splitlines()
        print(page(sorted((json.loads(line) for line in lines), key=lambda run: run["seed"])))
        return
    arms = [(arm, DEFAULT_SEED + number) for number in range(asked.worlds) for arm in (DEFAULT, DEMONSTRATION)]
    with ProcessPoolExecutor(2) as pool:
        for done in as_completed([pool.submit(trade, arm, seed, asked.days) for arm, seed in arms]):
            print(json.dumps(done.result()), flush=True)


if __name__ == "__main__":
    main()
