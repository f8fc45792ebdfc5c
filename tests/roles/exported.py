"""Metrics of the exporters that alerts and dashboard use; tests/deploy/test_monitoring.py asks a machine for each."""

from __future__ import annotations

EXPORTED = {
    *("up", "ALERTS", "nginx_up", "nginx_connections_active", "nginx_http_requests_total"),
    *("pg_up", "pg_stat_activity_count", "pg_stat_activity_max_tx_duration", "pg_settings_max_connections"),
    *("pg_stat_archiver_failed_count", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback"),
    *("pg_database_size_bytes", "node_systemd_unit_state", "node_systemd_service_restart_total"),
    "node_systemd_unit_start_time_seconds",
    *("node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_filesystem_files_free"),
    *("node_filesystem_files", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
    *("node_vmstat_oom_kill", "node_timex_sync_status", "node_timex_offset_seconds", "node_textfile_scrape_error"),
    *("node_cpu_seconds_total", "node_network_receive_bytes_total", "node_network_transmit_bytes_total"),
}
