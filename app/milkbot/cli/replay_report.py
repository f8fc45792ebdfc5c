"""What a replayed day came to: decisions by reason, orders, fills, settlement, profit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from milkbot.analytics.forecast_scores import LEADS
from milkbot.analytics.markouts import HORIZONS
from milkbot.cli.tables import show
from milkbot.db.ops import FillRow, Order, SettlementRow, Signal
from milkbot.db.rollup_tables import FillMarkout, ForecastScore
from milkbot.db.session import transaction
from milkbot.history.recorded_day import ReplayedLedger
from milkbot.history.totals import totals_of

_SCORE_DIGITS = 4
_SCORE_COLUMNS = ("forecaster", "lead", "events", "Brier", "market's", "log", "market's log", "RPS", "market's RPS")


def show_replay(ledger: ReplayedLedger, *, as_json: bool) -> None:
    """Print the day. Nothing in it is random: the same recording and step print the same."""
    with transaction(ledger.engine) as session:
        decisions = _decisions(session)
        orders = session.scalars(select(Order).order_by(Order.id)).all()
        fills = session.scalars(select(FillRow).order_by(FillRow.filled_at, FillRow.id)).all()
        settlements = session.scalars(select(SettlementRow).order_by(SettlementRow.ticker)).all()
        order_table = [(row.created_at, row.ticker, row.side, row.count, row.price, row.state) for row in orders]
        moved = _markouts(session)
        fill_table = [
            (
                row.filled_at,
                row.ticker,
                row.side,
                row.count,
                row.price,
                row.fee,
                *(moved.get((row.id, after)) for after in HORIZONS),
            )
            for row in fills
        ]
        settled = [
            (row.ticker, row.result, row.signed_count, row.cost, row.revenue, row.realized_pnl) for row in settlements
        ]
        totals = totals_of(session)
        scores = _scores(session)
    summary = {
        "ticks": ledger.ticks,
        "decisions": dict(decisions),
        "orders": len(order_table),
        "fills": len(fill_table),
        "closed_pnl": f"{totals.closed:.4f}",
        "gross_pnl": f"{totals.gross:.4f}",
        "fees": f"{totals.fees:.4f}",
        "net_pnl": f"{totals.net:.4f}",
        "bought": f"{totals.bought:.2f}",
        "claimed_edge": _four(totals.each(totals.claimed)),
        "realised_edge": _four(totals.each(totals.net)),
        **{f"markout_{after}m": _mean(fills, moved, after) for after in HORIZONS},
    }
    if as_json:
        lists: Mapping[str, Sequence[Sequence[object]]] = {
            "order_list": order_table,
            "fill_list": fill_table,
            "settlements": settled,
            "scores": scores,
        }
        typer.echo(json.dumps({**summary, **{name: _plain(rows) for name, rows in lists.items()}}, indent=2))
        return
    show("Decisions", ("reason", "count"), sorted(decisions.items()), as_json=False)
    show("Orders", ("created", "ticker", "side", "count", "yes price", "state"), order_table, as_json=False)
    # Without the fee of each, of which the last line has the sum, a row fits 80 columns.
    columns = ("filled", "ticker", "side", "count", "yes price", *(f"after {after} min" for after in HORIZONS))
    show("Fills", columns, [(*row[:5], *row[6:]) for row in fill_table], as_json=False)
    show("Settlement", ("ticker", "result", "held", "cost", "revenue", "profit"), settled, as_json=False)
    show("Scores, lower is better", _SCORE_COLUMNS, scores, as_json=False)
    means = ", ".join(f"{_mean(fills, moved, after) or 'unknown'} after {after} minutes" for after in HORIZONS)
    typer.echo(f"markout, dollars a contract: {means}")
    typer.echo(f"closed before it settled: {totals.closed:.4f} dollars of the gross profit")
    typer.echo(
        f"edge, dollars a contract of {totals.bought:.2f} bought: "
        f"claimed {_four(totals.each(totals.claimed)) or 'none'}, "
        f"realised {_four(totals.each(totals.net)) or 'none'}"
    )
    typer.echo(
        f"{ledger.ticks} ticks, gross {totals.gross:.4f}, fees {totals.fees:.4f}, net profit {totals.net:.4f} dollars"
    )


def _decisions(session: Session) -> Counter[str]:
    found: Counter[str] = Counter()
    for reasons, decision in session.execute(select(Signal.reasons, Signal.decision)):
        found[decision if decision != "hold" else f"hold: {', '.join(reasons['codes'])}"] += 1
    return found


def _scores(session: Session) -> list[tuple[str, str, int, float, float, float, float, float, float]]:
    """By forecaster and lead time the events scored, and the mean scores: the forecaster's, then the market's."""
    row = ForecastScore
    means = (func.avg(one) for one in (row.brier, row.market_brier, row.log, row.market_log, row.rps, row.market_rps))
    found = session.execute(
        select(row.forecaster, row.lead, func.count(), *means).group_by(row.forecaster, row.lead)
    ).all()
    order = list(LEADS)
    return [
        (name, lead, events, *(round(score, _SCORE_DIGITS) for score in scores))
        for name, lead, events, *scores in sorted(found, key=lambda one: (one[0], order.index(one[1])))
    ]


def _four(dollars: Decimal | None) -> str | None:
    return None if dollars is None else f"{dollars:.4f}"


def _markouts(session: Session) -> dict[tuple[int, int], Decimal]:
    """What is known, by the fill's id and the minutes after it."""
    found = session.scalars(select(FillMarkout).where(FillMarkout.markout.is_not(None)))
    return {(row.fill_id, row.horizon_min): row.markout for row in found if row.markout is not None}


def _mean(fills: Sequence[FillRow], moved: Mapping[tuple[int, int], Decimal], after: int) -> str | None:
    """Dollars a contract, over the fills whose markout is known; None where none is."""
    known = [(row.count, moved[row.id, after]) for row in fills if (row.id, after) in moved]
    contracts = sum((count for count, _ in known), Decimal(0))
    return f"{sum(count * value for count, value in known) / contracts:.4f}" if contracts else None


def _plain(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in rows]
