"""What looks like a secret does not stay in a text."""

from __future__ import annotations

import pytest

from stonechat.core.redaction import MASK, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bob:hunter22@host/db", f"postgresql://{MASK}@host/db"),
        ("redis://:pw@host", f"redis://{MASK}@host"),
        ("postgresql://u:p@ss@h/db", f"postgresql://{MASK}@h/db"),
        ("mail://u@there:pw@h", f"mail://{MASK}"),
        ("redis://:p/w?x@h:6379/0", f"redis://{MASK}@h:6379/0"),
        ("https://key123@h/1", f"https://{MASK}@h/1"),
        ("('redis://h:6379', 'redis://:pw@k')", f"('redis://h:6379', 'redis://{MASK}@k')"),
    ],
)
def test_a_log_in_in_an_address_is_masked_whatever_its_form(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://social.example/@ann/1",
        "http://127.0.0.1:8080/@ann",
        "http://[::1]:8080/@ann",
        "redis://h:6379,http://k:80/x and ann@example.org",
        "no address, but 12:30 @ home",
    ],
)
def test_an_address_without_a_log_in_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("could not notify tgram://123456:AAbbCC/99887", "could not notify tgram://•••"),
        ("sent to slack://T0A/B0C/xyz123 'x'", "sent to slack://••• 'x'"),
        ("POST https://hooks.slack.com/services/T/B/key failed", "POST https://hooks.slack.com/••• failed"),
        ("https://discord.com/api/webhooks/1/abc 404", "https://discord.com/api/webhooks/••• 404"),
    ],
)
def test_addresses_of_messaging_services_are_keys(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://x.com/me/status/1790000000000000001",
        "http://127.0.0.1:8787/health answers 200",
        "sqlite:////data/stonechat.db",
        "postgresql+psycopg://db.example:5432/stonechat",
        "redis://127.0.0.1:6379/0 is away",
    ],
)
def test_plain_addresses_are_left(text: str) -> None:
    assert masked(text) == text
