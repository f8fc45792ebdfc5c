"""Streamlit's pages. It runs this file from top to bottom for every visitor."""

from pathlib import Path

import streamlit as st

from milkbot.dashboard.explore import explore

st.set_page_config(
    page_title="Milkbot: explore", page_icon=str(Path(__file__).parent / "site/files/logo.svg"), layout="wide"
)
# Streamlit wants a page at `/`, where the site answers before it.
st.navigation(
    [st.Page(lambda: None, title="Milkbot", url_path="nothing", default=True), st.Page(explore, url_path="explore")],
    position="hidden",
).run()
