"""The globals of a dump: the roles of its server, and what belongs to the database itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from milkbot_backup.manifest import DATABASE

# pg_dumpall and pg_dump write each of these in one line.
_NAME = r'("(?:[^"]|"")+"|\S+?)'
_CREATE = re.compile(rf"CREATE ROLE {_NAME};")
_OF_ROLE = re.compile(rf"ALTER ROLE {_NAME} (?!IN DATABASE ).+;|GRANT {_NAME} TO {_NAME}(?: .+)?;")
_PROPERTY = re.compile(
    rf"ALTER DATABASE {DATABASE} (?:SET|CONNECTION LIMIT) .+;|ALTER ROLE {_NAME} IN DATABASE {DATABASE} SET .+;"
    rf"|(?:GRANT|REVOKE) .+ ON DATABASE {DATABASE} (?:TO|FROM) .+;"
)


def statements(lines: Iterable[str], known: set[str], *, properties: bool) -> Iterator[str]:
    """The statements that make the roles which are not among `known` (names as SQL has them) and what those are.

    With `properties` also those about the database itself. A role that exists is not changed.
    """
    new: set[str] = set()
    for line in lines:
        statement = line.rstrip("\n")
        if created := _CREATE.fullmatch(statement):
            if created[1] in known:
                continue
            new.add(created[1])
            yield statement
        elif _PROPERTY.fullmatch(statement):
            if properties:
                yield statement
        elif (of := _OF_ROLE.fullmatch(statement)) and new & set(of.groups()):
            yield statement
