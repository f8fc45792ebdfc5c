"""A list of an answer as CSV, for a spreadsheet: by `format=csv`, or by what the client accepts."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from typing import get_args

from fastapi import Request
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from milkbot.analytics.service.listed import Listed

MEDIA_TYPE = "text/csv; charset=utf-8"


class Format(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"


def is_wanted(request: Request, named: Format | None) -> bool:
    """Whether a table is asked for. A format that is named wins over the header; of that, the first of both counts."""
    if named is not None:
        return named is Format.CSV
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    known = [kind for kind in accepted if kind in {"text/csv", "application/json", "application/*", "*/*"}]
    return bool(known) and known[0] == "text/csv"


def of(answer: BaseModel | Listed, name: str) -> bytes:
    """One list of an answer with a head line, as RFC 4180 has it. A null is an empty field, a number as in the JSON."""
    whole = answer.head if isinstance(answer, Listed) else answer
    (model,) = get_args(type(whole).model_fields[name].annotation)
    rows = answer.parsed() if isinstance(answer, Listed) else [row.model_dump() for row in getattr(answer, name)]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(model.model_fields), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(to_jsonable_python(rows))
    return out.getvalue().encode()
