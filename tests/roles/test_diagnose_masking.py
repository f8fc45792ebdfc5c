"""No secret of a host gets into its archive."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest

from milkbot_hostcheck import masking

ENV = """\
POSTGRES_PASSWORD="pa\\"ss\\\\word $1"
KALSHI_API_KEY_ID=0f8fad5b-d9cb-469f-a165-70867728950e
KALSHI_PRIVATE_KEY_PATH=/opt/milkbot/kalshi_private_key.pem
OPENROUTER_API_KEY=orkey-abcdef
MILKBOT_ALERT_WEBHOOK=https://chat.example.com/services/T0123/B0456/Xyzzy987
LOG_LEVEL=INFO
"""
PASSWORD = 'pa"ss\\word $1'


def _masked(text: str, *files: str) -> str:
    masked: str = masking.masker({secret for file in (ENV, *files) for secret in masking.secrets_in(file)})(text)
    return masked


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        json.dumps({"line": PASSWORD}),
        json.dumps({"line": json.dumps({"inner": PASSWORD})}),
        urllib.parse.quote(PASSWORD),
        f"postgresql://milkbot:{urllib.parse.quote(PASSWORD, safe='')}@localhost/milkbot",
        base64.b64encode(PASSWORD.encode()).decode(),
        repr(PASSWORD),
        ENV,
    ],
)
def test_a_known_password_is_masked_in_every_encoding(form: str) -> None:
    masked = _masked(f"Nov 25 12:00:00 vps milkbot: {form} was refused")
    assert "ss\\word" not in masked
    assert "ss%5Cword" not in masked
    assert base64.b64encode(PASSWORD.encode()).decode() not in masked
    assert masking.HIDDEN in masked
    assert "was refused" in masked


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("GET /services/T0123/B0456/Xyzzy987 200", "Xyzzy987"),
        ("old line: password=Tr0ub4dor&3", "Tr0ub4dor"),
        ('{"event": "login", "api_key": "k-123456"}', "k-123456"),
        ('text="{\\"token\\": \\"t-9876\\"}"', "t-9876"),
        ("Authorization: Bearer abc.def-ghi_jkl", "abc.def-ghi"),
        ("ALTER ROLE milkbot PASSWORD 'hunter2hunter'", "hunter2"),
        ("rolpassword SCRAM-SHA-256$4096:c2FsdA==$stored:server", "c2FsdA"),
        ("amqp://user:s3cr3t@broker/", "s3cr3t"),
        ("https://hooks.slack.com/services/T1/B2/abcdef", "abcdef"),
        ("https://hc-ping.com/5c9a3b1e-aaaa-bbbb", "5c9a3b1e"),
        ("ntfys://tk_123@ntfy.example.com/alerts", "tk_123"),
        ("repo1-cipher-pass=zWaf6XtpjIVZC5444yXB", "zWaf6"),
        ("repo1-s3-key-secret=abcdEFGH", "abcdEFGH"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQ", "QQQQQQQ"),
        ("--password swordfish --port 1", "swordfish"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----", "MIIEvQ"),
        ('"-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0\\n-----END RSA PRIVATE KEY-----"', "MIIEvQ"),
        ("MIIEvQIBADANBgkqhkiG9w0\nAAAAB3NzaC1yc2EAAAADAQAB\n-----END PRIVATE KEY-----", "MIIEvQ"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nand then the log was cut", "MIIEvQ"),
    ],
)
def test_a_secret_of_unknown_value_is_masked_by_its_form(line: str, secret: str) -> None:
    masked = _masked(line)
    assert secret not in masked
    assert masking.HIDDEN in masked


@pytest.mark.parametrize(
    "line",
    [
        'FATAL:  password authentication failed for user "milkbot"',
        "KALSHI_PRIVATE_KEY_PATH=/opt/milkbot/kalshi_private_key.pem cannot be read: Permission denied",
        "password_encryption = scram-sha-256",
        "TRADING_MODE=live does not fit KALSHI_API_BASE=https://demo-api.kalshi.co/trade-api/v2",
        "nginx: [emerg] cannot load certificate key /etc/ssl/private/milkbot.ai.key",
        "http://127.0.0.1:8000/v1/health answers 503",
        "LOG_LEVEL=INFO",
    ],
)
def test_lines_that_the_diagnosis_reads_are_not_masked(line: str) -> None:
    assert _masked(line) == line


def test_a_password_that_is_a_common_word_does_not_mask_unit_names() -> None:
    masked = _masked("POSTGRES_PASSWORD=milkbot\nmilkbot-trader.service failed", "POSTGRES_PASSWORD=milkbot")
    assert masked == f"POSTGRES_PASSWORD={masking.HIDDEN}\nmilkbot-trader.service failed"


def test_the_lines_of_a_private_key_are_masked() -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    mask = masking.masker(masking.secrets_of_key(key))
    assert mask(f"a log that was wrapped: {lines[1]}") == f"a log that was wrapped: {masking.HIDDEN}"
    assert lines[0] not in mask("".join(lines))


def test_an_empty_setting_masks_nothing() -> None:
    text = "KALSHI_EMAIL=\nKALSHI_PASSWORD=\nNWS_API_BASE=https://api.weather.gov\n"
    assert _masked(text, text) == text
