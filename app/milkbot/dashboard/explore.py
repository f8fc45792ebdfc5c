"""The explorer at `/explore`. Streamlit calls it for every visitor, who gets what all get."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import streamlit as st

from milkbot.analytics.service.schemas import DEFAULT_SPAN, SPANS
from milkbot.dashboard.configured import settings, views
from milkbot.dashboard.curve import MEASURES
from milkbot.dashboard.explored import Filter, View
from milkbot.dashboard.site.files import read
from milkbot.dashboard.wording import city_name
from milkbot.domain.cities import cities

# Streamlit runs each visitor's page in a thread of its own. It is all Python, so side by side they are done no sooner;
# two hundred threads that want their turn at once took three times the processor time.
_TURN = threading.Lock()


def _chosen() -> Filter:
    with st.container(horizontal=True, vertical_alignment="center"):
        measure = st.segmented_control(
            "What", list(MEASURES), default="Equity", required=True, key="measure", label_visibility="collapsed"
        )
        span = st.segmented_control(
            "Span",
            list(SPANS),
            default=DEFAULT_SPAN,
            format_func=str.capitalize,
            required=True,
            key="span",
            label_visibility="collapsed",
        )
        city = st.selectbox(
            "City",
            ["", *(city.code for city in cities())],
            format_func=lambda code: city_name(code) if code else "Trades of all cities",
            key="city",
            label_visibility="collapsed",
            width=220,
        )
    return Filter(span, measure, city)


def _watch(chosen: Filter, shown: View) -> None:
    """The status line: runs again by itself, and begins the page anew only when there is something new."""

    # Each visitor has a time of its own, so that they do not all come at once.
    every = st.session_state.setdefault("every", settings().dash_refresh_sec * random.uniform(0.8, 1.2))  # noqa: S311

    @st.fragment(run_every=timedelta(seconds=every))
    def watch() -> None:
        newest = views().view(chosen)
        if newest.version != shown.version:
            st.rerun()
        st.html(newest.status)

    watch()


def explore() -> None:
    """The page."""
    with _TURN:
        st.html(f"<style>{read('parts.css').decode()}{read('explore.css').decode()}</style>")
        st.html('<header class="mb-explore"><h1>Explore</h1><a href="/" target="_self">To the overview</a></header>')
        place = st.container()
        chosen = _chosen()
    # What waits for the API holds up nobody else.
    view = views().view(chosen)
    with _TURN:
        with place:
            _watch(chosen, view)
        _draw(view)


def _draw(view: View) -> None:
    if view.chart:
        st.vega_lite_chart(view.chart)
    if view.trades.strip():
        st.html(view.trades)
    st.html(
        '<p class="mb-muted mb-small">Trades appear one hour after they were made, to the minute. '
        "Nothing here is advice.</p>"
    )
