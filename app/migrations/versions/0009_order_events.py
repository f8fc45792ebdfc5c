"""Everything that happens to an order, written once and for ever, chained by hash.

A trigger on the orders writes the events: no writer can forget one, an earlier release among them. That one knows of no
events and names none, so the trigger takes the plain one for the change of state. Of two writers in the same mode one
waits for the other. The values are written out: a migration must mean the same for ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATES = ("pending", "unknown", "resting", "partially_filled", "filled", "canceled", "rejected")
UNSURE = ("pending", "unknown")
AT_WORK = (*UNSURE, "resting")
ALIVE = (*AT_WORK, "partially_filled")
OVER = ("rejected", "canceled")
# Event: the states that it may come from, the one that it leads to, and whether it is the plain one for that.
RULES = (
    ("committed", ("new",), "pending", True),
    ("adopted", ("new",), "pending", False),
    ("rested", UNSURE, "resting", True),
    ("filled_in_part", AT_WORK, "partially_filled", True),
    ("filled", ALIVE, "filled", True),
    ("canceled", ALIVE, "canceled", True),
    ("expired", ALIVE, "canceled", False),
    ("refused", ("pending",), "rejected", True),
    ("answer_lost", ("pending",), "unknown", True),
    ("absent", ("unknown",), "rejected", True),
    ("absent", ("pending",), "rejected", False),
    ("ruled_rejected", UNSURE, "rejected", False),
    ("ruled_canceled", UNSURE, "canceled", False),
    ("ruled_filled", UNSURE, "filled", False),
    ("found_resting", OVER, "resting", False),
    ("found_filled_in_part", OVER, "partially_filled", False),
    ("found_filled", OVER, "filled", False),
    ("found_canceled", ("rejected",), "canceled", False),
    *(("genesis", ("new",), state, False) for state in STATES),
    *(("named", (state,), state, False) for state in STATES),
)
# Changes of state that the table of 0004 has not.
NEW_TRANSITIONS = (
    *(("rejected", new) for new in ("resting", "partially_filled", "filled", "canceled")),
    *(("canceled", new) for new in ("resting", "partially_filled", "filled")),
)

CHECK_STATE = """
CREATE OR REPLACE FUNCTION ops.check_order_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := 'new';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.state = OLD.state THEN
            NEW.state_event := OLD.state_event;
            RETURN NEW;
        END IF;
        was := OLD.state;
        -- No two events in a row lead to different states by the same name: the writer has named none.
        IF NEW.state_event IS NOT DISTINCT FROM OLD.state_event THEN
            NEW.state_event := NULL;
        END IF;
    END IF;
    IF NEW.state_event IS NULL THEN
        SELECT event INTO NEW.state_event FROM ops.order_rules
        WHERE old_state = was AND new_state = NEW.state AND is_plain;
        IF NEW.state_event IS NULL AND TG_OP = 'INSERT' THEN
            RAISE EXCEPTION 'an order begins as pending, not as %', NEW.state USING ERRCODE = 'check_violation';
        ELSIF NEW.state_event IS NULL THEN
            RAISE EXCEPTION 'order % is % and cannot become %', NEW.client_order_id, was, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.state_event = 'genesis' OR NOT EXISTS (
        SELECT FROM ops.order_rules WHERE old_state = was AND event = NEW.state_event AND new_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'order %: % does not lead from % to %', NEW.client_order_id, NEW.state_event, was, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$
"""
CHECK_STATE_BEFORE = """
CREATE OR REPLACE FUNCTION ops.check_order_state() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NEW.state <> 'pending' THEN
                    RAISE EXCEPTION 'an order begins as pending, not as %', NEW.state USING ERRCODE = 'check_violation';
                END IF;
            ELSIF NEW.state <> OLD.state AND NOT EXISTS (
                SELECT FROM ops.order_transitions WHERE old_state = OLD.state AND new_state = NEW.state
            ) THEN
                RAISE EXCEPTION 'order % is % and cannot become %', OLD.client_order_id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        $$
"""
# What an order asks for, as its first event keeps it: the same text in milkbot.db.order_events.
TERMS = """
CREATE FUNCTION ops.order_terms(placed ops.orders) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        placed.ticker, placed.side, placed.price::text, placed.count::text, placed.time_in_force, placed.strategy_name,
        placed.attempt::text, to_char(placed.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))::text
