-- The invariants of the ledger: the weekly drill checks them on the newest backup.
-- A row each: its name, the sentence, and how many rows it is not true of.
-- A backup from before there were order events is not asked for them.

SELECT to_regclass('ops.order_events') IS NOT NULL AS has_events \gset

SELECT 'fill-of-its-order', 'a fill that is linked to an order has that order''s market, side, mode and id at the exchange', count(*)
FROM ops.fills AS fill JOIN ops.orders AS placed ON placed.id = fill.order_id
WHERE (fill.trading_mode, fill.ticker, fill.side, fill.venue_order_id)
    IS DISTINCT FROM (placed.trading_mode, placed.ticker, placed.side, placed.venue_order_id);

SELECT 'fill-without-its-order', 'a fill of an order that is in the ledger is linked to it', count(*)
FROM ops.fills AS fill JOIN ops.orders AS placed USING (trading_mode, venue_order_id)
WHERE fill.order_id IS NULL;

SELECT 'no-more-than-ordered', 'the fills of an order add up to no more than was ordered', count(*)
FROM (
    SELECT FROM ops.fills AS fill JOIN ops.orders AS placed ON placed.id = fill.order_id
    -- A manual order may have been amended manually.
    WHERE placed.client_order_id NOT LIKE 'hand-%'
    GROUP BY placed.id HAVING sum(fill.count) > placed.count
) AS broken;

SELECT 'filled-at-the-exchange', 'an order that rests or was filled has the exchange''s id', count(*)
FROM ops.orders WHERE state IN ('resting', 'partially_filled', 'filled') AND venue_order_id IS NULL;

SELECT 'one-live-order', 'one decision (mode, market, strategy, moment) has at most one order that is not over', count(*)
FROM (
    SELECT FROM ops.orders JOIN ops.order_states USING (state) WHERE NOT terminal
    GROUP BY trading_mode, ticker, strategy_name, created_at HAVING count(*) > 1
) AS broken;

SELECT 'order-of-its-signal', 'an order is for the market and the mode of the signal that asked for it', count(*)
FROM ops.orders AS placed JOIN ops.signals AS signal ON signal.id = placed.signal_id
WHERE (placed.trading_mode, placed.ticker) IS DISTINCT FROM (signal.trading_mode, signal.ticker);

-- What a fill realized is rounded to a millionth of a dollar where it is stored, and so is the sum.
SELECT 'position-is-its-fills', 'a position''s contracts, fees and realized dollars are the sums of its market''s fills', count(*)
FROM ops.positions AS position
FULL JOIN (
    SELECT trading_mode, ticker, sum(CASE side WHEN 'bid' THEN count ELSE -count END) AS signed_count,
        sum(fee) AS fees, sum(realized_pnl) AS realized_pnl, count(*) AS fills
    FROM ops.fills GROUP BY trading_mode, ticker
) AS folded USING (trading_mode, ticker)
WHERE (position.signed_count, position.fees) IS DISTINCT FROM (folded.signed_count, folded.fees)
    OR abs(position.realized_pnl - folded.realized_pnl) > 0.000001 * folded.fills;

SELECT 'nothing-held-nothing-paid', 'a position of no contracts has cost nothing, and no cost is below zero', count(*)
FROM ops.positions WHERE cost < 0 OR (signed_count = 0 AND cost <> 0);

SELECT 'settled-is-closed', 'a position whose market was settled is closed, and settled as it was held', count(*)
FROM ops.settlements AS settled JOIN ops.positions AS position USING (trading_mode, ticker)
WHERE NOT position.is_closed OR settled.signed_count <> position.signed_count;

SELECT 'prices-are-prices', 'every fill has contracts, at a price between nothing and a dollar', count(*)
FROM ops.fills WHERE price <= 0 OR price >= 1 OR count <= 0;

\if :has_events
SELECT 'state-is-its-events', 'an order''s state, and its id at the exchange, are what its newest event left', count(*)
FROM ops.orders AS placed LEFT JOIN LATERAL (
    SELECT new_state, venue_order_id FROM ops.order_events AS happened
    WHERE happened.order_id = placed.id ORDER BY seq DESC LIMIT 1) AS newest ON true
WHERE (placed.state, placed.venue_order_id) IS DISTINCT FROM (newest.new_state, newest.venue_order_id);

SELECT 'events-follow', 'an event of an order begins in the state that the one before it left', count(*)
FROM (
    SELECT old_state, lag(new_state, 1, 'new') OVER (PARTITION BY order_id ORDER BY seq) AS before FROM ops.order_events
) AS replayed WHERE old_state <> before;

SELECT 'chain-is-whole', 'the events of a mode are numbered without a gap, and each holds the hash of itself and of the one before', count(*)
FROM (
    SELECT seq, previous_hash, hash, sha256(previous_hash || convert_to(ops.order_event_text(entry), 'UTF8')) AS sealed,
        lag(seq, 1, 0::bigint) OVER line AS seq_before,
        lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER line AS hash_before
    FROM ops.order_events AS entry WINDOW line AS (PARTITION BY trading_mode ORDER BY seq)
) AS link WHERE seq <> seq_before + 1 OR previous_hash <> hash_before OR hash <> sealed;
\endif

SELECT to_regclass('ops.cash_books') IS NOT NULL AS has_cash \gset
\if :has_cash
SELECT 'equity-is-cash-and-positions', 'the cash that trades and settlements moved is what positions and settlements add up to', count(*)
FROM ops.cash_books AS book
WHERE traded + settled <>
    COALESCE((SELECT sum(realized_pnl - fees - cost) FROM ops.positions AS held WHERE held.trading_mode = book.trading_mode), 0)
    + COALESCE((SELECT sum(revenue) FROM ops.settlements AS paid WHERE paid.trading_mode = book.trading_mode), 0);
\endif
