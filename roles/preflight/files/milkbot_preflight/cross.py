"""Variables against each other: what each of them may be alone, and together cannot work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from milkbot_preflight.faults import MASK, Fault


def _on(value: Any) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1", "y", "t")


def disagreements(values: Mapping[str, Any]) -> Iterator[Fault]:
    """What is switched on without what it needs. `values` holds what the inventory says, and no defaults."""
    yield from _offsite(values)
    yield from _signatures(values)
    yield from _repository(values)


def _needs(values: Mapping[str, Any], needed: str, because: str, fix: str) -> Iterator[Fault]:
    if not values.get(needed):
        yield {"name": needed, "value": "(empty)", "fix": f"{because} needs it; {fix}"}


def _offsite(values: Mapping[str, Any]) -> Iterator[Fault]:
    if not _on(values.get("backup_offsite_enabled", False)):
        return
    because = "backup_offsite_enabled: true"
    yield from _needs(
        values, "backup_offsite_target", because, "write REMOTE:PATH, such as store:milkbot (docs/backups.md)"
    )
    yield from _needs(
        values, "backup_offsite_config_secret", because, "give the text of `rclone config show` in the vault"
    )
    target, config = values.get("backup_offsite_target"), values.get("backup_offsite_config_secret")
    if isinstance(target, str) and isinstance(config, str) and target and config:
        remote = target.partition(":")[0]
        if f"[{remote}]" not in config:
            fix = f"has no section [{remote}], which backup_offsite_target names; add it, or name another remote"
            yield {"name": "backup_offsite_config_secret", "value": MASK, "fix": fix}


def _signatures(values: Mapping[str, Any]) -> Iterator[Fault]:
    keys = values.get("release_allowed_signers") or values.get("release_gpg_keys")
    if _on(values.get("release_verify_signature", False)) and not keys:
        fix = "needs the keys that may sign: give release_allowed_signers or release_gpg_keys"
        yield {"name": "release_verify_signature", "value": "True", "fix": fix}


def _repository(values: Mapping[str, Any]) -> Iterator[Fault]:
    if values.get("release_source") == "git":
        yield from _needs(values, "release_git_url", "release_source: git", "give the repository's address")
