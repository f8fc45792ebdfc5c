-- What the health check asks the database, in one session: each statement prints one JSON object, or an error and nothing.
-- `mode` is the trading mode of this host.

-- A real write, taken back: a read-only or recovering server refuses it. The books are the same afterwards.
BEGIN;
INSERT INTO ops.component_health (component_name, status, last_check)
VALUES ('health check', 'ok', now())
ON CONFLICT (component_name) DO UPDATE SET last_check = now()
RETURNING json_build_object('about', 'write');
ROLLBACK;

-- And one that has to reach the disk: a commit of a message that nobody reads.
SELECT json_build_object('about', 'flush', 'at', pg_logical_emit_message(true, 'milkbot-health', ''));

SELECT json_build_object(
    'about', 'server', 'recovery', pg_is_in_recovery(), 'read_only', current_setting('default_transaction_read_only'),
    'most', current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int,
    'used', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    'archive_mode', current_setting('archive_mode'), 'checksums', current_setting('data_checksums'),
    'damaged', (SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database));

-- Segments that wait to be archived, and for how long the oldest does.
SELECT json_build_object(
    'about', 'archive', 'waiting', count(*),
    'oldest', coalesce(extract(epoch FROM now() - min(modification)), 0))
FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready';

SELECT json_build_object(
    'about', 'archiver', 'archived_age', extract(epoch FROM now() - last_archived_time),
    'failed_age', extract(epoch FROM now() - last_failed_time),
    'failing', coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
    'failed_wal', last_failed_wal)
FROM pg_stat_archiver;

SELECT json_build_object('about', 'schema', 'revision', version_num) FROM ops.alembic_version;

SELECT json_build_object(
    'about', 'states', 'rows', coalesce(json_agg(json_build_object(
        'mode', trading_mode, 'state', state, 'reason', reason, 'by', set_by,
        'age', extract(epoch FROM now() - since))), '[]'::json))
FROM (
    SELECT DISTINCT ON (trading_mode) * FROM ops.trading_states ORDER BY trading_mode, id DESC
) AS latest
WHERE state <> 'active' AND (until IS NULL OR until > now());

SELECT json_build_object(
    'about', 'unknown', 'count', count(*), 'oldest', coalesce(extract(epoch FROM now() - min(updated_at)), 0),
    'first', min(client_order_id))
FROM ops.orders WHERE trading_mode IN ('shadow', 'demo', 'live') AND state = 'unknown';

-- Before there were findings there is no such table: an error, and nothing.
SELECT json_build_object(
    'about', 'findings', 'count', count(*), 'halting', count(*) FILTER (WHERE effect = 'halted'),
    'oldest', coalesce(extract(epoch FROM now() - min(opened_at)), 0), 'first', (array_agg(message ORDER BY id))[1])
FROM ops.findings WHERE trading_mode = :'mode' AND closed_at IS NULL;

SELECT json_build_object(
    'about', 'tick', 'age', extract(epoch FROM now() - started_at), 'outcome', outcome, 'message', message)
FROM ops.ticks WHERE trading_mode = :'mode' ORDER BY started_at DESC, id DESC LIMIT 1;

-- What the trader reports of the services that it reads. For how long one was not healthy when it was last read: degraded.
SELECT json_build_object(
    'about', 'components', 'rows', coalesce(json_object_agg(component_name, json_build_object(
        'status', status, 'message', message, 'age', extract(epoch FROM now() - last_check),
        'degraded', extract(epoch FROM last_check - last_ok))), '{}'::json))
FROM ops.component_health WHERE component_name IN ('kalshi_api', 'nws_api');

-- What the newest completed tick missed, and for how long each completed one has missed something.
WITH done AS (
    SELECT id, started_at, counts, EXISTS (SELECT FROM jsonb_object_keys(counts) AS key WHERE key LIKE 'missing %') AS lacks
    FROM ops.ticks WHERE trading_mode = :'mode' AND outcome = 'completed' ORDER BY started_at DESC, id DESC LIMIT 300
)
SELECT json_build_object(
    'about', 'seen', 'expected', newest.counts->'expected markets',
    'missing', (SELECT coalesce(json_object_agg(substr(key, 9), value), '{}')
                FROM jsonb_each(newest.counts) WHERE key LIKE 'missing %'),
    'oldest', extract(epoch FROM now() - (
        SELECT min(started_at) FROM done
        WHERE lacks AND started_at > coalesce((SELECT max(started_at) FROM done WHERE NOT lacks), '-infinity'))))
FROM (SELECT counts FROM done ORDER BY started_at DESC, id DESC LIMIT 1) AS newest;

SELECT json_build_object('about', 'rollup', 'age', extract(epoch FROM now() - recorded_at))
FROM analytics.v_current_health WHERE component_name = 'rollups';

-- Of exactly the live forecaster; what is not scored yet, and the events that are over and have no result. Before there were scores there
-- are no such tables: an error, and nothing. An event is over at noon of the next day, UTC.
WITH live AS (
    SELECT forecaster, version, parameters_hash FROM ops.forecasts
    WHERE trading_mode = :'mode' AND is_live AND version IS NOT NULL ORDER BY climate_day DESC, as_of DESC LIMIT 1
), seen AS (
    SELECT event_ticker, to_date(split_part(event_ticker, '-', 2), 'YYMONDD') AS day FROM ops.event_ladders
    WHERE seen_at > now() - interval '16 days'
), lacking AS (
    SELECT event_ticker, (day + 1) + time '12:00' AS ended FROM seen
    WHERE day > CAST(now() AS date) - 14 AND day < CAST(now() AS date)
      AND NOT EXISTS (SELECT FROM ops.market_results AS result
          WHERE result.trading_mode = :'mode' AND result.event_ticker = seen.event_ticker)
      AND EXISTS (SELECT FROM ops.forecasts AS made
          WHERE made.trading_mode = :'mode' AND made.climate_day = seen.day AND made.event_ticker = seen.event_ticker)
)
SELECT json_build_object(
    'about', 'skill',
    'forecaster', (SELECT forecaster || ' ' || version FROM live),
    'standing', (SELECT standing FROM live JOIN analytics.forecast_evidence USING (forecaster, version, parameters_hash)
                 WHERE trading_mode = :'mode'),
    'days', (SELECT days FROM live JOIN analytics.forecast_evidence USING (forecaster, version, parameters_hash)
             WHERE trading_mode = :'mode'),
    'unscored', (SELECT extract(epoch FROM now() - min(recorded_at)) FROM ops.market_results
        WHERE trading_mode = :'mode' AND id > coalesce(
            (SELECT result_id FROM analytics.score_marks WHERE trading_mode = :'mode'), 0)),
    'missing', (SELECT count(*) FROM lacking WHERE ended < now() AT TIME ZONE 'UTC'),
    'first', (SELECT min(event_ticker) FROM lacking WHERE ended = (SELECT min(ended) FROM lacking)),
    'oldest', (SELECT extract(epoch FROM now() AT TIME ZONE 'UTC' - min(ended)) FROM lacking));

SELECT json_build_object('about', 'armed', 'left', extract(epoch FROM max(expires_at) - now())) FROM ops.live_armings;
