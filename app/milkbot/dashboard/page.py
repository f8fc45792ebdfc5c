"""The overview. Streamlit runs this file from top to bottom for every visitor; what it shows comes from the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import streamlit as st
import structlog

from milkbot.analytics.service.schemas import EquityPoint, Status, Trade
from milkbot.dashboard.api_client import ApiUnavailableError
from milkbot.dashboard.configured import analytics, settings
from milkbot.dashboard.curve import equity_chart
from milkbot.dashboard.parts import asset, empty, figures, head, trades_table
from milkbot.dashboard.snapshot import Snapshot, overall_status, read_snapshot
from milkbot.dashboard.turn import TURN
from milkbot.dashboard.wording import city_name
from milkbot.domain.cities import cities

_log = structlog.get_logger(__name__)
REFRESH = timedelta(seconds=settings().dash_refresh_sec)
SPANS = {"Week": 7, "Month": 31, "Quarter": 92, "Year": 366}
AWAY = "The analytics service does not answer. This page tries again by itself; trading does not depend on it."


# Shared by all visitors: the API is read once in a while, whatever their number.
@st.cache_data(ttl=REFRESH * 0.9, max_entries=64, show_spinner=False)
def _read(days: int, city: str | None) -> Snapshot:
    return read_snapshot(analytics(), days, city)


def _latest(days: int, city: str | None) -> tuple[Snapshot | None, bool]:
    """What is to be shown, and whether it is new; else it is what this visitor saw last."""
    try:
        snapshot = _read(days, city)
    except ApiUnavailableError as error:
        _log.warning("analytics API not reachable", error=error)
        return st.session_state.get("seen"), False
    st.session_state["seen"] = snapshot
    return snapshot, True


def _show_curve(points: Sequence[EquityPoint]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Equity", anchor=False, width="content")
        st.segmented_control(
            "Span", list(SPANS), default="Month", required=True, key="span", label_visibility="collapsed"
        )
    if points:
        st.altair_chart(equity_chart(points), alt="The account's equity by day")
    else:
        st.html(empty("No result in this span", "The curve begins with the first trade that is an hour old."))


def _show_trades(trades: Sequence[Trade]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Public trades", anchor=False, width="content")
        city = st.selectbox(
            "City",
            ["", *(city.code for city in cities())],
            format_func=lambda code: city_name(code) if code else "All cities",
            key="city",
            label_visibility="collapsed",
            width=190,
        )
    if trades:
        st.html(trades_table(trades))
    else:
        where = f" in {city_name(city)}" if city else ""
        st.html(empty(f"No public trade{where} yet", "A trade appears here an hour after it was made."))


@st.fragment(run_every=REFRESH)
def _overview() -> None:
    """Everything that changes; runs again by itself without the rest of the page."""
    span = st.session_state.get("span", "Month")
    snapshot, is_new = _latest(SPANS[span], st.session_state.get("city") or None)
    with TURN:
        _draw(snapshot, is_new=is_new)


def _draw(snapshot: Snapshot | None, *, is_new: bool) -> None:
    if snapshot is None:
        st.html(head(None, Status.DOWN, "Analytics not reachable", None))
        st.warning(AWAY, icon=":material/cloud_off:")
        return
    status, word = overall_status(snapshot.health) if is_new else (Status.DOWN, "Analytics not reachable")
    st.html(head(snapshot.mode, status, word, snapshot.read_at))
    # A container of its own, so that nothing below moves when the notice comes and goes.
    notice = st.empty()
    if not is_new:
        notice.warning(f"{AWAY} Below is what it said last.", icon=":material/cloud_off:")
    if snapshot.mode is None:
        st.html(empty("Nothing to show yet", "The trader has not made its first tick. This page fills by itself."))
        return
    st.html(figures(snapshot.hero, snapshot.latest))
    _show_curve(snapshot.equity.points)
    _show_trades(snapshot.trades)


st.set_page_config(page_title="Milkbot", page_icon=str(Path(__file__).with_name("logo.svg")), layout="wide")
st.html(f"<style>{asset('style.css')}</style>")
_overview()
st.html(
    '<p class="mb-foot mb-muted">Markets of daily high and low temperatures on Kalshi, traded by a program. '
    "Trades appear one hour after they were made, to the minute. Nothing here is advice.</p>"
)
