"""nginx and its certificate."""

from __future__ import annotations

import re

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import MACHINE, Diagnosis, judge

_APPLY = "ansible-playbook -i INVENTORY site.yml --tags nginx"


_CERTIFICATE = {
    "certificate-missing": ("The certificate or its key cannot be read", "a file was removed or overwritten"),
    "certificate-expired": ("The certificate has expired", "it was not renewed in time"),
    "certificate-too-young": ("The certificate is not valid yet", "it begins later, or this clock is behind"),
    "certificate-key-mismatch": ("The certificate and its key are not a pair", "only one of the two was replaced"),
    "certificate-of-another": ("The certificate is not for this site", "it was made for another name"),
    "certificate-ends-soon": ("The certificate ends soon", "it has to be renewed"),
}


@judge("clock-off")
def certificate(collection: Collection) -> Diagnosis | None:
    for row in collection.failing("certificate", warned=True):
        title, cause = _CERTIFICATE[row.cause]
        evidence, soon = (row.value,), row.cause == "certificate-ends-soon"
        apply = (_APPLY,) if row.cause == "certificate-missing" else ()
        return Diagnosis(row.cause, title, evidence, cause, (*apply, row.remedy), serious=not soon)
    return None


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
            "nginx -t   # and what is not ours: correct or remove the file that it names",
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
                "what it asks does not answer, or it was not reloaded since its configuration was corrected",
                ("nginx -t && systemctl reload nginx", "tail -n 50 /var/log/nginx/milkbot-error.log"),
            )
    return None
