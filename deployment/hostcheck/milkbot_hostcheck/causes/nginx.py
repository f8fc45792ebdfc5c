"""nginx and its certificate."""

from __future__ import annotations

import calendar
import re
import time
from typing import Any

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import MACHINE, Diagnosis, judge

_APPLY = "ansible-playbook -i INVENTORY site.yml --tags nginx"
_DAY = 86400


def moment(row: dict[str, Any], name: str) -> float | None:
    """The date of that name of a certificate, in seconds of the epoch; openssl prints it in GMT."""
    found = re.search(rf"{name}=(\w{{3}}\s+\d+ [\d:]{{8}} \d{{4}}) GMT", str(row.get("details", "")))
    if not found:
        return None
    return float(calendar.timegm(time.strptime(found[1], "%b %d %H:%M:%S %Y")))


@judge("clock-off")
def certificate(collection: Collection) -> Diagnosis | None:
    rows = collection.rows("nginx/certificates")
    if not collection.facts.get("root"):
        # Only root may look at the key.
        rows = [{**row, "key_readable": True, "fits": None} for row in rows]
    for row in rows:
        if (found := _judged(row, collection.now, collection.limit("certificate_warn_days") * _DAY)) is not None:
            return found
    return None


def _judged(row: dict[str, Any], now: float, soon: float) -> Diagnosis | None:
    path, key = str(row["certificate"]), str(row["key"])
    new = ("put the certificate and its key into the vault: nginx_certificate, nginx_private_key", _APPLY)
    if (
        row.get("certificate_missing")
        or row.get("key_missing")
        or not row.get("readable")
        or not row.get("key_readable")
    ):
        missing = path if row.get("certificate_missing") else key if row.get("key_missing") else ""
        what = (
            f"{missing}: No such file"
            if missing
            else f"{path if not row.get('readable') else key} cannot be read as PEM"
        )
        return Diagnosis(
            "certificate-missing",
            "The certificate or its key cannot be read",
            (what,),
            "a file was removed or overwritten",
            (_APPLY,),
        )
    if row.get("fits") is False:
        return Diagnosis(
            "certificate-key-mismatch",
            "The certificate and its private key are not a pair",
            (f"the public key of {path} is not that of {key}",),
            "only one of the two was replaced",
            new,
        )
    begins, ends = moment(row, "notBefore"), moment(row, "notAfter")
    said = re.findall(r"^not(?:Before|After)=.*", str(row.get("details", "")), re.MULTILINE)
    if ends is not None and now > ends:
        return Diagnosis(
            "certificate-expired",
            "The certificate has expired",
            (f"{path}: {said[-1]}",),
            "it was not renewed in time",
            new,
        )
    if begins is not None and now < begins:
        return Diagnosis(
            "certificate-too-young",
            "The certificate is not valid yet",
            (f"{path}: {said[0]}",),
            "it begins later, or this clock is behind",
            ("date -u   # is it right?", *new),
        )
    names = re.findall(r"DNS:([\w.*-]+)", str(row.get("details", "")))
    other = [domain for domain in row.get("domains", []) if names and not any(_covers(name, domain) for name in names)]
    if other:
        return Diagnosis(
            "certificate-of-another",
            f"The certificate is not for {other[0]}",
            (f"{path} is for {', '.join(names[:4])}",),
            "it was made for another name",
            new,
        )
    if ends is not None and ends - now < soon:
        return Diagnosis(
            "certificate-ends-soon",
            f"The certificate ends in {(ends - now) / 86400:.0f} days",
            (f"{path}: {said[-1]}",),
            "it has to be renewed",
            new,
            serious=False,
        )
    return None


def _covers(name: str, domain: str) -> bool:
    return name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:])


@judge("certificate-missing", "certificate-key-mismatch")
def nginx_config(collection: Collection) -> Diagnosis | None:
    said = collection.lines("nginx/test", r"\[emerg\]|\[crit\]")
    if collection.code("nginx/test") in (0, None) or not said:
        return None
    running = collection.unit("nginx.service").get("ActiveState") == "active"
    return Diagnosis(
        "nginx-config",
        "nginx does not accept its configuration",
        tuple(line[:220] for line in said[:2]),
        "a file below /etc/nginx was changed; "
        + ("it works by the one from before, until it is restarted" if running else "it does not start with it"),
        (
            _APPLY,
            "nginx -t   # and what is not ours: mend or remove the file that it names",
            "systemctl reload-or-restart nginx",
        ),
    )


@judge(MACHINE, "nginx-config", "port-taken", "certificate-missing", "certificate-key-mismatch")
def nginx_stopped(collection: Collection) -> Diagnosis | None:
    unit = collection.unit("nginx.service")
    if not unit or unit.get("ActiveState") in ("active", "reloading"):
        return None
    load = unit.get("LoadState")
    return Diagnosis(
        "nginx-stopped",
        "nginx does not run",
        (
            (
                f"nginx.service is {unit.get('ActiveState')} ({unit.get('Result')}) since "
                f"{unit.get('StateChangeTimestamp') or 'the start'}"
            ),
        ),
        "it is not installed"
        if load == "not-found"
        else "its unit is masked"
        if load == "masked"
        else "somebody stopped it"
        if unit.get("ActiveState") == "inactive"
        else "see journal/nginx.service.txt",
        (
            *(("systemctl unmask nginx.service",) if load == "masked" else ()),
            "systemctl start nginx.service"
            if load != "not-found"
            else "ansible-playbook -i INVENTORY site.yml --tags packages,nginx",
        ),
    )


@judge(MACHINE, "nginx-stopped", "nginx-config")
def site_missing(collection: Collection) -> Diagnosis | None:
    if collection.code("nginx/sites") is None or collection.unit("nginx.service").get("ActiveState") != "active":
        return None
    if collection.lines("nginx/sites", r" milkbot\.conf -> "):
        return None
    return Diagnosis(
        "site-missing",
        "nginx does not serve our site",
        ("/etc/nginx/sites-enabled holds no milkbot.conf",),
        "the link was removed",
        (_APPLY,),
    )


@judge(
    MACHINE,
    "nginx-stopped",
    "nginx-config",
    "site-missing",
    "milkbot-analytics-down",
    "milkbot-dashboard-down",
    "api-answers-badly",
    "dashboard-answers-badly",
)
def bad_gateway(collection: Collection) -> Diagnosis | None:
    for probe in ("probes/https-api", "probes/https-dashboard"):
        text = collection.text(probe)
        if collection.unit("nginx.service").get("ActiveState") == "active" and re.match(
            r"status 5\d\d|no answer", text
        ):
            said = collection.lines("nginx/milkbot-error.log", r"\[(?:error|crit)\]")[-1:]
            return Diagnosis(
                "nginx-answers-badly",
                "nginx runs and does not answer as it should",
                (f"{probe.partition('-')[2]} through nginx: {text.splitlines()[0]}", *(line[:220] for line in said)),
                "what it asks does not answer, or it was not reloaded since its configuration was mended",
                ("nginx -t && systemctl reload nginx", "tail -n 50 /var/log/nginx/milkbot-error.log"),
            )
    return None
