"""Whether the services come into the database, and find what they expect there."""

from __future__ import annotations

import re

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis, judge

_ROLES = {"milkbot", "milkbot_trader", "milkbot_rollups", "milkbot_api"}
_LOGINS = ["logins/password", *(f"logins/{role}" for role in sorted(_ROLES))]
_APPLY = "ansible-playbook -i INVENTORY site.yml --tags postgres"
_DOWN = ("postgresql-stopped", "postgresql-no-space")


def _said(collection: Collection, pattern: str) -> list[str]:
    """The last line of each login that failed like that."""
    failed = (name for name in _LOGINS if collection.code(name) not in (0, None))
    return list(dict.fromkeys(found[-1].strip() for name in failed if (found := collection.lines(name, pattern))))


@judge(*_DOWN)
def database_missing(collection: Collection) -> Diagnosis | None:
    rows = {row["datname"]: row for row in collection.rows("postgres/databases")}
    if not rows:
        return None
    if "milkbot" not in rows:
        old = sorted(name for name in rows if name.startswith("milkbot_"))
        return Diagnosis(
            "database-missing",
            "There is no database milkbot",
            (f"the databases are: {', '.join(sorted(rows))}",),
            f"it was dropped or renamed; {old[-1]} is there" if old else "it was dropped",
            ("/opt/milkbot/deployment/scripts/restore-database.sh FILE   # the newest of /var/backups/milkbot",),
        )
    row = rows["milkbot"]
    if not row.get("datallowconn") or row.get("datconnlimit") == 0:
        return Diagnosis(
            "database-closed",
            "The database milkbot lets nobody in",
            (f"datallowconn={row.get('datallowconn')} datconnlimit={row.get('datconnlimit')}",),
            "a restore closes it while it swaps the names, and this one did not come to its end",
            (
                "/opt/milkbot/deployment/scripts/restore-database.sh FILE   # again: it cleans up what was left",
                "runuser -u postgres -- psql -c 'ALTER DATABASE milkbot ALLOW_CONNECTIONS true'",
            ),
        )
    return None


@judge(*_DOWN)
def role_missing(collection: Collection) -> Diagnosis | None:
    rows = {row["rolname"]: row for row in collection.rows("postgres/roles")}
    if not rows:
        return None
    missing = sorted(_ROLES - set(rows))
    closed = sorted(name for name in _ROLES & set(rows) if not rows[name].get("rolcanlogin"))
    if not (missing or closed):
        return None
    said = _said(collection, r"role .* (?:does not exist|is not permitted)")
    return Diagnosis(
        "role-missing",
        f"The database role {', '.join(missing or closed)} {'is missing' if missing else 'may not log in'}",
        (f"pg_roles: {'without ' + ', '.join(missing) if missing else 'NOLOGIN for ' + ', '.join(closed)}", *said[:2]),
        "somebody dropped or changed it, or a dump of the roles was never restored",
        ("ansible-playbook -i INVENTORY site.yml --tags postgres,database",),
    )


@judge(*_DOWN)
def access_rules_broken(collection: Collection) -> Diagnosis | None:
    wrong = [row for row in collection.rows("postgres/access-rules") if row.get("error")]
    if not wrong:
        return None
    return Diagnosis(
        "access-rules-broken",
        "pg_hba.conf holds what PostgreSQL does not understand",
        tuple(f"line {row.get('line_number')}: {row['error']}" for row in wrong[:3]),
        "it works by the rules from before, and will not start again with these",
        (_APPLY,),
    )


@judge(*_DOWN, "role-missing", "access-rules-broken")
def access_refused(collection: Collection) -> Diagnosis | None:
    pattern = r"no pg_hba\.conf entry|pg_hba\.conf rejects|Peer authentication failed|Ident authentication failed"
    said = _said(collection, pattern)
    own = collection.text("postgres/answers")
    if collection.code("postgres/answers") not in (0, None) and re.search(pattern, own):
        said.append(own.strip().splitlines()[-1])
    if not said:
        return None
    return Diagnosis(
        "access-refused",
        "pg_hba.conf does not let the services in",
        tuple(said[:3]),
        "a rule of pg_hba.conf or a line of pg_ident.conf is missing or was changed; who matches no rule is refused",
        ("cat /etc/postgresql/*/main/pg_hba.conf", _APPLY),
    )


@judge(*_DOWN, "role-missing")
def password_wrong(collection: Collection) -> Diagnosis | None:
    said = _said(collection, r"password authentication failed|no password supplied")
    if not said:
        return None
    return Diagnosis(
        "password-wrong",
        "PostgreSQL refuses the password of /opt/milkbot/.env",
        tuple(said[:2]),
        "POSTGRES_PASSWORD and the password of the role are not the same; one of them was changed",
        ("ansible-playbook -i INVENTORY site.yml --tags postgres,environment   # both become the vault's",),
    )


@judge(*_DOWN, "role-missing", "database-missing", "database-closed")
def rights_missing(collection: Collection) -> Diagnosis | None:
    said = _said(collection, r"permission denied for|does not have CONNECT privilege")
    said += collection.lines("release/doctor", r"permission denied for (?:schema|table|view)")[:1]
    if not said:
        return None
    return Diagnosis(
        "rights-missing",
        "A role of the database may not do what its service does",
        tuple(line.strip()[:200] for line in said[:2]),
        "a grant was taken back, or a restore left it out",
        (
            "ansible-playbook -i INVENTORY site.yml --tags postgres,database",
            "milkbot db smoke   # shows what is refused",
        ),
    )


@judge(*_DOWN, "database-missing", "database-closed")
def schema_mismatch(collection: Collection) -> Diagnosis | None:
    failing = collection.failing("schema")
    if not failing:
        return None
    found = re.match(r"revision (\S+), the live release needs (\S+)", failing[0].value)
    older = not found or found[1] < found[2]
    return Diagnosis(
        "schema-mismatch",
        "The schema of the database is not the one of the release that runs",
        (failing[0].value,),
        "a migration did not run, or an older backup was restored"
        if older
        else "a newer release migrated it, and this one came back",
        ("milkbot db upgrade",)
        if older
        else (
            "ansible-playbook -i INVENTORY rollback.yml --tags code,migrations",
            "ansible-playbook -i INVENTORY update.yml   # or forward, to the version that made it",
        ),
    )
