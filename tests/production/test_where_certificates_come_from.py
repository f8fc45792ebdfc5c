"""Where the certificate comes from, on a server of the README's; Debian's pebble is its Let's Encrypt."""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deploy.platform import DOMAIN, run
from tests.production.reader import Reader, said, succeeded

PEBBLE = "https://127.0.0.1:14000/dir"
LETSENCRYPT = {
    "nginx_certificate_source": "letsencrypt",
    "nginx_letsencrypt_email": "operator@milkbot.test",
    "nginx_letsencrypt_server": PEBBLE,
}
# Its certificates are valid for ten days: each must be renewed at once.
_SETTINGS = {
    "pebble": {
        "listenAddress": "127.0.0.1:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/root/pebble/cert.pem",
        "privateKey": "/root/pebble/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": 10 * 86400,
    }
}
_TRUSTED = "/usr/local/share/ca-certificates/pebble-test.crt"
_START = f"""
apt-get install --yes --no-install-recommends pebble >/dev/null
mkdir -p /root/pebble && cd /root/pebble
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=pebble \
  -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null
cp cert.pem {_TRUSTED} && update-ca-certificates >/dev/null 2>&1
cat >settings.json
systemd-run --quiet --collect --unit=test-names pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" \
  -dns01 127.0.0.1:8053 -http01 "" -https01 "" -tlsalpn01 "" -management 127.0.0.1:8055
systemd-run --quiet --collect --unit=test-pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 \
  pebble -config /root/pebble/settings.json -dnsserver 127.0.0.1:8053
timeout 600 sh -c 'until curl --silent --fail {PEBBLE} >/dev/null; do sleep 0.2; done'
"""
# The next pebble knows no account of this one.
_STOP = f"""
systemctl stop test-pebble test-names 2>/dev/null; systemctl reset-failed certbot.service 2>/dev/null
rm -rf /root/pebble {_TRUSTED} /etc/letsencrypt/accounts/127.0.0.1:14000; update-ca-certificates --fresh >/dev/null 2>&1
"""

_TSIG = base64.b64encode(secrets.token_bytes(32)).decode()
_CREDENTIALS = f"""\
dns_rfc2136_server = 127.0.0.1
dns_rfc2136_port = 8053
dns_rfc2136_name = milkbot-test.
dns_rfc2136_secret = {_TSIG}
dns_rfc2136_algorithm = HMAC-SHA256
"""
# In the place of pebble's own name server one that takes updates (RFC 2136): Debian's BIND, with our zone alone.
_BIND = f"""
systemctl mask --runtime --quiet named.service
apt-get install --yes --no-install-recommends bind9 >/dev/null
mkdir -p /root/pebble/zone && cd /root/pebble/zone
printf '@ 60 IN SOA ns.{DOMAIN}. root.{DOMAIN}. 1 60 60 60 60\n@ 60 IN NS ns\nns 60 IN A 127.0.0.1\n' >zone
cat >named.conf <<'END'
options {{
    directory "/root/pebble/zone"; pid-file none; session-keyfile none; recursion no;
    listen-on port 8053 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
}};
controls {{ }};
key "milkbot-test." {{ algorithm hmac-sha256; secret "{_TSIG}"; }};
zone "{DOMAIN}" {{ type primary; file "zone"; allow-update {{ key "milkbot-test."; }}; }};
END
systemctl stop test-names
systemd-run --quiet --collect --unit=test-bind named -g -c /root/pebble/zone/named.conf
timeout 600 sh -c 'until journalctl --unit=test-bind --output=cat | grep -q running; do sleep 0.2; done'
"""
_NO_BIND = """
systemctl stop test-bind; apt-get purge --yes bind9 >/dev/null; systemctl unmask --runtime --quiet named.service
"""


@pytest.fixture
def pebble(shipped: Reader) -> Iterator[None]:
    """An ACME server on the machine, which the machine trusts; afterwards the certificate of the vault."""
    script = f"cat >/root/pebble-start <<'END'\n{_START}\nEND\n"
    try:
        shipped.ssh(f"{script}printf %s '{json.dumps(_SETTINGS)}' | sh -e /root/pebble-start")
        yield
    finally:
        shipped.ssh(f"{_STOP} true")
        _site(shipped)


def _site(shipped: Reader, **variables: Any) -> subprocess.CompletedProcess[str]:
    done = shipped.play("site.yml", "--tags", "nginx", **variables)
    succeeded(done)
    return done


def _served(shipped: Reader, what: str = "-serial") -> str:
    command = f"openssl s_client -connect {shipped.address}:443 -servername {DOMAIN} </dev/null 2>/dev/null"
    return run("sh", "-c", f"{command} | openssl x509 -noout {what}")


def _rows(shipped: Reader, name: str) -> dict[str, str]:
    shown = shipped.ssh("/opt/milkbot/deployment/scripts/healthcheck.sh --json || true")
    return {row["state"]: row["value"] for row in json.loads(shown)["rows"] if row["name"] == name}


