"""Whatever is lost, late, repeated or killed: the ledger ends equal to the exchange's, and no limit is ever broken."""

from __future__ import annotations

from tests.property.floor import Floor
from tests.property.running import run_examples

EXAMPLES = 300


def test_ledger_agrees_with_the_exchange_after_any_history(floor: Floor) -> None:
    """The same examples in every run: a red run is red again. tests/bench/chaos goes on from other seeds."""
    run_examples(floor, EXAMPLES)
