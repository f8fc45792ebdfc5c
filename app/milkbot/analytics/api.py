"""What uvicorn starts: `uvicorn milkbot.analytics.api:app`."""

from __future__ import annotations

import gc
import sys

from fastapi import FastAPI

from milkbot.analytics.service.application import create_app
from milkbot.db.session import make_engine
from milkbot.errors import ConfigError
from milkbot.load_settings import load_settings
from milkbot.logging import configure_logging
from milkbot.serving import Identified

# No answer is worth more time than its reader has patience.
STATEMENT_TIMEOUT_MS = 3_000


def _configured() -> FastAPI:
    try:
        settings = load_settings()
        configure_logging(settings, "analytics")
    except ConfigError as error:
        for sentence in error.problems:
            print(f"milkbot-analytics: {sentence}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    return create_app(
        make_engine(settings.database, application="milkbot-analytics", statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    )


# Outermost, so that it names the process in answers to what nobody handled as well.
app = Identified(_configured())
# Nothing of what is there by now becomes garbage. To walk through it takes long, and nobody is answered meanwhile.
gc.collect()
gc.freeze()
