"""Of several troubles the root stands first, and nothing is said of a host that is well or cannot be seen."""

from __future__ import annotations

import pytest
from tests.roles.diagnosis import BLOCKED, DOWN, FAILED, STOPPED, collection, df, health_row, judged, properties, rows

from milkbot_hostcheck import asking, diagnose, page
from milkbot_hostcheck.collection import Collection


def test_a_healthy_host_has_no_diagnosis() -> None:
    assert judged() == []
    shown = page.page(collection(), [])
    assert "Nothing wrong was found." in shown
    assert "release 20261120T000000Z-bbbbbbbbbbbb" in shown[0]


def test_a_host_without_data_has_no_diagnosis() -> None:
    empty = Collection({}, {})
    assert diagnose.judged(empty) == []


def test_garbage_in_one_answer_leaves_the_other_diagnoses() -> None:
    garbage = dict.fromkeys(collection().answers, 'null\n{"a": [1]}\n=\n\n\x00%% {"path": 1}\n')
    found = judged({**garbage, "network/firewall": "Status: inactive\n"})
    assert "firewall-off" in [diagnosis.name for diagnosis in found]


def test_a_full_disk_is_named_before_its_consequences() -> None:
    texts = {
        "disk/space": df(100),
        "units/properties": properties(
            postgresql_15_main_service=FAILED, milkbot_trader_service={**FAILED, "ExecMainStatus": "71"}
        ),
        "postgres/log": "PANIC:  could not write to file: No space left on device\n",
        "probes/api": "status 503 in 0.1 s\n\n",
    }
    found = judged(texts, DOWN)
    assert found[0].name == "disk-full"
    assert "No space left on device" in " ".join(found[0].evidence)
    assert "systemctl start postgresql@15-main" in " ".join(found[0].remedy)
    follows = {diagnosis.name: diagnosis.follows for diagnosis in found[1:]}
    assert set(follows) == {"postgresql-no-space", "postgresql-stopped", "tick-fails", "api-answers-badly"}
    assert all("disk-full" in roots for roots in follows.values())


def test_a_postgresql_stopped_by_lack_of_space_is_diagnosed_as_such() -> None:
    texts = {
        "units/properties": properties(postgresql_15_main_service=FAILED),
        "postgres/log": "PANIC:  could not write to file: No space left on device\n",
    }
    found = judged(texts, DOWN)
    assert [diagnosis.name for diagnosis in found[:2]] == ["postgresql-no-space", "postgresql-stopped"]
    assert found[1].follows == ("postgresql-no-space",)


def test_harm_is_named_before_what_does_no_harm_yet() -> None:
    texts = {"disk/space": df(92), "units/properties": properties(nginx_service=STOPPED)}
    assert [diagnosis.name for diagnosis in judged(texts)] == ["nginx-stopped", "disk-full"]


def test_the_statement_at_the_root_of_a_lock_chain_is_named() -> None:
    waiting = {**BLOCKED, "pid": 11, "by_pid": 10, "seconds": 40, "application_name": "milkbot-analytics"}
    found = judged({"postgres/blocked": rows(waiting, BLOCKED)})
    assert "pg_terminate_backend(7)" in " ".join(found[0].remedy)


def test_a_service_that_a_request_would_start_is_not_serious() -> None:
    found = judged({"units/properties": properties(milkbot_analytics_service=STOPPED)})
    assert [(diagnosis.name, diagnosis.serious) for diagnosis in found] == [("milkbot-analytics-down", False)]
    assert "the next request starts it" in found[0].title


def test_an_earlier_failure_of_a_running_service_is_no_diagnosis() -> None:
    last = "== milkbot-analytics.service\n2026-11-25T11:00:00+0000 vps uvicorn[1]: Error: x\n"
    assert judged({"journal/last-runs": last, "journal/errors": last, "journal/first-failure": last}) == []


def test_the_deeper_of_two_causes_is_named_first() -> None:
    texts = {
        "cron/root": "no crontab for root\n",
        "logins/milkbot_api": "FATAL:  no pg_hba.conf entry for host\n",
        "network/firewall": "Status: inactive\n",
        "disk/inodes": df(99),
        "nginx/test": "nginx: [emerg] unknown directive\n",
    }
    found = judged(texts, {"logins/milkbot_api": 2, "nginx/test": 1, "cron/root": 1})
    names = [diagnosis.name for diagnosis in found]
    assert names == ["inodes-full", "access-refused", "firewall-off", "nginx-config", "cron-broken"]


@pytest.mark.parametrize("code", [asking.NOT_FOUND, asking.CANNOT_RUN, asking.TIMED_OUT])
def test_an_unanswered_question_is_no_diagnosis(code: int) -> None:
    silent = dict.fromkeys(
        ("cron/root", "network/firewall", "nginx/test", "logins/password", "config/check", "network/reach"),
        "x: there is no such program\n",
    )
    codes = dict.fromkeys(silent, code)
    assert judged(silent, codes) == []
    assert "postgresql-stopped" not in [
        found.name for found in judged({"postgres/answers": ""}, {"postgres/answers": code})
    ]


def test_a_user_without_rights_is_pointed_to_root_and_gets_no_diagnosis() -> None:
    seen = {
        "cron/root": "must be privileged to use -u\n",
        "network/firewall": "ERROR: You need to be root to run this script\n",
    }
    given = collection(seen, {"cron/root": 1, "network/firewall": 1})
    asked = Collection(given.answers, {**given.facts, "root": False})
    assert diagnose.judged(asked) == []
    assert "run it as root" in page.page(asked, [])[1]


def test_a_small_disk_that_the_platform_does_not_write_to_is_judged_by_percent_alone() -> None:
    assert judged({"disk/space": df(50, "/boot", total=500_000)}) == []
    assert [found.name for found in judged({"disk/space": df(96, "/boot", total=500_000)})] == ["disk-full"]


def test_a_failing_row_is_a_diagnosis_only_where_no_serious_cause_was_found() -> None:
    rows = health_row("running code", "milkbot-analytics.service runs another release")
    assert [found.name for found in judged({"health/rows": rows})] == ["row-fails"]
    found = judged({"health/rows": rows, "disk/space": df(100)})
    assert [diagnosis.name for diagnosis in found] == ["disk-full"]
    # It reports what has happened since the last alert, and passes by itself.
    assert judged({"health/rows": health_row("restarts", "started again since the last check: nginx")}) == []


def test_a_failing_row_whose_mild_cause_was_found_is_no_second_diagnosis() -> None:
    off = {"units/properties": properties(nginx_service={"UnitFileState": "disabled"})}
    row = health_row("nginx.service", "active, but disabled", cause="not-enabled")
    assert [found.name for found in judged({**off, "health/rows": row})] == ["not-enabled"]
    assert [found.name for found in judged({"health/rows": row})] == ["row-fails"]


def test_yesterdays_full_disk_does_not_explain_todays_hanging_database() -> None:
    log = "FATAL:  No space left on device\nLOG:  database system is ready to accept connections\nLOG:  checkpoint\n"
    found = judged({"postgres/log": log, "postgres/answers": "psql: timeout expired\n"}, DOWN)
    assert [diagnosis.name for diagnosis in found] == ["postgresql-silent"]