$$
"""
CANONICAL = """
CREATE FUNCTION ops.order_event_text(happened ops.order_events) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        happened.trading_mode, happened.seq::text, happened.order_id::text, happened.client_order_id, happened.event,
        happened.old_state, happened.new_state, happened.terms, happened.venue_order_id, happened.reason,
        to_char(happened.happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        to_char(happened.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), happened.recorded_by)::text
$$
"""
SEAL = """
CREATE FUNCTION ops.seal_order_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('milkbot order events ' || NEW.trading_mode, 0));
    SELECT seq, hash INTO newest FROM ops.order_events
    WHERE trading_mode = NEW.trading_mode ORDER BY seq DESC LIMIT 1;
    NEW.seq := COALESCE(newest.seq, 0) + 1;
    NEW.previous_hash := COALESCE(newest.hash, decode(repeat('00', 32), 'hex'));
    NEW.recorded_at := clock_timestamp();
    NEW.recorded_by := session_user;
    NEW.hash := sha256(NEW.previous_hash || convert_to(ops.order_event_text(NEW), 'UTF8'));
    RETURN NEW;
END
$$
"""
WRITE = """
CREATE FUNCTION ops.write_order_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := 'new';
    came text := NEW.state_event;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := OLD.state;
        IF NEW.state = OLD.state THEN
            IF NEW.venue_order_id IS NOT DISTINCT FROM OLD.venue_order_id THEN
                RETURN NULL;
            END IF;
            came := 'named';
        END IF;
    END IF;
    INSERT INTO ops.order_events (
        trading_mode, order_id, client_order_id, event, old_state, new_state, terms, venue_order_id,
        reason, happened_at)
    VALUES (
        NEW.trading_mode, NEW.id, NEW.client_order_id, came, was, NEW.state,
        CASE was WHEN 'new' THEN ops.order_terms(NEW) END, NEW.venue_order_id, NEW.state_reason, NEW.updated_at);
    RETURN NULL;
END
$$
"""
GENESIS = """
INSERT INTO ops.order_events (
    trading_mode, order_id, client_order_id, event, old_state, new_state, terms, venue_order_id,
    reason, happened_at)
SELECT trading_mode, id, client_order_id, 'genesis', 'new', state, ops.order_terms(placed), venue_order_id,
    state_reason, updated_at
FROM ops.orders AS placed ORDER BY id
"""
GUARD = """
CREATE FUNCTION ops.keep_order_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'ops.order_events is written by changes of ops.orders alone, and never changed'
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""
FUNCTIONS = (TERMS, CANONICAL, SEAL, WRITE, GUARD)
DROPPED = (
    "keep_order_events()",
    "write_order_event()",
    "seal_order_event()",
    "order_event_text(ops.order_events)",
    "order_terms(ops.orders)",
)
TRIGGERS = (
    ("check_order_state", "BEFORE INSERT OR UPDATE ON ops.orders FOR EACH ROW", "check_order_state"),
    ("write_order_event", "AFTER INSERT OR UPDATE ON ops.orders FOR EACH ROW", "write_order_event"),
    ("seal_order_event", "BEFORE INSERT ON ops.order_events FOR EACH ROW", "seal_order_event"),
)
GUARDS = (
    ("keep_order_events", "BEFORE INSERT OR UPDATE OR DELETE ON ops.order_events FOR EACH ROW", "keep_order_events"),
    ("keep_all_order_events", "BEFORE TRUNCATE ON ops.order_events FOR EACH STATEMENT", "keep_order_events"),
)
ORDER_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "state_event": sa.Text(),
    "origin": sa.Text(),
    "expires_at": sa.DateTime(timezone=True),
    "post_only": sa.Boolean(),
    "reduce_only": sa.Boolean(),
    "order_group_id": sa.Text(),
}


