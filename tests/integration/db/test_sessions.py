"""What every session of ours asks of the server."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from tests.postgres import TestDatabase

from milkbot.db.scratch import ROLES, address

_COSTLY = "SELECT sum(number) FROM generate_series(1, 1000000) AS number"


@pytest.mark.parametrize("role", ROLES)
def test_no_statement_is_compiled(database: TestDatabase, role: str) -> None:
    with database.engine(role).connect() as connection:
        connection.execute(text("SET jit_above_cost = 0"))
        plan = "\n".join(connection.scalars(text(f"EXPLAIN (ANALYZE) {_COSTLY}")))
        assert "JIT" not in plan
        connection.execute(text("SET jit = on"))
        plan = "\n".join(connection.scalars(text(f"EXPLAIN (ANALYZE) {_COSTLY}")))
        assert "JIT" in plan, "it would have been"


@pytest.mark.parametrize("ended", ["by the server", "by ourselves"])
def test_a_connection_that_has_ended_is_replaced_before_it_is_used(database: TestDatabase, ended: str) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        before = connection.scalar(text("SELECT pg_backend_pid()"))
        ours = connection.connection.dbapi_connection
    assert ours is not None
    if ended == "by the server":
        admin = create_engine(address(database.socket_directory, database.name, "postgres").url())
        with admin.connect() as connection:
            # It waits until the process is gone.
            assert connection.scalar(text("SELECT pg_terminate_backend(:process, 60000)"), {"process": before})
        admin.dispose()
    else:
        ours.close()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != before


def test_a_healthy_connection_is_used_again(database: TestDatabase) -> None:
    engine, seen = database.engine(), set()
    for _ in range(3):
        with engine.connect() as connection:
            seen.add(connection.scalar(text("SELECT pg_backend_pid()")))
    assert len(seen) == 1
