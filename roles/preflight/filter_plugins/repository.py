"""What the inventory says of a second repository for point-in-time recovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Problem = dict[str, str]

# sftp came with pgBackRest 2.46, which Debian 12 has not.
_TYPES = ("posix", "s3", "azure", "gcs")
_SECRET = ("cipher-pass", "s3-key", "s3-key-secret", "s3-token", "azure-key", "gcs-key")


def second_repository(options: Mapping[str, Any], secrets: Mapping[str, Any]) -> list[Problem]:
    """A type that does not exist, a secret where everybody reads it, and what would leave the host in clear text."""
    if not options:
        return []
    kind = str(options.get("type", "posix"))
    if kind not in _TYPES:
        return [_problem(f"type: {kind}", f"give one of {', '.join(_TYPES)}")]
    problems = [
        _problem(f"{name}: (secret, not shown)", "give it in pgbackrest_second_repository_secrets, in the vault")
        for name in _SECRET
        if name in options
    ]
    if "path" not in options:
        problems.append(_problem("path: (not set)", "say where in it the repository is: path: /milkbot"))
    if kind != "posix" and not secrets.get("cipher-pass"):
        fix = "it leaves the host: give a long cipher-pass in pgbackrest_second_repository_secrets, and keep a copy"
        problems.append(_problem(f"type: {kind}", fix))
    return problems


def _problem(value: str, fix: str) -> Problem:
    return {"name": "pgbackrest_second_repository", "value": value, "fix": fix}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"preflight_second_repository": second_repository}
