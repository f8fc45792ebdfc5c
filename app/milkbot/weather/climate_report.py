"""The daily climate report (CLI), the text from which a station's official high is known.

It verifies forecasts and raises an alarm where the exchange settled at another number; it settles nothing of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

_CODE: Final = re.compile(r"^(CLI[A-Z]{3})\s*$", re.MULTILINE)
_SUMMARY: Final = re.compile(r"CLIMATE SUMMARY FOR ([A-Z]+ \d{1,2} \d{4})")
_EXTREME: Final = r"^\s*{name}\s+(\S+)"
_DEGREES: Final = re.compile(r"(-?\d+)R?")
_MISSING: Final = "MM"
_PRELIMINARY: Final = re.compile(r"VALID (?:TODAY )?AS OF")
_END: Final = "$$"


@dataclass(frozen=True, slots=True)
class ClimateReport:
    """One station's day in whole degrees Fahrenheit; None is the report's MM. A preliminary day may still change."""

    code: str
    climate_day: date
    high_f: int | None
    low_f: int | None
    preliminary: bool


def parse_climate_reports(text: str) -> list[ClimateReport]:
    """Every report in a text, in its order. Raises ValueError for a text that holds none, or one without its parts."""
    products = [product for product in text.split(_END) if _CODE.search(product)]
    if not products:
        raise ValueError("the text holds no climate report: no line names one, such as CLINYC")
    return [_report(product) for product in products]


def _report(product: str) -> ClimateReport:
    code, summary = _CODE.search(product), _SUMMARY.search(product)
    if code is None or summary is None:
        raise ValueError("a climate report names no station or no day")
    temperatures = product[summary.end() :].partition("TEMPERATURE (F)")[2]
    return ClimateReport(
        code=code[1],
        climate_day=datetime.strptime(f"{summary[1]} +0000", "%B %d %Y %z").date(),
        high_f=_extreme("MAXIMUM", temperatures, code[1]),
        low_f=_extreme("MINIMUM", temperatures, code[1]),
        preliminary=_PRELIMINARY.search(product) is not None,
    )


def _extreme(name: str, temperatures: str, code: str) -> int | None:
    found = re.search(_EXTREME.format(name=name), temperatures, re.MULTILINE)
    if found is None:
        raise ValueError(f"climate report {code} has no line {name} under TEMPERATURE (F)")
    if found[1] == _MISSING:
        return None
    degrees = _DEGREES.fullmatch(found[1])
    if degrees is None:
        raise ValueError(f"climate report {code} has {name} {found[1]!r}, expected whole degrees or MM")
    return int(degrees[1])