@pytest.mark.usefixtures("pebble")
def test_lets_encrypt_issues_renews_and_revokes_and_a_failure_keeps_the_old_certificate(shipped: Reader) -> None:
    # Issued while the certificate of the vault is served, by http-01 through nginx.
    vault = _served(shipped)
    _site(shipped, **LETSENCRYPT)
    issued = _served(shipped)
    assert issued != vault
    assert "Pebble" in _served(shipped, "-issuer")
    assert shipped.ssh("grep -c 'acme-challenge.* 200 ' /var/log/nginx/milkbot-access.log") != "0"
    assert shipped.ssh("systemctl is-enabled certbot.timer; systemctl is-active certbot.timer") == "enabled\nactive"
    assert "changed=0" in said(_site(shipped, **LETSENCRYPT))

    # Renewed by what the timer starts, ten days before its end.
    shipped.ssh("systemctl start certbot.service")
    renewed = _served(shipped)
    assert renewed not in (issued, vault)

    # Revoked, and another one with another key in its place.
    revoke = f"certbot revoke --non-interactive --server {PEBBLE} --cert-name milkbot --no-delete-after-revoke"
    shipped.ssh(f"{revoke} && certbot renew --quiet --cert-name milkbot --force-renewal --no-random-sleep-on-renew")
    status = f"curl --silent https://127.0.0.1:15000/cert-status-by-serial/{renewed.partition('=')[2].lower()}"
    assert json.loads(shipped.ssh(status))["Status"] == "Revoked"
    revoked, renewed = renewed, _served(shipped)
    assert renewed != revoked

    # What nginx may not serve is not served, and known: the hook finds a key that is another one's.
    live = "/etc/letsencrypt/live/milkbot"
    shipped.ssh(f"cp {live}/privkey.pem /root/pebble/; openssl ecparam -genkey -name prime256v1 >{live}/privkey.pem")
    refused = shipped.ssh("/opt/milkbot/deployment/scripts/certificate.py deployed 2>&1 || true")
    shipped.ssh(f"cat /root/pebble/privkey.pem >{live}/privkey.pem")
    assert "The certificate from before is still in use" in refused
    assert _served(shipped) == renewed
    assert "no pair" in _rows(shipped, "certificate renewal")["fail"]

    # The server is away: nothing changes, and the health check says so.
    shipped.ssh("systemctl stop test-pebble; systemctl start certbot.service || true; nginx -t -q")
    assert _served(shipped) == renewed
    assert "fail" in _rows(shipped, "certificate renewal")


@pytest.mark.matrix
@pytest.mark.usefixtures("pebble")
def test_lets_encrypt_issues_and_renews_by_a_record_in_the_operators_dns(shipped: Reader) -> None:
    by_dns = {
        "nginx_letsencrypt_challenge": "dns-01",
        "nginx_letsencrypt_dns_plugin": "rfc2136",
        "nginx_letsencrypt_dns_credentials": _CREDENTIALS,
    }
    # The script would end where ssh's input does, so it is a file.
    shipped.ssh(f"cat >/root/bind-start <<'SCRIPT'\n{_BIND}\nSCRIPT\nsh -e /root/bind-start")
    try:
        done = _site(shipped, **LETSENCRYPT, **by_dns)
        issued = _served(shipped)
        assert "Pebble" in _served(shipped, "-issuer")
        shipped.ssh("systemctl start certbot.service")
        assert _served(shipped) != issued
        said_by_bind = shipped.ssh("journalctl --unit=test-bind --output=cat")
    finally:
        shipped.ssh(f"rm -f /root/bind-start; {_NO_BIND} true")
    # The authority may know the proof of the first time still; what is written is removed again.
    changes = re.findall(rf"(adding|deleting) an RR at '?_acme-challenge.{DOMAIN}'? TXT", said_by_bind)
    assert changes[:2] == ["adding", "deleting"]
    assert changes.count("adding") == changes.count("deleting")
    assert _TSIG not in said(done)
    assert shipped.ssh("stat --format=%a%U /etc/milkbot/dns-credentials.ini") == "600root"


@pytest.mark.matrix
def test_a_self_signed_certificate_is_made_once_and_replaced_before_it_ends(shipped: Reader) -> None:
    source = {"nginx_certificate_source": "self-signed"}
    try:
        _site(shipped, **source)
        made = _served(shipped)
        assert "Milkbot self-signed" in _served(shipped, "-issuer")
        assert "changed=0" in said(_site(shipped, **source))
        assert shipped.ssh("systemctl is-active milkbot-certificate.timer") == "active"
        # In hundredths: it begins as root.
        shipped.ssh("systemd-analyze security --threshold=40 --no-pager milkbot-certificate.service >/dev/null")
        # Its last month has begun.
        short = "sed -i 's/^_DAYS = 90/_DAYS = 20/' /opt/milkbot/deployment/scripts/certificate.py"
        shipped.ssh(f"cp -p /opt/milkbot/deployment/scripts/certificate.py /root/; {short}")
        shipped.ssh("rm /etc/ssl/certs/milkbot.test.pem; systemctl start milkbot-certificate.service")
        shipped.ssh("mv /root/certificate.py /opt/milkbot/deployment/scripts/")
        ending = _served(shipped)
        shipped.ssh("systemctl start milkbot-certificate.service")
        assert len({made, ending, _served(shipped)}) == 3
    finally:
        _site(shipped)
    assert shipped.ssh("ls /etc/systemd/system/milkbot-certificate.* 2>/dev/null || true") == ""
    assert "Milkbot self-signed" not in _served(shipped, "-issuer")
