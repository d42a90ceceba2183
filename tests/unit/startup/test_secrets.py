"""Which of the owner's settings are secrets."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from stonechat.config.loader import load
from stonechat.monitoring.logs import Masking
from stonechat.startup.build_content import secrets
from tests.support.networks import KNOWN

COOKIES = [{"name": "auth_token", "value": "cookie-one"}, {"name": "ct0", "value": "cookie-two"}]
GIVEN = {
    "TWITTER_SESSION_B64": base64.b64encode(json.dumps(COOKIES).encode()).decode(),
    "MODE": "shadow",
    "OPENAI_API_KEY": "key-of-the-model",
    "ACCOUNT_HANDLE": "quietbuilder",
    "DATABASE_URL": "postgresql://bob:p%40ss-of-bob@host/db",
    "ALERT_URLS": "tgram://123456789:AAbbCCdd/42,mailtos://ann:mail-pw@mail.example",
    "ALERT_WEBHOOK_URL": "https://hooks.example/T000/abcdefgh12345678",
    "HEARTBEAT_URL": "https://beats.example/0f0e0d0c-1111-2222",
}


@pytest.mark.parametrize(
    "text",
    [
        "cannot notify tgram://123456789:AAbbCCdd/42",
        "GET https://api.example/bot123456789:AAbbCCdd/send failed",
        "cannot notify mailtos://ann:mail-pw@mail.example",
        "POST https://hooks.example/T000/abcdefgh12345678 returned 500",
        "POST /T000/abcdefgh12345678 returned 500",
        "no answer from https://beats.example/0f0e0d0c-1111-2222",
        "role bob, password p@ss-of-bob, is not known",
    ],
)
def test_alert_addresses_and_passwords_are_secrets(tmp_path: Path, text: str) -> None:
    known = secrets(load(GIVEN, KNOWN, folder=tmp_path), KNOWN)
    shown = Masking(known).text(text)
    for secret in ("AAbbCCdd", "mail-pw", "abcdefgh12345678", "0f0e0d0c", "p@ss-of-bob"):
        assert secret not in shown
    whole = {GIVEN["ALERT_WEBHOOK_URL"], GIVEN["HEARTBEAT_URL"], *GIVEN["ALERT_URLS"].split(",")}
    assert whole <= set(known)
