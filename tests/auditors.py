"""What independent auditors may find: tests/auditors.toml, with a reason for everything that is let pass."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("auditors.toml")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of one auditor by their names, and the findings that are let pass, each with its reason."""

    limits: dict[str, float]
    judged: dict[str, str]

    def unjudged(self, found: Iterable[str]) -> list[str]:
        """The findings without a reason, each once. A finding is its id, or the id with more words after it."""
        return sorted({one for one in found if one.split()[0] not in self.judged and one not in self.judged})


def thresholds(auditor: str, file: Path = FILE) -> Thresholds:
    """Those of that auditor. Raises KeyError when the file has no table for it."""
    table = tomllib.loads(file.read_text(encoding="utf-8"))[auditor]
    return Thresholds(limits={k: v for k, v in table.items() if k != "judged"}, judged=table.get("judged", {}))


def auditors(file: Path = FILE) -> list[str]:
    """The names of those that the file has a table for."""
    return list(tomllib.loads(file.read_text(encoding="utf-8")))
