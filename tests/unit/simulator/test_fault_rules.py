"""A fault that fires at another call than it should, or differently each time, proves nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.in_process import Venue
from tests.unit.simulator.api import Api

from milkbot.errors import ConfigError
from milkbot.simulator.fault_control import FaultSetup, read_faults
from milkbot.simulator.fault_kinds import FAULTS, WIRE, FaultKind, table
from milkbot.simulator.faults import FaultPlan, FaultRule, rule
from milkbot.simulator.faulty.calls import CALL_NAMES, is_call
from milkbot.simulator.server import build_app

CALLS = [
    ("create", "POST", "/portfolio/events/orders"),
    ("batch_create", "POST", "/portfolio/events/orders/batched"),
    ("cancel", "DELETE", "/portfolio/events/orders/1"),
    ("batch_cancel", "DELETE", "/portfolio/events/orders/batched"),
    ("cancel_all", "DELETE", "/portfolio/events/orders"),
    ("amend", "POST", "/portfolio/events/orders/1/amend"),
    ("decrease", "POST", "/portfolio/events/orders/1/decrease"),
    ("group_write", "PUT", "/portfolio/order_groups/1/trigger"),
    ("groups", "GET", "/portfolio/order_groups"),
    ("orders", "GET", "/portfolio/orders"),
    ("orders", "GET", "/portfolio/orders/1"),
    ("queue", "GET", "/portfolio/orders/queue_positions"),
    ("queue", "GET", "/portfolio/orders/1/queue_position"),
    ("fills", "GET", "/portfolio/fills"),
    ("positions", "GET", "/portfolio/positions"),
    ("settlements", "GET", "/portfolio/settlements"),
    ("balance", "GET", "/portfolio/balance"),
    ("historical", "GET", "/historical/fills"),
    ("user_data", "GET", "/exchange/user_data_timestamp"),
    ("status", "GET", "/exchange/status"),
    ("schedule", "GET", "/exchange/schedule"),
    ("limits", "GET", "/account/limits"),
    ("events", "GET", "/events/E"),
    ("books", "GET", "/markets/orderbooks"),
    ("markets", "GET", "/markets/M"),
]
WEATHER_CALLS = [
    ("points", "/nws/points/40.7789,-73.9692", {"grid"}),
    ("gridpoints", "/nws/gridpoints/OKX/34,45", {"grid"}),
    ("observations", "/nws/stations/KNYC/observations", set()),
    ("observations", "/nws/stations/KNYC/observations/latest", set()),
]
DOCUMENT = Path(__file__).parents[3] / "docs/simulator.md"
FAMILIES = {"any", "read", "write", "portfolio"}
WEATHER_FAMILIES = {"grid", "weather"}


@pytest.mark.parametrize(("name", "method", "path"), CALLS)
def test_a_call_has_its_own_name_and_those_of_its_families(name: str, method: str, path: str) -> None:
    assert {call for call in CALL_NAMES if is_call(call, method, path)} - FAMILIES == {name}
    assert is_call("read", method, path) is (method == "GET")
    assert is_call("any", method, path)
    assert is_call(f"{method} {path[:5]}*", method, path)
    assert not is_call(f"PATCH {path}", method, path)


@pytest.mark.parametrize(("name", "path", "families"), WEATHER_CALLS)
def test_a_call_of_the_weather_service_is_none_of_the_exchange(name: str, path: str, families: set[str]) -> None:
    assert {call for call in CALL_NAMES if is_call(call, "GET", path)} == {name, "weather"} | families


def test_a_rule_applies_by_any_name_of_a_call() -> None:
    names = {name for name, *_ in [*CALLS, *WEATHER_CALLS]}
    assert names | FAMILIES | WEATHER_FAMILIES == set(CALL_NAMES)


def fired(plan: FaultPlan, calls: int = 200) -> list[list[FaultKind]]:
    return [[one.rule.fault for one in plan.draw("POST", "/portfolio/events/orders")] for _ in range(calls)]


def test_a_rule_fires_after_so_many_calls_and_so_many_times() -> None:
    plan = FaultPlan((rule(FaultKind.ERROR_BEFORE, call="create", after=2, times=2),))
    assert [bool(faults) for faults in fired(plan, 6)] == [False, False, True, True, False, False]
    assert not plan.plays(FaultKind.ERROR_BEFORE)
    assert len(plan.history) == 2


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    unsure = rule(FaultKind.ERROR_BEFORE, call="create", times=None, probability=0.3)
    runs = [fired(FaultPlan((unsure,), seed)) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert 30 < sum(map(bool, runs[0])) < 90


def test_other_calls_do_not_change_when_a_rule_fires() -> None:
    unsure = rule(FaultKind.ERROR_BEFORE, call="create", times=None, probability=0.3)
    calm, busy = FaultPlan((unsure,), 5), FaultPlan((unsure,), 5)
    for _ in range(100):
        busy.draw("GET", "/portfolio/balance")
    assert fired(calm) == fired(busy)


def test_a_call_meets_one_wire_fault_and_the_next_call_the_other() -> None:
    plan = FaultPlan((rule(FaultKind.ERROR_BEFORE), rule(FaultKind.RATE_LIMITED), rule(FaultKind.CLOCK_SKEW)))
    assert fired(plan, 3) == [[FaultKind.ERROR_BEFORE, FaultKind.CLOCK_SKEW], [FaultKind.RATE_LIMITED], []]


def test_a_seeded_plan_has_every_fault_and_is_reproducible() -> None:
    plan = FaultPlan.seeded(7)
    assert [each.fault for each in plan.rules] == list(FaultKind)
    assert plan.rules == FaultPlan.seeded(7).rules != FaultPlan.seeded(8).rules
    assert fired(plan, 400) == fired(FaultPlan.seeded(7), 400)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"fault": "earthquake"}, "fault"),
        ({"fault": "error_before", "call": "buy"}, "call is 'buy', expected one of any|call is 'buy', expected one of"),
        ({"fault": "error_before", "ticker": "T"}, "error_before does not take ticker; it takes status"),
        ({"fault": "rate_limited", "seconds": 3}, "rate_limited does not take seconds; it takes no parameter"),
        ({"fault": "error_after", "status": 404}, "status"),
        ({"fault": "error_before", "probability": 0}, "probability"),
        ({"fault": "schema_drift", "drift": "missing"}, "needs the name of a field"),
        ({"fault": "delayed_reply", "delay": 3}, "delay"),
    ],
)
def test_an_impossible_rule_is_refused_by_its_field(body: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FaultRule.model_validate(body)


def test_every_fault_can_be_set_up_with_all_its_parameters() -> None:
    given: dict[str, object] = {
        "seconds": 5, "status": 502, "accepted": True, "count": 1, "share": 0.1, "parts": 2, "ticker": "T",
        "high": 80, "drift": "missing", "field": "f", "whole_exchange": True, "marine": True,
        "flag": "Q", "mangling": "missing", "dollars": 1,
    }  # fmt: skip
    for kind in FaultKind:
        takes = set(FAULTS[kind].takes)
        armed = rule(kind, **{name: value for name, value in given.items() if name in takes})
        assert takes <= armed.model_fields_set
    assert {name for fault in FAULTS.values() for name in fault.takes} == set(given)
    assert set(FAULTS) == set(FaultKind) > WIRE


def test_the_documented_table_of_faults_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert table() in text
    assert all(f"`{name}`" in text for name in CALL_NAMES)


def test_the_simulator_accepts_the_documented_rules() -> None:
    text = DOCUMENT.read_text("utf-8")
    (shown,) = re.findall(r"/simulator/faults -H [^\n]+ -d '(\{.+?\})'\n", text, re.DOTALL)
    assert len(FaultSetup.model_validate_json(shown).rules) == 3
    usual = re.search(r"`status` is (\d+), `share` ([\d.]+), `parts` (\d+), `drift` (\w+) and `flag` (\w+)", text)
    assert usual is not None
    fields = FaultRule.model_fields
    assert usual.groups() == tuple(str(fields[name].default) for name in ("status", "share", "parts", "drift", "flag"))


def test_faults_are_switched_on_listed_and_switched_off_over_http(api: Api) -> None:
    rules = [{"fault": "error_before", "call": "balance", "times": 2}]
    on = api.http.post("/simulator/faults", json={"rules": rules, "seed": 3})
    assert (on.status_code, on.json()["seed"]) == (200, 3)
    assert api.ask("GET", "/portfolio/balance").status_code == 503
    seen = api.http.get("/simulator/faults").json()
    assert [(row["fault"], row["seen"], row["fired"]) for row in seen["rules"]] == [("error_before", 1, 1)]
    assert seen["history"] == [{"fault": "error_before", "call": "GET /portfolio/balance"}]
    assert api.http.delete("/simulator/faults").json()["rules"] == []
    assert api.ask("GET", "/portfolio/balance").status_code == 200


def test_faults_are_read_from_a_file_or_refused_by_their_field(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('{"rules": [{"fault": "clock_skew", "times": null}], "seed": 4}')
    plan = read_faults(file)
    assert (plan.seed, [each.fault for each in plan.rules]) == (4, [FaultKind.CLOCK_SKEW])
    file.write_text('{"rules": [{"fault": "clock_skew", "after": -1}]}')
    with pytest.raises(ConfigError, match=r"faults.json, rules.0.after: .* greater than or equal to 0"):
        read_faults(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_faults(tmp_path / "absent.json")


def test_a_seed_alone_switches_all_faults_on(api: Api) -> None:
    on = api.http.post("/simulator/faults", json={"seeded": 9, "probability": 0.5})
    assert {row["fault"] for row in on.json()["rules"]} == set(FaultKind)


@pytest.mark.parametrize(
    "body",
    [{}, {"rules": [{"fault": "error_before"}], "seeded": 1}, {"rules": [{"fault": "error_before", "call": "x"}]}],
)
def test_an_impossible_setup_changes_nothing(api: Api, body: dict[str, object]) -> None:
    api.http.post("/simulator/faults", json={"rules": [{"fault": "rate_limited", "call": "balance"}]})
    refused = api.http.post("/simulator/faults", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_parameters")
    assert [row["fault"] for row in api.http.get("/simulator/faults").json()["rules"]] == ["rate_limited"]


def test_only_this_machine_controls_faults_and_faults_never_hit_the_control(api: Api) -> None:
    api.http.post("/simulator/faults", json={"rules": [{"fault": "error_before", "times": None}]})
    assert api.http.get("/simulator/state").status_code == 200
    with TestClient(build_app(api.simulator), client=("192.0.2.7", 50000)) as stranger:
        for method in ("GET", "POST", "DELETE"):
            body = {"rules": [{"fault": "error_before"}]} if method == "POST" else None
            assert stranger.request(method, "/simulator/faults", json=body).status_code == 403


def test_a_failed_change_keeps_every_fault(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.ERROR_BEFORE, call="balance"))
    with pytest.raises(ZeroDivisionError), venue.simulator.turn():
        raise ZeroDivisionError
    assert venue.simulator.faults.plays(FaultKind.ERROR_BEFORE)
