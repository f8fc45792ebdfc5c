"""Whose page is drawn."""

from __future__ import annotations

import threading

# Streamlit runs each visitor's page in a thread of its own. Drawing is all Python, so that side by side they are done
# no sooner, but the thread that answers everybody's requests would wait for its turn among them: for half a second and
# more when all visitors come back at once, after a new version. What waits for the API does not hold it.
TURN = threading.Lock()
