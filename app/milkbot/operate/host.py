"""What root's health check found: the page reads its file, and asks the host for nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError


class HealthRow(BaseModel):
    """A row of the health check."""

    model_config = ConfigDict(extra="ignore")

    name: str
    state: Literal["ok", "warn", "fail"]
    value: str
    remedy: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    at: datetime
    release: str
    rows: list[HealthRow]


@dataclass(frozen=True, slots=True)
class HostHealth:
    """The newest result, when it was found and of which release; `problem` where there is none."""

    rows: tuple[HealthRow, ...] = ()
    at: datetime | None = None
    release: str = ""
    problem: str = ""

    @property
    def wrong(self) -> tuple[HealthRow, ...]:
        """The rows that are not ok, failures first."""
        return tuple(sorted((row for row in self.rows if row.state != "ok"), key=lambda row: row.state))

    def about(self, *words: str) -> tuple[HealthRow, ...]:
        """The rows whose name has one of the words."""
        return tuple(row for row in self.rows if any(word in row.name for word in words))


def read_host(path: Path) -> HostHealth:
    """The health check's result, as the file has it."""
    try:
        found = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        why = error.strerror or "it cannot be read"
        return HostHealth(problem=f"no result of the health check yet ({path}: {why}); on the server: healthcheck.sh")
    except ValidationError:
        return HostHealth(problem=f"{path} holds no result of the health check; on the server: healthcheck.sh --json")
    return HostHealth(tuple(found.rows), found.at, found.release)