def upgrade() -> None:
    for name, kind in ORDER_COLUMNS.items():
        op.add_column("orders", sa.Column(name, kind), schema="ops")
    _create_tables()
    op.bulk_insert(
        sa.table(
            "order_rules",
            sa.column("old_state", sa.Text()),
            sa.column("event", sa.Text()),
            sa.column("new_state", sa.Text()),
            sa.column("is_plain", sa.Boolean()),
            schema="ops",
        ),
        [
            {"old_state": old, "event": event, "new_state": new, "is_plain": plain}
            for event, olds, new, plain in RULES
            for old in olds
        ],
    )
    changes = sa.table(
        "order_transitions", sa.column("old_state", sa.Text()), sa.column("new_state", sa.Text()), schema="ops"
    )
    op.bulk_insert(changes, [{"old_state": old, "new_state": new} for old, new in NEW_TRANSITIONS])
    op.execute(CHECK_STATE)
    for function in FUNCTIONS:
        op.execute(function)
    _create_triggers(TRIGGERS)
    op.execute(GENESIS)
    _create_triggers(GUARDS)
    # What new tables grant by default is taken back on one that no release has yet.
    op.execute("-- squawk-ignore ban-revoke\nREVOKE INSERT ON ops.order_rules FROM milkbot_trader")


def _create_triggers(triggers: tuple[tuple[str, str, str], ...]) -> None:
    for name, when, function in triggers:
        op.execute(f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION ops.{function}()")


def _create_tables() -> None:
    op.create_table(
        "order_rules",
        _text("old_state"),
        _text("event"),
        _text("new_state"),
        sa.Column("is_plain", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["new_state"], ["ops.order_states.state"], name=op.f("fk_order_rules_new_state_order_states")
        ),
        sa.PrimaryKeyConstraint("old_state", "event", "new_state", name=op.f("pk_order_rules")),
        schema="ops",
    )
    op.create_table(
        "order_events",
        _text("trading_mode"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        _text("client_order_id"),
        _text("event"),
        _text("old_state"),
        _text("new_state"),
        _text("terms", nullable=True),
        _text("venue_order_id", nullable=True),
        _text("reason", nullable=True),
        _moment("happened_at"),
        _moment("recorded_at"),
        _text("recorded_by"),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["ops.orders.id"], name=op.f("fk_order_events_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["old_state", "event", "new_state"],
            ["ops.order_rules.old_state", "ops.order_rules.event", "ops.order_rules.new_state"],
            name=op.f("fk_order_events_old_state_event_new_state_order_rules"),
        ),
        sa.PrimaryKeyConstraint("trading_mode", "seq", name=op.f("pk_order_events")),
        sa.Index("ix_order_events_order", "order_id", "seq"),
        schema="ops",
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def downgrade() -> None:
    op.execute("DROP TRIGGER write_order_event ON ops.orders")
    op.execute(
        "CREATE OR REPLACE TRIGGER check_order_state BEFORE INSERT OR UPDATE OF state ON ops.orders "
        "FOR EACH ROW EXECUTE FUNCTION ops.check_order_state()"
    )
    op.execute(CHECK_STATE_BEFORE)
    for function in DROPPED:
        op.execute(f"DROP FUNCTION ops.{function} CASCADE")
    for table in ("order_events", "order_rules"):
        op.drop_table(table, schema="ops")
    changes = sa.table("order_transitions", sa.column("old_state"), sa.column("new_state"), schema="ops")
    for old, new in NEW_TRANSITIONS:
        op.execute(changes.delete().where(changes.c.old_state == old, changes.c.new_state == new))
    for name in ORDER_COLUMNS:
        op.drop_column("orders", name, schema="ops")
