"""The file of the auditors' thresholds: nothing passes without a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import auditors

_FEWEST_WORDS = 4


@pytest.mark.parametrize("auditor", auditors.auditors())
def test_every_exception_has_its_reason(auditor: str) -> None:
    judged = auditors.thresholds(auditor).judged
    assert [name for name, reason in judged.items() if len(reason.split()) < _FEWEST_WORDS] == []


def test_a_finding_passes_by_its_id_or_whole_and_others_are_named(tmp_path: Path) -> None:
    file = tmp_path / "auditors.toml"
    file.write_text('[one]\nminimum = 80\n[one.judged]\nA-1 = "a reason"\n"B-2 that" = "another"\n', "utf-8")
    found = auditors.thresholds("one", file)
    assert found.limits == {"minimum": 80}
    assert found.unjudged(["A-1 whatever", "A-1", "B-2 that", "B-2 this", "C-3", "C-3"]) == ["B-2 this", "C-3"]
