"""What the role hardening and the units' own fence do on a kernel that is the machine's."""

from __future__ import annotations

import json
from functools import partial
from uuid import uuid4

import pytest
import yaml
from tests.deploy.platform import ROOT, Platform
from tests.kernel import hogs

_ROLE = yaml.safe_load((ROOT / "roles/hardening/vars/main.yml").read_text(encoding="utf-8"))
_SETTINGS: dict[str, int] = _ROLE["_hardening_kernel_usual"]
_MODULES: list[str] = _ROLE["_hardening_modules"]
# curl was refused a connection, or got none in its time.
_NOT_CONNECTED = {"7", "28"}
_DUMPS = "/srv/dumps"
_CRASHES = 'python3 -c "import os; os.abort()"'


def test_the_kernel_has_every_setting_of_the_role(platform: Platform) -> None:
    found = platform.ssh(f"sysctl --values {' '.join(_SETTINGS)}").split()
    assert dict(zip(_SETTINGS, map(int, found), strict=True)) == _SETTINGS


def test_a_setting_that_was_changed_is_set_again_and_the_next_run_changes_nothing(platform: Platform) -> None:
    platform.ssh("sysctl --write kernel.kptr_restrict=0 net.ipv4.conf.all.accept_redirects=1")
    for changed in (True, False):
        done = platform.play("site.yml", "--tags", "hardening")
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("changed=0" in done.stdout) is not changed
    assert platform.ssh("sysctl --values kernel.kptr_restrict") == str(_SETTINGS["kernel.kptr_restrict"])


def test_the_modules_of_the_list_are_not_loaded_when_they_are_asked_for(platform: Platform) -> None:
    there = platform.ssh(f"for name in {' '.join(_MODULES)}; do modinfo --field=name $name 2>/dev/null || true; done")
    assert "sctp" in there.split()
    platform.ssh(f"for name in {' '.join(_MODULES)}; do modprobe $name || true; done")
    ask = "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)' 2>&1 || true"
    assert "Protocol not supported" in platform.ssh(ask)
    loaded = {line.split()[0] for line in platform.ssh("lsmod").splitlines()}
    assert loaded & {name.replace("-", "_") for name in _MODULES} == set()


@pytest.mark.parametrize(
    ("crash", "dumps"),
    [
        (f"su --login admin --command='{_CRASHES}'", False),
        (f"systemd-run --quiet --wait --collect {_CRASHES}", False),
        # So that the others can fail.
        (f"systemd-run --quiet --wait --collect --property=LimitCORE=infinity {_CRASHES}", True),
    ],
    ids=["a login", "a service", "where it may"],
)
def test_what_crashes_leaves_no_dump(platform: Platform, crash: str, *, dumps: bool) -> None:
    pattern = platform.ssh("sysctl --values kernel.core_pattern")
    platform.ssh(f"mkdir --mode=1777 {_DUMPS} && sysctl --write kernel.core_pattern={_DUMPS}/core.%p")
    try:
        platform.ssh(f"{crash} || true")
        assert (platform.ssh(f"ls {_DUMPS}") != "") is dumps
    finally:
        platform.ssh(f"rm -r {_DUMPS}; sysctl --write 'kernel.core_pattern={pattern}'")


def test_the_audit_records_who_used_sudo_and_who_changed_sshd(platform: Platform) -> None:
    rules = platform.ssh("auditctl -l")
    assert [key for key in ("privileged", "identity", "ssh", "milkbot") if key not in rules] == []
    assert "enabled 1" in platform.ssh("auditctl -s")
    tried = f"{uuid4()}.conf"
    # It comes by sudo, from a login.
    platform.ssh(f"touch /etc/ssh/sshd_config.d/{tried} && rm /etc/ssh/sshd_config.d/{tried}")
    for key, word in (("privileged", "/usr/bin/sudo"), ("ssh", tried)):
        command = f"ausearch --input-logs --start recent --interpret --key {key} | grep --max-count=1 {word} || true"
        hogs.wait(partial(_says_something, platform, command), f"no record of {word}")


def _says_something(platform: Platform, command: str) -> bool:
    return platform.ssh(command) != ""


def test_the_pages_unit_may_not_connect_out_without_nftables_either(platform: Platform) -> None:
    ask = "curl --silent --insecure --max-time 20 --output /dev/null"
    out, api = f"{ask} https://{platform.address}/", f"{ask} http://127.0.0.1:8000/v1/health"
    enter = f"echo $$ >{hogs.GROUPS}/milkbot-dashboard.service/cgroup.procs"
    fence = "nft list table inet milkbot_fence"
    platform.ssh(f"{fence} >/dev/null && nft delete table inet milkbot_fence")
    try:
        # As root, whom nftables let through before as well: it is the unit's own rule that refuses.
        assert platform.ssh(f"{out}; echo $?") not in _NOT_CONNECTED
        assert platform.ssh(f"sh -c '{enter}; {out}; echo $?'") in _NOT_CONNECTED
        assert platform.ssh(f"sh -c '{enter}; {api}; echo $?'") == "0"
    finally:
        platform.ssh("systemctl restart milkbot-fence")
    assert "dashboard" in platform.ssh(fence)


def test_the_fence_holds_as_verify_tries_it(platform: Platform) -> None:
    rows = json.loads(platform.ssh("/opt/milkbot/deployment/scripts/fence.py check"))["rows"]
    assert [row for row in rows if row["state"] != "ok"] == []
    assert len(rows) == 3
