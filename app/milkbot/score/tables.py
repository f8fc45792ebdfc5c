"""Reading recorded CSV files. Whatever is wrong with one is a DataError that names the file."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from milkbot.domain.units import Price
from milkbot.score.events import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
PER_DOLLAR: Final = 10_000
"""Prices in arrays are whole ten-thousandths of a dollar: the exchange's finest tick."""


def read_rows(path: Path, needed: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """The rows of a small CSV file, plain or gzipped. Raises DataError where it is not readable or lacks columns."""
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as text:
            rows = csv.DictReader(text)
            missing = [name for name in needed if name not in (rows.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{path}: it has no column {', '.join(missing)}; found {', '.join(rows.fieldnames or ())}"
                )
            yield from rows
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not readable: {error}; copy it again") from error


def read_columns(
    path: Path, types: Mapping[str, str], expressions: Mapping[str, str], check: str
) -> dict[str, NDArray[Any]]:
    """The columns of a large CSV file as arrays in the order of its rows: `types` as it has them, `expressions` in SQL.

    Raises DataError for an empty file, for a row that is not of those types, and for one for which `check` is not true.
    """
    import duckdb  # noqa: PLC0415 - only who scores pays for these imports
    import numpy as np  # noqa: PLC0415

    columns = ", ".join(f"{sql} AS {name}" for name, sql in expressions.items())
    source = "read_csv($path, header = true, columns = $types)"
    given = {"path": str(path), "types": dict(types)}
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            # The expressions are constants of this package.
            read = connection.execute(f"SELECT ({check}) IS TRUE AS is_good, {columns} FROM {source}", given)  # noqa: S608
            found = {name: np.asarray(column) for name, column in read.fetchnumpy().items()}
    except duckdb.Error as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path} is not readable: {first}; copy it again") from error
    is_good = found.pop("is_good")
    if not len(is_good):
        raise DataError(f"{path} holds no row; copy it again")
    if not is_good.all():
        row = int(is_good.argmin()) + 2
        raise DataError(f"{path}, line {row}: {(~is_good).sum()} rows are not as expected, {check}; copy it again")
    return found


def microseconds(moment: datetime) -> int:
    """An aware moment as whole microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def moment(since_epoch: int) -> datetime:
    """The moment in UTC of that many microseconds since 1970."""
    return EPOCH + int(since_epoch) * _MICROSECOND


def dollars(parts: int) -> Price:
    """The price of that many ten-thousandths of a dollar."""
    return Price(Decimal(int(parts)) / PER_DOLLAR)
