"""The files that the runbook copies from the repository or that its reader edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.roles.rendering import ROLES, evaluate, render

SERVICES = ("trader", "rollups", "analytics", "dashboard")


def write_files(directory: Path, variables: dict[str, Any]) -> None:
    """Every such file, with the contents that the roles would write."""

    def write(name: str, text: str) -> None:
        (directory / name).write_text(text, encoding="utf-8")

    for template in sorted((ROLES / "systemd/templates").iterdir()):
        write(template.stem, render(f"systemd/{template.name}", **variables))
    for name in ("pg_hba.conf", "pg_ident.conf"):
        write(name, render(f"postgres/{name}.j2", **variables))
    write("env", _env(evaluate("_environment_variables", **variables), variables))
    for service in SERVICES:
        write(f"{service}.env", _env(evaluate(f"_environment_{service}", **variables), variables))
    write("milkbot.conf", render("nginx/milkbot.conf.j2", **variables))
    write("certificate.pem", variables["nginx_certificate"])
    write("private.key", variables["nginx_private_key"])
    write("logrotate", render("logrotate/milkbot.j2", **variables))
    write("crontab", "".join(f"{_line(job)}\n" for job in evaluate("_cron_jobs", **variables)))


def _env(content: dict[str, Any], variables: dict[str, Any]) -> str:
    return render("environment/env.j2", **{**variables, "variables": content})


def _line(job: dict[str, str]) -> str:
    when = (job["minute"], job.get("hour", "*"), job.get("day", "*"), "*", job.get("weekday", "*"))
    return " ".join((*when, job["job"]))
