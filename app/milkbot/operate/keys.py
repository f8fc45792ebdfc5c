"""Who may log in by a passkey: links that enrol one, the keys, and the sessions, in a file of the login service alone.

A file and not the database: an operator who is logged in has to be able to halt while the database is away. Of links
and sessions it holds hashes, so that whoever reads it can use neither.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

LINK_SECONDS = 600
SESSION_SECONDS = 8 * 3600
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""What an operator may be called; the name goes into the record of acts."""
_TABLES = """
CREATE TABLE IF NOT EXISTS links (hash BLOB PRIMARY KEY, name TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, public_key BLOB NOT NULL, sign_count INTEGER NOT NULL,
    enrolled_at REAL NOT NULL, used_at REAL
);
CREATE TABLE IF NOT EXISTS sessions (
    hash BLOB PRIMARY KEY, key_id BLOB NOT NULL REFERENCES keys ON DELETE CASCADE, until REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A passkey as it was enrolled; `sign_count` is its device's at the last use, times are seconds since 1970."""

    id: bytes
    name: str
    public_key: bytes
    sign_count: int
    enrolled_at: float
    used_at: float | None


class Keys:
    """The file. Each call is a transaction of its own, so that the command line may change it at any time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        with closing(self._connected()) as connection:
            connection.executescript(_TABLES)

    def new_link(self, name: str) -> str:
        """The secret of a link that enrols one key of that operator, within ten minutes."""
        secret = secrets.token_urlsafe(32)
        with self._transaction() as file:
            file.execute("DELETE FROM links WHERE until < ?", (self._clock(),))
            file.execute("INSERT INTO links VALUES (?, ?, ?)", (_hash(secret), name, self._clock() + LINK_SECONDS))
        return secret

    def name_of_link(self, secret: str) -> str | None:
        """Whom the link enrols; None where it was used, is too old, or never was."""
        with self._transaction() as file:
            found = file.execute(
                "SELECT name FROM links WHERE hash = ? AND until >= ?", (_hash(secret), self._clock())
            ).fetchone()
        return found[0] if found else None

    def enrol(self, secret: str, key_id: bytes, public_key: bytes, sign_count: int) -> str | None:
        """Use the link up for this key: the operator's name. None where the link is not good, or the key known."""
        with self._transaction() as file:
            used = file.execute(
                "DELETE FROM links WHERE hash = ? AND until >= ? RETURNING name", (_hash(secret), self._clock())
            ).fetchall()
            if not used or file.execute("SELECT 1 FROM keys WHERE id = ?", (key_id,)).fetchone():
                return None
            row = (key_id, used[0][0], public_key, sign_count, self._clock())
            file.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)", row)
        return str(used[0][0])

    def key(self, key_id: bytes) -> Key | None:
        """The key with that id."""
        with self._transaction() as file:
            found = file.execute("SELECT * FROM keys WHERE id = ?", (key_id,)).fetchone()
        return Key(*found) if found else None

    def new_session(self, key: Key, sign_count: int) -> str | None:
        """The secret of a session of eight hours. None where the key was revoked, or used, since it was read."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        with self._transaction() as file:
            counted = file.execute(
                "UPDATE keys SET sign_count = ?, used_at = ? WHERE id = ? AND sign_count = ?",
                (sign_count, now, key.id, key.sign_count),
            )
            if counted.rowcount != 1:
                return None
            file.execute("DELETE FROM sessions WHERE until < ?", (now,))
            file.execute("INSERT INTO sessions VALUES (?, ?, ?)", (_hash(secret), key.id, now + SESSION_SECONDS))
        return secret

    def name_of_session(self, secret: str) -> str | None:
        """Whose session it is; None where it has ended, or never was."""
        with self._transaction() as file:
            found = file.execute(
                "SELECT name FROM sessions JOIN keys ON id = key_id WHERE hash = ? AND until >= ?",
                (_hash(secret), self._clock()),
            ).fetchone()
        return found[0] if found else None

    def end_session(self, secret: str) -> None:
        """Log out."""
        with self._transaction() as file:
            file.execute("DELETE FROM sessions WHERE hash = ?", (_hash(secret),))

    def revoke(self, name: str) -> int:
        """Remove every key, link and session of that operator; how many keys and links there were."""
        with self._transaction() as file:
            return sum(
                file.execute(f"DELETE FROM {table} WHERE name = ?", (name,)).rowcount  # noqa: S608 - our own two words
                for table in ("keys", "links")
            )

    def everyone(self) -> list[tuple[Key, int]]:
        """Each key with the number of its sessions, by name."""
        with self._transaction() as file:
            rows = file.execute(
                "SELECT keys.*, count(hash) FROM keys LEFT JOIN sessions ON key_id = id AND until >= ? "
                "GROUP BY id ORDER BY name, enrolled_at",
                (self._clock(),),
            ).fetchall()
        return [(Key(*row[:-1]), row[-1]) for row in rows]

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connected()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _hash(secret: str) -> bytes:
    """The secrets have 256 random bits: nothing slower is needed."""
    return hashlib.sha256(secret.encode()).digest()
