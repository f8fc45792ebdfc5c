"""The overview. Streamlit runs this file from top to bottom for every visitor; what it shows comes from the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import streamlit as st
import structlog

from milkbot.analytics.service.schemas import Equity, Health, Hero, Trades
from milkbot.dashboard.api_client import AnalyticsApi, ApiUnavailableError
from milkbot.dashboard.configured import settings
from milkbot.dashboard.curve import equity_chart
from milkbot.dashboard.parts import asset, empty, figures, head, trades_table
from milkbot.dashboard.wording import city_name
from milkbot.domain.cities import cities

_log = structlog.get_logger(__name__)
REFRESH = timedelta(seconds=settings().dash_refresh_sec)
# Shared by all visitors: however many look, the API is asked once in a while.
KEPT = REFRESH * 0.9
SHOWN_TRADES = 50
SPANS = {"Week": 7, "Month": 31, "Quarter": 92, "Year": 366}


@st.cache_resource
def _api() -> AnalyticsApi:
    return AnalyticsApi(settings().analytics_api_url)


@st.cache_data(ttl=KEPT, show_spinner=False)
def _overview(days: int) -> tuple[Hero, Equity, Health, datetime]:
    api = _api()
    return api.hero(), api.equity(days), api.health(), datetime.now(UTC)


@st.cache_data(ttl=KEPT, show_spinner=False)
def _trades(city: str | None) -> Trades:
    return _api().trades(city, SHOWN_TRADES)


def _show_figures(days: int) -> None:
    hero, equity, health, read_at = _overview(days)
    st.html(head(hero.mode, health, read_at))
    if hero.mode is None:
        st.html(empty("Nothing to show yet", "The trader has not made its first tick. This page fills by itself."))
        return
    st.html(figures(hero, equity.points[-1] if equity.points else None))


def _show_curve(days: int) -> None:
    points = _overview(days)[1].points
    if points:
        st.altair_chart(equity_chart(points), alt="The account's equity by day")
    else:
        st.html(empty("No result in this span", "The curve begins with the first trade that is an hour old."))


def _show_trades(city: str | None) -> None:
    trades = _trades(city).trades
    if trades:
        st.html(trades_table(trades))
    else:
        where = f" in {city_name(city)}" if city else ""
        st.html(empty(f"No public trade{where} yet", "A trade appears here an hour after it was made."))


def _show_unreachable(error: ApiUnavailableError) -> None:
    _log.warning("analytics API not reachable", error=error)
    st.html(head(None, None, datetime.now(UTC)))
    st.error(
        "The analytics service does not answer at the moment. This page tries again by itself; trading does not "
        "depend on it.",
        icon=":material/cloud_off:",
    )


@st.fragment(run_every=REFRESH)
def _overview_panel() -> None:
    """Everything that changes; runs again by itself without the rest of the page."""
    span = st.session_state.get("span") or "Month"
    try:
        _show_figures(SPANS[span])
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Equity", anchor=False, width="content")
            st.segmented_control(
                "Span", list(SPANS), default="Month", required=True, key="span", label_visibility="collapsed"
            )
        _show_curve(SPANS[span])
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Public trades", anchor=False, width="content")
            city = st.selectbox(
                "City",
                [None, *(city.code for city in cities())],
                format_func=lambda code: city_name(code) if code else "All cities",
                label_visibility="collapsed",
                width=190,
            )
        _show_trades(city)
    except ApiUnavailableError as error:
        _show_unreachable(error)


st.set_page_config(page_title="Milkbot", page_icon=str(Path(__file__).with_name("logo.svg")), layout="wide")
st.html(f"<style>{asset('style.css')}</style>")
_overview_panel()
st.html(
    '<p class="mb-foot mb-muted">Daily high-temperature markets on Kalshi, traded by a program. '
    "Trades appear one hour after they were made, to the minute. Nothing here is advice.</p>"
)
