"""What every session of ours asks of the server."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.postgres import TestDatabase

from milkbot.db.scratch import ROLES

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
