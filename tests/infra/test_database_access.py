"""Who comes into the database, as whom, and what they may do there."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def _sql(host: Host, user: str, role: str, query: str) -> tuple[int, str]:
    done = host.run(f"cd / && runuser -u {user} -- psql -h /run/postgresql -U {role} -d milkbot -XAtc %s", query)
    return done.rc, (done.stdout + done.stderr).strip()


# The other way round each is refused from inside its own sandbox, among the rest of test_sandboxes.
@pytest.mark.parametrize(("user", "role"), [("milkbot-owner", "milkbot"), ("milkbot-rollups", "milkbot_rollups")])
def test_the_owners_and_the_rollups_users_come_in_as_their_roles(host: Host, user: str, role: str) -> None:
    assert _sql(host, user, role, "SELECT current_user") == (0, role)


def test_no_system_user_maps_to_two_roles(host: Host) -> None:
    lines = host.check_output("grep -h '^[^#]' /etc/postgresql/*/main/pg_ident.conf").splitlines()
    users = [line.split()[1] for line in lines]
    assert len(users) == len(set(users)) >= 4


def test_the_api_reads_the_public_trades(host: Host) -> None:
    code, _ = _sql(host, "milkbot-analytics", "milkbot_api", "SELECT count(*) FROM analytics.v_public_trades")
    assert code == 0


def test_the_api_cannot_read_orders(host: Host) -> None:
    code, answer = _sql(host, "milkbot-analytics", "milkbot_api", "SELECT count(*) FROM ops.orders")
    assert code != 0
    assert "permission denied" in answer


def test_the_trader_cannot_change_the_schema(host: Host) -> None:
    code, answer = _sql(host, "milkbot", "milkbot_trader", "CREATE TABLE ops.mine (x int)")
    assert code != 0
    assert "permission denied" in answer


@pytest.mark.parametrize("role", ["milkbot", "milkbot_trader", "milkbot_rollups", "postgres"])
def test_the_apis_user_connects_as_no_other_role(host: Host, role: str) -> None:
    code, _ = _sql(host, "milkbot-analytics", role, "SELECT 1")
    assert code != 0


@pytest.mark.parametrize("role", ["milkbot", "milkbot_api", "milkbot-dashboard", "postgres"])
def test_the_dashboard_cannot_connect(host: Host, role: str) -> None:
    code, _ = _sql(host, "milkbot-dashboard", role, "SELECT 1")
    assert code != 0


def test_a_wrong_password_is_refused(host: Host) -> None:
    wrong = host.run("PGPASSWORD=wrong psql -h localhost -U milkbot -d milkbot -c 'SELECT 1'")
    assert wrong.rc != 0
    assert "password authentication failed" in wrong.stderr


def test_a_service_role_cannot_connect_over_the_network(host: Host) -> None:
    refused = host.run("PGPASSWORD=x psql -h localhost -U milkbot_trader -d milkbot -c 'SELECT 1'")
    assert "no pg_hba.conf entry" in refused.stderr


def test_only_named_roles_may_connect(host: Host) -> None:
    acl = host.check_output("cd / && runuser -u postgres -- psql -XAtc %s", _DATABASE_ACL)
    assert not any(entry.startswith("=") for entry in acl.strip("{}").split(","))


_DATABASE_ACL = "SELECT datacl FROM pg_database WHERE datname = 'milkbot'"


def test_every_password_is_stored_as_scram_sha_256(host: Host) -> None:
    query = "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL AND rolpassword NOT LIKE 'SCRAM-SHA-256%'"
    assert host.check_output("cd / && runuser -u postgres -- psql -XAtc %s", query) == ""


def test_the_database_is_encoded_in_utf_8(host: Host) -> None:
    query = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'milkbot'"
    assert host.check_output("cd / && runuser -u postgres -- psql -XAtc %s", query) == "UTF8"
