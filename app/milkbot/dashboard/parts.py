"""The page's parts that are plain HTML: the head, the figures, the trades. Each takes answers and gives markup."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources

from milkbot.analytics.service.schemas import EquityPoint, Hero, Status, Trade
from milkbot.dashboard.wording import (
    MODE_NOTES,
    NOTHING,
    cents,
    city_name,
    clock_time,
    contracts,
    dollars,
    outcome,
    percent,
    signed_dollars,
    signed_percent,
    text,
    tone,
)
from milkbot.domain.modes import TradingMode


@cache
def asset(name: str) -> str:
    """The text of a file of this package."""
    return resources.files("milkbot.dashboard").joinpath(name).read_text("utf-8")


@cache
def _logo() -> str:
    # Streamlit takes drawings out of HTML, pictures it leaves.
    return f"data:image/svg+xml;base64,{b64encode(asset('logo.svg').encode()).decode()}"


def head(mode: TradingMode | None, status: Status, word: str, read_at: datetime | None) -> str:
    """Name, mode, and how the platform is; `read_at` is when the figures were read, None when there are none."""
    badge = f'<div class="mb-mode {mode}"><b>{mode.upper()}</b><span>{MODE_NOTES[mode]}</span></div>' if mode else ""
    updated = f'Updated <time data-testid="updated">{read_at:%H:%M:%S}</time> UTC' if read_at else ""
    return f"""
<header>
  <div class="mb-head"><div class="mb-name"><img src="{_logo()}" alt="">Milkbot</div>{badge}</div>
  <div class="mb-line"><span class="mb-dot {status}">{text(word)}</span><span class="mb-muted">{updated}</span>
    <span class="mb-muted">All figures are one hour behind, by design</span></div>
</header>"""


def figures(hero: Hero, latest: EquityPoint | None) -> str:
    """The five figures."""
    gain = f"{signed_percent(hero.total_pnl / _start(latest))} since the start" if latest else "no result yet"
    drawdown = f"{latest.drawdown_pct:.1f}% below its high" if latest and latest.drawdown else "at its high"
    rows = [
        ("Profit and loss", signed_dollars(hero.total_pnl), gain, tone(hero.total_pnl)),
        ("Equity", dollars(latest.ending_equity) if latest else NOTHING, drawdown if latest else "no result yet", ""),
        ("Win rate", percent(hero.win_rate), "of settled markets", ""),
        ("Trades today", f"{hero.trades_today:,}", "since midnight UTC", ""),
        ("Active positions", f"{hero.active_positions:,}", "waiting for settlement", ""),
    ]
    cells = "".join(
        f'<div class="mb-figure"><dt>{name}</dt><dd class="mb-{style or "plain"}">{value}</dd><p>{note}</p></div>'
        for name, value, note, style in rows
    )
    return f'<dl class="mb-figures" data-testid="figures">{cells}</dl>'


def _start(latest: EquityPoint) -> Decimal:
    return latest.ending_equity - latest.cumulative_pnl


def trades_table(trades: Sequence[Trade]) -> str:
    """The public trades; on a phone the columns that matter."""
    rows = "".join(_row(trade) for trade in trades)
    return f"""
<div class="mb-scroll"><table class="mb-table" data-testid="trades">
  <thead><tr><th>Time (UTC)</th><th>City</th><th>Outcome</th><th>Leg</th><th class="n">Contracts</th>
    <th class="n">Price</th><th class="n mb-wide">Fees</th><th class="n">Result</th></tr></thead>
  <tbody>{rows}</tbody>
</table></div>"""


def _row(trade: Trade) -> str:
    result = NOTHING if trade.realized_pnl is None else signed_dollars(trade.realized_pnl)
    sold = '<small class="mb-sold">sold</small>' if trade.action == "sell" else ""
    return f"""
<tr data-time="{trade.trade_time.isoformat()}"><td>{clock_time(trade.trade_time)}</td>
  <td><span class="mb-wide">{text(city_name(trade.city_code))}</span>
    <span class="mb-narrow">{text(trade.city_code)}</span></td>
  <td class="mb-outcome" title="{text(trade.ticker)}">{text(outcome(trade.ticker))}</td>
  <td><span class="mb-leg {trade.side}">{trade.side.upper()}</span>{sold}</td>
  <td class="n">{contracts(trade.quantity)}</td><td class="n">{cents(trade.price)}</td>
  <td class="n mb-wide">{dollars(trade.fees)}</td>
  <td class="n mb-{tone(trade.realized_pnl)}">{result}</td></tr>"""


def empty(title: str, note: str) -> str:
    """A placeholder for figures."""
    return f'<div class="mb-empty"><b>{text(title)}</b><span class="mb-muted">{text(note)}</span></div>'
