"""What PostgreSQL is asked. Each answers with a JSON object a line, changes nothing, and shows no password."""

from __future__ import annotations

OF_CLUSTER = {
    "databases": "SELECT datname, datallowconn, datconnlimit, pg_database_size(datname) AS bytes FROM pg_database",
    "roles": "SELECT rolname, rolcanlogin, rolsuper, rolconnlimit, rolvaliduntil FROM pg_roles WHERE rolname !~ '^pg_'",
    "activity": """
        SELECT pid, datname, usename, application_name, client_addr, state, wait_event_type, wait_event,
            extract(epoch FROM now() - xact_start)::int AS transaction_seconds,
            extract(epoch FROM now() - state_change)::int AS state_seconds, left(query, 300) AS query
        FROM pg_stat_activity WHERE pid <> pg_backend_pid() ORDER BY xact_start NULLS LAST""",
    "blocked": """
        SELECT w.pid, w.usename, w.application_name, extract(epoch FROM now() - w.query_start)::int AS seconds,
            left(w.query, 200) AS query, b.pid AS by_pid, b.usename AS by_usename, b.application_name AS by_application,
            b.state AS by_state, extract(epoch FROM now() - b.state_change)::int AS by_seconds,
            left(b.query, 200) AS by_query
        FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p(pid)
        JOIN pg_stat_activity b ON b.pid = p.pid ORDER BY seconds DESC NULLS LAST LIMIT 40""",
    "locks": """
        SELECT l.pid, l.locktype, l.mode, l.granted, d.datname, l.relation, c.relname
        FROM pg_locks l LEFT JOIN pg_database d ON d.oid = l.database LEFT JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid <> pg_backend_pid() ORDER BY l.granted, l.pid LIMIT 200""",
    "access-rules": """
        SELECT line_number, type, database, user_name, address, auth_method, options, error FROM pg_hba_file_rules""",
    "settings": """
        SELECT name, setting, unit, source, sourcefile, pending_restart FROM pg_settings
        WHERE source NOT IN ('default', 'override', 'client') OR pending_restart""",
    "file-errors": """
        SELECT sourcefile, sourceline, name, setting, error FROM pg_file_settings WHERE error IS NOT NULL""",
    "statistics": """
        SELECT datname, numbackends, deadlocks, temp_bytes, conflicts, checksum_failures FROM pg_stat_database""",
    "slots": "SELECT slot_name, active, restart_lsn, wal_status FROM pg_replication_slots",
    "wal": "SELECT count(*) AS files, sum(size) AS bytes FROM pg_ls_waldir()",
}
OF_DATABASE = {
    "ticks": """
        SELECT id, trading_mode, started_at, finished_at, outcome, left(message, 300) AS message, release
        FROM ops.ticks ORDER BY id DESC LIMIT 20""",
    "risk-events": """
        SELECT event_time, trading_mode, event_type, severity, left(message, 300) AS message
        FROM ops.risk_events ORDER BY event_time DESC LIMIT 20""",
    "unknown-orders": """
        SELECT trading_mode, client_order_id, ticker, state, state_reason, updated_at
        FROM ops.orders WHERE state = 'unknown' ORDER BY id DESC LIMIT 20""",
    "sizes": """
        SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid) AS bytes, last_autovacuum
        FROM pg_stat_user_tables ORDER BY bytes DESC LIMIT 40""",
    "invalid-indexes": """
        SELECT indexrelid::regclass AS index, indrelid::regclass AS of_table FROM pg_index WHERE NOT indisvalid""",
}
