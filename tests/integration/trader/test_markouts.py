"""Real fills of a trader that ticks every five minutes get their markouts from what its ticks stored."""

from __future__ import annotations

from decimal import Decimal

from tests.exchange import START_CASH
from tests.integration.trader.stage import Stage

from milkbot.analytics.rollups import run_rollups

_WRONG = """
SELECT * FROM ops.fill_markouts JOIN ops.fills ON fills.id = fill_id
LEFT JOIN ops.market_snapshots AS seen ON seen.id = market_snapshot_id
WHERE markout <> CASE side WHEN 'bid' THEN 1 ELSE -1 END * ((yes_bid + yes_ask) / 2 - price)
  OR abs(extract(epoch FROM captured_at - filled_at) - 60 * horizon_min) > 150
  OR (missing = 'no snapshot near') <> (market_snapshot_id IS NULL)
"""


def test_every_fill_gets_a_markout_of_each_horizon_from_the_ticks(stage: Stage) -> None:
    stage.tick()
    fills = stage.value("SELECT count(*) FROM ops.fills")
    assert fills, "this world must offer something to buy"
    for _ in range(8):
        stage.later(minutes=5)
        stage.tick()
        run_rollups(stage.database.engine("milkbot_rollups"), bankroll=Decimal(START_CASH))
    first = "FROM ops.fill_markouts WHERE fill_id IN (SELECT id FROM ops.fills ORDER BY id LIMIT :fills)"
    assert stage.value(f"SELECT count(*) {first}", fills=fills) == 2 * fills
    assert stage.value(f"SELECT count(*) {first} AND market_snapshot_id IS NULL", fills=fills) == 0
    assert stage.value(f"SELECT count(*) {first} AND markout IS NOT NULL", fills=fills) > fills
    assert stage.rows(_WRONG) == []
