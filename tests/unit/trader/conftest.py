"""A ledger and an exchange in memory for the tests of the order path."""

from __future__ import annotations

import pytest
from tests.unit.trader.ledger import Account, Ledger


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """An empty ledger instead of the database."""
    made = Ledger()
    made.install(monkeypatch)
    return made


@pytest.fixture
def account(ledger: Ledger) -> Account:
    """An exchange without orders."""
    return Account(ledger)
