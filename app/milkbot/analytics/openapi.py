"""Print the OpenAPI document of this checkout: `python -m milkbot.analytics.openapi >docs/openapi.json`."""

from __future__ import annotations

import json

from sqlalchemy import create_engine

from milkbot.analytics.service.application import create_app


def text() -> str:
    """The document as it is kept in the repository: without the release that serves it."""
    document = create_app(create_engine("postgresql+psycopg://")).openapi()
    document["info"]["version"] = "the release"
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
