-- A ledger of :ticks ticks over 24 cities with 6 brackets each: about 100 kB a tick. Every decision is stored,
-- whether it became an order or not; one in a hundred did, and was filled.
\set ON_ERROR_STOP on
-- The rows fit each other by how they are made: no foreign key has to be looked up.
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO ops.ticks (trading_mode, started_at, finished_at, outcome, release, config_hash)
SELECT 'shadow', moment, moment + interval '3 seconds', 'completed', 'bench', repeat('0', 12)
FROM (SELECT now() - interval '1 day' - number * interval '5 minutes' AS moment FROM generate_series(:ticks, 1, -1) AS number) AS moments;

INSERT INTO ops.market_snapshots (trading_mode, tick_id, ticker, event_ticker, city_code, captured_at, status, strike_type,
    floor_strike, cap_strike, close_time, yes_bid, yes_bid_size, yes_ask, yes_ask_size)
SELECT 'shadow', id, format('KXHIGH%s-%s-B%s.5', city, day, 40 + 2 * bracket), format('KXHIGH%s-%s', city, day), city, started_at,
    'active', 'between', 40 + 2 * bracket, 41 + 2 * bracket, date_trunc('day', started_at) + interval '29 hours',
    bid, floor(random() * 900 + 1), bid + 0.03, floor(random() * 900 + 1)
FROM ops.ticks,
    unnest(ARRAY['NY', 'CHI', 'MIA', 'AUS', 'DEN', 'LAX', 'PHIL', 'HOU', 'ATL', 'BOS', 'DAL', 'DC', 'DET', 'LV', 'MIN', 'NOLA',
        'OKC', 'PHX', 'PDX', 'SAC', 'SATX', 'SEA', 'SFO', 'STL']) AS city,
    generate_series(0, 5) AS bracket,
    to_char(started_at, 'YYMONDD') AS day,
    -- Names the row so that each has a price of its own.
    round((0.02 + random() * 0.9 + bracket * 0)::numeric, 2) AS bid
WHERE release = 'bench';

INSERT INTO ops.signals (trading_mode, tick_id, market_snapshot_id, ticker, event_ticker, city_code, climate_day, strategy_name,
    decision, p_yes, forecast_sd_f, edge, price, count, reasons, created_at)
SELECT trading_mode, tick_id, id, ticker, event_ticker, city_code, captured_at::date, 'normal_brackets',
    CASE WHEN id % 100 = 0 THEN 'buy' ELSE 'pass' END, round(random()::numeric, 4), 2.5, round((random() * 0.1)::numeric, 4),
    yes_ask, CASE WHEN id % 100 = 0 THEN 10 ELSE 0 END,
    jsonb_build_object('codes', jsonb_build_array(CASE WHEN id % 100 = 0 THEN 'edge' ELSE 'edge_below_minimum' END)), captured_at
FROM ops.market_snapshots WHERE captured_at < now() - interval '1 day';

INSERT INTO ops.orders (trading_mode, client_order_id, venue_order_id, signal_id, ticker, event_ticker, city_code, climate_day,
    strategy_name, side, price, count, time_in_force, exchange_index, attempt, state, created_at, sent_at, updated_at)
SELECT trading_mode, 'bench-' || id, 'bench-' || md5(id::text), id, ticker, event_ticker, city_code, climate_day, strategy_name,
    'bid', price, count, 'good_till_canceled', 0, 1, 'filled', created_at, created_at, created_at
FROM ops.signals WHERE decision = 'buy' AND price < 1;

INSERT INTO ops.fills (trading_mode, venue_fill_id, venue_order_id, order_id, ticker, event_ticker, city_code, climate_day, side,
    count, price, fee, realized_pnl, is_taker, filled_at, recorded_at)
SELECT trading_mode, 'bench-' || id, venue_order_id, id, ticker, event_ticker, city_code, climate_day, side, count, price, 0.07, 0,
    true, created_at, created_at
FROM ops.orders WHERE client_order_id LIKE 'bench-%';

-- The fold of the fills, so that the ledger agrees with themselves.
INSERT INTO ops.positions (trading_mode, ticker, event_ticker, city_code, climate_day, signed_count, cost, fees, realized_pnl,
    is_closed, opened_at, updated_at)
SELECT trading_mode, ticker, event_ticker, city_code, climate_day, sum(count), sum(count * price), sum(fee), 0, false,
    min(filled_at), max(filled_at)
FROM ops.fills WHERE venue_fill_id LIKE 'bench-%' GROUP BY 1, 2, 3, 4, 5;

RESET session_replication_role;
VACUUM ANALYZE;
CHECKPOINT;
