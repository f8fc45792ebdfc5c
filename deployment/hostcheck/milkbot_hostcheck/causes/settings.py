"""Files of settings: there, readable, right; and the key for the exchange."""

from __future__ import annotations

import json
import re
from typing import Any

from milkbot_hostcheck import paths
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis, judge

_APPLY = "ansible-playbook -i INVENTORY site.yml --tags environment"
_SETTING = re.compile(r"\s*(?:#.*|;.*|(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*=.*)?\s*")


def _file(collection: Collection, path: object) -> dict[str, Any]:
    return next((row for row in collection.rows("config/files") if row["path"] == str(path)), {})


def _problems(collection: Collection) -> list[str]:
    """What the live release says of its settings, each sentence once."""
    found = [
        line.partition(": ") for line in collection.lines("config/check", r"^(?:trader|rollups|analytics|dashboard): ")
    ]
    return list(dict.fromkeys(sentence for _, _, sentence in found))


def _is_of_key(sentence: str) -> bool:
    return sentence.startswith("KALSHI_PRIVATE_KEY_PATH=")


@judge()
def env_missing(collection: Collection) -> Diagnosis | None:
    wanted = [
        paths.ENV_FILE,
        *(paths.CONFIG / f"{name}.env" for name in ("trader", "rollups", "analytics", "dashboard")),
    ]
    missing = [str(path) for path in wanted if _file(collection, path).get("missing")]
    if not missing:
        return None
    said = collection.lines("journal/last-runs", r"Failed to load environment files")[-1:]
    return Diagnosis(
        "env-missing",
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
        (*(f"{path}: No such file" for path in missing[:3]), *said),
        "without it systemd does not start the service; somebody removed it, or site.yml did not come so far",
        (
            _APPLY,
            (
                "systemctl start milkbot-analytics.socket milkbot-dashboard.socket milkbot-trader.timer "
                "milkbot-rollups.timer"
            ),
        ),
    )


@judge()
def env_unreadable(collection: Collection) -> Diagnosis | None:
    row = _file(collection, paths.ENV_FILE)
    if not row or row.get("missing") or "mode" not in row:
        return None
    mode = int(str(row["mode"]), 8)
    others, owner = mode & 0o077, row["owner"] != paths.ENV_USER
    unreadable = owner or not mode & 0o400
    if not (others or unreadable):
        return None
    return Diagnosis(
        "env-unreadable" if unreadable else "env-open",
        f"{paths.ENV_FILE} {'cannot be read by its user' if unreadable else 'can be read by others'}",
        (f"mode {row['mode']}, owner {row['owner']}; it should be 0600, {paths.ENV_USER}",),
        "it was copied or edited by hand",
        (f"chown {paths.ENV_USER}:{paths.ENV_USER} {paths.ENV_FILE}; chmod 0600 {paths.ENV_FILE}",),
        serious=bool(unreadable),
    )


@judge("env-missing", "env-unreadable")
def mode_and_exchange(collection: Collection) -> Diagnosis | None:
    wrong = [
        line
        for line in _problems(collection)
        if "does not fit KALSHI_API_BASE" in line or "no exchange address" in line
    ]
    if not wrong:
        return None
    return Diagnosis(
        "mode-and-exchange",
        "The trading mode and the exchange do not fit",
        tuple(wrong[:2]),
        "live trades at the production host only, demo at a demo host or the simulator only",
        ("edit environment_trading_mode or environment_kalshi_api_base in the inventory", _APPLY),
    )


@judge("env-missing", "env-unreadable", "mode-and-exchange")
def env_broken(collection: Collection) -> Diagnosis | None:
    said = [line for line in _problems(collection) if not _is_of_key(line)]
    lines = [
        f"{paths.ENV_FILE} line {number}: {line.strip()[:80]}"
        for number, line in enumerate(collection.text(f"config{paths.ENV_FILE}").splitlines(), 1)
        if not _SETTING.fullmatch(line)
    ]
    if not (said or lines):
        return None
    return Diagnosis(
        "env-broken",
        "The settings are wrong, and the services refuse them",
        tuple([*said, *lines][:4]),
        f"{paths.ENV_FILE} was edited by hand, or the inventory holds a wrong value",
        ("correct the value in the inventory, or in the vault", _APPLY),
    )


@judge("env-missing", "env-broken")
def exchange_key_file(collection: Collection) -> Diagnosis | None:
    wrong = [line for line in _problems(collection) if _is_of_key(line)]
    if not wrong:
        return None
    return Diagnosis(
        "exchange-key-file",
        "The private key for the exchange cannot be used",
        tuple(wrong[:2]),
        "the file is missing, may not be read by the users milkbot and milkbot-owner, or holds no key",
        (f"{_APPLY}   # writes it from environment_kalshi_private_key of the vault",),
    )


def doctor_rows(collection: Collection) -> dict[str, dict[str, Any]]:
    """The rows of `milkbot doctor --json` by the name of the check; empty when it did not come to its end."""
    text = collection.text("release/doctor")
    try:
        found = json.loads(text[text.index("[") : text.rindex("]") + 1])
    except ValueError:
        return {}
    return {str(row.get("check")): row for row in found if isinstance(row, dict)}


@judge("env-missing", "env-broken", "exchange-key-file", "clock-off")
def exchange_refuses(collection: Collection) -> Diagnosis | None:
    row = doctor_rows(collection).get("exchange", {})
    said = str(row.get("detail", ""))
    if row.get("verdict") != "fail" or not re.search(r"HTTP 40[13]", said):
        return None
    return Diagnosis(
        "exchange-refuses",
        "The exchange refuses our key",
        (said[:200],),
        (
            "KALSHI_API_KEY_ID and the private key are not a pair, the key was revoked, or it is of the "
            "other exchange (demo, production)"
        ),
        (
            (
                "make a new key at the exchange; put its id and its key into the vault "
                "(environment_kalshi_api_key_id, environment_kalshi_private_key)"
            ),
            _APPLY,
            "milkbot doctor",
        ),
    )
