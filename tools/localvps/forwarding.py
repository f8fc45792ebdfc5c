"""The kernel's forwarding switch, shared by every bridge of ours: the last one puts it back."""

from __future__ import annotations

from pathlib import Path

from localvps import files

# Not configurable: two families of machines must see each other's use of the one switch.
_DIRECTORY = Path("/run/milkbot-vps")
_RECORD = _DIRECTORY / "forwarding.json"
_LOCK = _DIRECTORY / "forwarding.lock"
_SWITCH = Path("/proc/sys/net/ipv4/ip_forward")


def take(bridge: str) -> None:
    """Turn forwarding on for a bridge, and remember how it was."""
    with files.lock(_LOCK, "forwarding"):
        now = _SWITCH.read_text(encoding="ascii").strip()
        record = files.read_json(_RECORD) or {"before": now, "bridges": []}
        if bridge not in record["bridges"]:
            record["bridges"].append(bridge)
            files.write_json(_RECORD, record)
        if now != "1":
            _SWITCH.write_text("1", encoding="ascii")


def release(bridge: str) -> None:
    """Give a bridge's use up; the last one puts the switch back to what it was."""
    with files.lock(_LOCK, "forwarding"):
        record = files.read_json(_RECORD)
        if record is None or bridge not in record["bridges"]:
            return
        record["bridges"].remove(bridge)
        if record["bridges"]:
            files.write_json(_RECORD, record)
            return
        if record["before"] != _SWITCH.read_text(encoding="ascii").strip():
            _SWITCH.write_text(record["before"], encoding="ascii")
        _RECORD.unlink()
