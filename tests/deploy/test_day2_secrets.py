"""rotate-secrets.yml on a machine that trades and is asked all the time."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, Platform, run, said
from tests.deploy.stopping import Boundary, cases, changing, stopping

ACCOUNTS = "/etc/milkbot-simulator/accounts.json"
SECRETS = ("/opt/milkbot/.env", "/opt/milkbot/kalshi_private_key.pem")
LEFTOVERS = (
    "/run/milkbot-exchange-key",
    "/opt/milkbot/*.next",
    "/opt/milkbot/.env.*",
    "/var/lib/milkbot-rotating",
)
# The exchange's key is tried first, and replaced between the hold and the timers.
ROTATE: tuple[Boundary, ...] = (
    ("Password | Give it to the server and the settings at once, and prove it", 0),
    ("Password | Give it to the server and the settings at once, and prove it", 0.3),
    ("Password | Give it to the server and the settings at once, and prove it", 0.7),
    ("Key | Try the exchange's new key there, and replace the old one", 0),
    ("Hold | Hold the trader, once its tick has ended", 0.5),
    ("Hold | Hold the trader, once its tick has ended", 1.5),
    ("Hold | Hold the trader, once its tick has ended", 2.5),
    ("Timers | Enable and start the timers of the trader and the rollups", 0),
    ("Pair | Replace the certificate and its key, and prove that they are served", 0),
    ("Pair | Replace the certificate and its key, and prove that they are served", 0.5),
    ("Write it into the history", 0),
    ("Free the lock", 0),
)


def _pem(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text: str = key.private_bytes(*form).decode()
    return text


@pytest.fixture
def inventory(platform: Platform) -> dict[str, Any]:
    """The secrets that the machine was provisioned with."""
    found: dict[str, Any] = yaml.safe_load(
        (platform.inventory.parent / "group_vars/all/generated.yml").read_text("utf-8")
    )
    return found


def _another_certificate(platform: Platform, inventory: dict[str, Any]) -> dict[str, str]:
    """The same certificate with another key and number, by the machine's own authority."""
    authority = platform.authority.parent
    signer = serialization.load_pem_private_key((authority / "ca-key.pem").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificate(inventory["nginx_certificate"].encode())
    key = ec.generate_private_key(ec.SECP256R1())
    new = x509.CertificateBuilder(
        issuer_name=old.issuer,
        subject_name=old.subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=old.not_valid_before_utc,
        not_valid_after=old.not_valid_after_utc,
    )
    for extension in old.extensions:
        if extension.oid != x509.oid.ExtensionOID.SUBJECT_KEY_IDENTIFIER:
            new = new.add_extension(extension.value, extension.critical)
    return {
        "nginx_certificate": new.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
        "nginx_private_key": _pem(key),
    }


def _accept(platform: Platform, public_key: str) -> None:
    """Have the exchange take that key, and no other, under the one id that it knows."""
    account = json.loads(platform.ssh(f"cat {ACCOUNTS}"))[0]
    text = json.dumps([account | {"public_key_pem": public_key}])
    platform.ssh(f"printf %s {shlex.quote(text)} >{ACCOUNTS} && systemctl restart milkbot-simulator")
    answers = "curl --silent --fail http://127.0.0.1:8900/trade-api/v2/exchange/status"
    platform.ssh(f"timeout 600 sh -c 'until {answers}; do sleep 0.2; done'")


def _served(platform: Platform) -> str:
    command = f"openssl s_client -connect {platform.address}:443 -servername {DOMAIN} </dev/null 2>/dev/null"
    return run("sh", "-c", f"{command} | openssl x509 -noout -serial")


def _opens(platform: Platform, password: str) -> bool:
    psql = "psql -XAt -h localhost -U milkbot milkbot -c 'SELECT 1'"
    return platform.ssh(f"PGPASSWORD={shlex.quote(password)} {psql} 2>&1 || true") == "1"


@pytest.fixture
def _as_provisioned(platform: Platform, inventory: dict[str, Any]) -> Iterator[None]:
    """Brings the inventory's own secrets back, and the exchange's list as the role wrote it."""
    platform.ssh(f"cp -a {ACCOUNTS} /root/test-accounts")
    yield
    _accept(platform, inventory["simulator_account_public_key"])
    platform.ssh(f"mv /root/test-accounts {ACCOUNTS}")
    done = platform.play("rotate-secrets.yml")
    assert done.returncode == 0, said(done)


def _another_of_each(platform: Platform, inventory: dict[str, Any], directory: Path) -> tuple[dict[str, str], Path]:
    """New secrets, and the file that has them; the exchange takes the new key alone from now on."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    new = {
        "environment_postgres_password": 'another "one\\ $HOME `x` # %',
        "environment_kalshi_private_key": _pem(key),
        **_another_certificate(platform, inventory),
    }
    given = directory / "vault.yml"
    given.write_text(yaml.safe_dump(new), "utf-8")
    _accept(platform, public.decode())
    return new, given


def _rest(platform: Platform) -> list[str]:
    """What a rotation leaves as it was, and what it leaves behind."""
    return [
        platform.ssh("grep -v -e ^POSTGRES_PASSWORD -e ^KALSHI_ /opt/milkbot/.env"),
        platform.ssh(f"stat --format '%a %U' {' '.join(SECRETS)}"),
        platform.ssh(f"ls -d {' '.join(LEFTOVERS)} 2>/dev/null || true"),
    ]


@pytest.mark.matrix
@pytest.mark.usefixtures("_as_provisioned")
def test_a_rotation_of_all_secrets_fails_no_request_and_prints_no_secret(
    platform: Platform, inventory: dict[str, Any], tmp_path: Path
) -> None:
    before, served, old = platform.state(), _served(platform), inventory["environment_postgres_password"]
    rest = _rest(platform)
    new, given = _another_of_each(platform, inventory, tmp_path)
    with asking(platform.address, DOMAIN, platform.authority, again=True) as answers:
        done = platform.play("rotate-secrets.yml", "-vvv", "--diff", "-e", f"@{given}")
    assert done.returncode == 0, said(done)
    print(done.stdout[-1200:])
    assert answers.failures == []
    shown = done.stdout + done.stderr
    lines = [line for text in new.values() for line in text.splitlines() if len(line) > 20 and "CERT" not in line]
    secret = [line for line in lines if line not in new["nginx_certificate"] and "-----" not in line]
    assert [line for line in secret if line in shown] == []
    assert 'another "one' not in shown
    assert "the old one does not any more" in said(done)
    # Before the next lines, which sudo writes down.
    logged = platform.ssh("cat /var/log/postgresql/*.log; journalctl --since=-5min --output=cat")
    assert 'another "one' not in logged
    assert _opens(platform, new["environment_postgres_password"])
    assert not _opens(platform, old)
    assert _served(platform) != served
    assert platform.ssh("milkbot doctor --json | grep -A1 account | grep -c '\"ok\"'") == "1"
    assert _rest(platform) == rest
    assert platform.state() == before
    again = platform.play("rotate-secrets.yml", "-e", f"@{given}")
    assert "changed=0" in said(again)
    assert "nothing, all is as the inventory says" in said(again)


@pytest.mark.matrix
def test_a_key_that_the_exchange_rejects_never_replaces_the_old_one(platform: Platform, tmp_path: Path) -> None:
    before, files = platform.state(), platform.ssh(f"sha256sum {' '.join(SECRETS)}")
    given = tmp_path / "vault.yml"
    key = {"environment_kalshi_private_key": _pem(rsa.generate_private_key(65537, 2048))}
    given.write_text(yaml.safe_dump(key), "utf-8")
    done = platform.play("rotate-secrets.yml", "--tags", "exchange", "-e", f"@{given}")
    assert done.returncode != 0
    assert "the exchange did not take the new key, and the old one remains in use" in said(done)
    assert "environment_kalshi_api_key_id" in said(done)
    assert platform.ssh(f"sha256sum {' '.join(SECRETS)}") == files
    assert platform.state() == before


@pytest.mark.parametrize(("task", "after", "how"), cases(ROTATE, ["kill"]))
@pytest.mark.usefixtures("_as_provisioned")
def test_an_interrupted_rotation_is_completed_by_the_next_run(
    platform: Platform, inventory: dict[str, Any], tmp_path: Path, task: str, after: float, how: str
) -> None:
    before, served, rest, history = platform.state(), _served(platform), _rest(platform), platform.history()
    new, given = _another_of_each(platform, inventory, tmp_path)
    with asking(platform.address, DOMAIN, platform.authority, again=True) as answers:
        with stopping(platform, task, after, how) as environment:
            stopped = platform.play("rotate-secrets.yml", "-e", f"@{given}", environment=environment)
        again = platform.play("rotate-secrets.yml", "-e", f"@{given}")
    assert stopped.returncode == -9, said(stopped)
    assert again.returncode == 0, said(again)
    assert answers.failures == []
    assert _opens(platform, new["environment_postgres_password"])
    assert not _opens(platform, inventory["environment_postgres_password"])
    assert _served(platform) != served
    assert platform.ssh("milkbot doctor --json | grep -A1 account | grep -c '\"ok\"'") == "1"
    assert _rest(platform) == rest
    assert platform.state() == before
    assert platform.last_line("action", "result") == {"action": "rotate", "result": "good"}
    assert len(platform.history()) > len(history)


@pytest.mark.matrix
@pytest.mark.usefixtures("_as_provisioned")
def test_the_list_of_stages_names_every_task_of_a_rotation_that_changes_the_host(
    platform: Platform, inventory: dict[str, Any], tmp_path: Path
) -> None:
    _, given = _another_of_each(platform, inventory, tmp_path)
    assert changing(platform, "rotate-secrets.yml", "-e", f"@{given}") <= {task for task, _ in ROTATE}
