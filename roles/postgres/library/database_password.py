"""Ansible module: another password for a database role, in the server and in the file of the settings at once."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
import psycopg2.sql
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: database_password
short_description: Give a database role another password, in the server and in the file of the settings at once
description:
  - The server's change is prepared in a transaction, the file is replaced by a rename, and then the transaction ends; a
    millisecond lies between. When one of the two fails, both are as they were. Run again after a kill it converges.
  - The server gets a verifier that is computed here, so the password reaches neither its log nor its statistics.
options:
  role: {description: The database role., type: str, required: true}
  database: {description: A database that it may enter., type: str, required: true}
  password: {description: The password that it shall have., type: str, required: true}
  env_file: {description: The file of the settings., type: path, required: true}
  rendered: {description: "That file as it shall be; one line is taken from it.", type: str, required: true}
  variable: {description: "The variable of that line.", type: str, default: POSTGRES_PASSWORD}
  socket_dir: {description: Where PostgreSQL's socket is., type: path, required: true}
"""

RETURN = r"""
proved: {description: "In words, what was proved of the old password.", returned: changed, type: str}
"""


class RotationError(Exception):
    """The password was not changed; the message says why, and never holds one."""


def line_of(text: str, variable: str) -> str:
    """The variable's line; empty when there is none."""
    match = re.search(rf"^{variable}=.*$", text, re.MULTILINE)
    return match[0] if match else ""


def value_of(line: str) -> str:
    """What the line gives its variable."""
    value = line.partition("=")[2]
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value


def with_line(text: str, variable: str, line: str) -> str:
    """The text with that line instead of the variable's own, or after all others."""
    if line_of(text, variable):
        return re.sub(rf"^{variable}=.*$", lambda _: line, text, flags=re.MULTILINE)
    return f"{text.rstrip()}\n{line}\n"


def replace(path: Path, text: str) -> None:
    """By a rename, on the disk, with the owner and the mode that it had."""
    was = path.stat()
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as writing:
        os.fchown(file, was.st_uid, was.st_gid)
        os.fchmod(file, was.st_mode & 0o777)
        writing.write(text)
        writing.flush()
        os.fsync(file)
    temporary.replace(path)


@contextmanager
def as_postgres(socket_dir: str, database: str) -> Iterator[Any]:
    """A connection of the server's own user: the kernel says who we are."""
    os.seteuid(pwd.getpwnam("postgres").pw_uid)
    try:
        connection = psycopg2.connect(host=socket_dir, user="postgres", dbname=database, connect_timeout=10)
    except psycopg2.OperationalError as error:
        fix = "systemctl status postgresql"
        raise RotationError(f"PostgreSQL does not answer: {str(error).strip()}; {fix}") from None
    finally:
        os.seteuid(0)
    with closing(connection):
        yield connection


def opens(role: str, database: str, password: str) -> bool:
    """Whether the server lets the role in with it, over the loopback address."""
    try:
        connection = psycopg2.connect(
            host="localhost", user=role, password=password, dbname=database, connect_timeout=10
        )
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error) or "no password supplied" in str(error):
            return False
        fix = "systemctl status postgresql"
        raise RotationError(f"the server does not answer at localhost: {str(error).strip()}; {fix}") from None
    connection.close()
    return True


def change(asked: dict[str, Any], before: str, after: str) -> None:
    """Both at once. Raises RotationError; then both are as they were."""
    path = Path(asked["env_file"])
    try:
        with as_postgres(asked["socket_dir"], asked["database"]) as connection:
            verifier = psycopg2.extensions.encrypt_password(
                asked["password"], asked["role"], connection, "scram-sha-256"
            )
            with connection.cursor() as cursor:
                alter = psycopg2.sql.SQL("ALTER ROLE {} PASSWORD {}")
                cursor.execute(alter.format(psycopg2.sql.Identifier(asked["role"]), psycopg2.sql.Literal(verifier)))
            replace(path, after)
            connection.commit()
    except (psycopg2.Error, OSError) as error:
        if path.read_text(encoding="utf-8") != before:
            replace(path, before)
        raise RotationError(f"the old password remains in use: {type(error).__name__}: {str(error).strip()}") from None


def rotate(asked: dict[str, Any], *, check: bool) -> dict[str, Any]:
    path = Path(asked["env_file"])
    if not path.is_file():
        raise RotationError(f"{path} is missing; provision the machine by site.yml first")
    before = path.read_text(encoding="utf-8")
    old_line, new_line = (line_of(text, asked["variable"]) for text in (before, asked["rendered"]))
    if not new_line:
        raise RotationError(f"{asked['variable']} is missing from what {path} shall hold")
    old = value_of(old_line)
    if old_line == new_line and opens(asked["role"], asked["database"], asked["password"]):
        return {"changed": False}
    if check:
        return {"changed": True, "proved": "nothing yet"}
    change(asked, before, with_line(before, asked["variable"], new_line))
    if not opens(asked["role"], asked["database"], asked["password"]):
        raise RotationError("the server refuses the new password, though it took it; run this again")
    if old in ("", asked["password"]):
        return {"changed": True, "proved": "the new one opens the database; the old one is not known here any more"}
    if opens(asked["role"], asked["database"], old):
        raise RotationError("the old password still works; to repair pg_hba.conf, run: site.yml --tags postgres")
    return {"changed": True, "proved": "the new one opens the database, the old one does not any more"}


def main() -> None:
    module = AnsibleModule(
        {
            "role": {"type": "str", "required": True},
            "database": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "env_file": {"type": "path", "required": True},
            "rendered": {"type": "str", "required": True, "no_log": True},
            "variable": {"type": "str", "default": "POSTGRES_PASSWORD"},
            "socket_dir": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        done = rotate(module.params, check=module.check_mode)
    except RotationError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**done)


if __name__ == "__main__":
    main()
