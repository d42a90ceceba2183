"""What looks like a secret does not stay in a text."""

from __future__ import annotations

import pytest

from stonechat.core.redaction import MASK, MOST_LEARNED, Secrets, is_address_with_password, masked


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


@pytest.mark.parametrize(
    "told",
    [
        "DASHBOARD_PASSWORD={}",
        "SESSION_KEY={}",
        "X-Api-Key: {}",
        "Cookie: kdt={}; lang=en",
        "Set-Cookie: kdt={}; Path=/",
        "https://api.example/x?key={}",
        "https://h.example/x?a=1&sig={}&b=2",
        "password='{} b c'",
        '"password": "{} b c"',
        "OPENAI_API_KEY={}",
        "my-secret: {}",
        "TWITTER_SESSION_B64_ANN={}",
        "Authorization: Bearer {}",
        "https://acme.webhook.office.com/webhookb2/{}@x/IncomingWebhook/1",
        "https://prod-1.logic.azure.com:443/workflows/{}/triggers",
        "https://ntfy.sh/{}",
        "https://hc-ping.com/{}",
        "https://hooks.zapier.example/hooks/catch/{}",
        "https://chat.googleapis.com/v1/spaces/{}",
        "https://watch.example/ping/12345678-1234-1234-1234-1234567890ab/{}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{}",
        "$argon2id$v=19$m=65536,t=3,p=4${}",
        "postgresql://u:{}@h/db",
    ],
)
def test_no_form_in_which_a_secret_is_told_shows_it(told: str) -> None:
    secret = "c4n4ryValue9"
    assert secret not in masked(told.format(secret))
    assert secret not in masked(f"before {told.format(secret)}\nafter")
    assert "after" in masked(f"before {told.format(secret)}\nafter")


@pytest.mark.parametrize(
    "text",
    [
        "prompt_tokens: 1532, completion tokens=40",
        "the key is patience",
        "monkey=banana",
        "A cookie: the best of all recipes",
        "see https://stonechat.example/docs/key/1",
        "job=posting.publish key=posting.publish",
        "author: somebody",
    ],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert masked(text) == text


def test_what_is_learned_later_is_hidden_at_once_and_the_settings_own_are_never_forgotten() -> None:
    secrets = Secrets(["first-secret", "abc"])
    assert secrets.hidden("first-secret abc later-secret") == f"{MASK} abc later-secret"
    secrets.learn(["later-secret"])
    assert secrets.hidden("first-secret later-secret") == f"{MASK} {MASK}"
    secrets.learn(f"cookie-{n}" for n in range(MOST_LEARNED))
    assert secrets.hidden("first-secret later-secret") == f"{MASK} later-secret"


@pytest.mark.parametrize(
    "word",
    [
        "postgresql://bob:hunter22@host/db",
        "--to=postgres://bob:hunter22@host:5432/db",
        "redis://:p/w?x@h:6379/0",
        "psql 'postgresql://u:p@ep-a.neon.tech/db'",
        "postgresql://host/db?user=a&password=hunter22",
        "https://models.example/v1?api_key=abc",
        "https://models.example/v1?key=abc",
    ],
)
def test_a_word_that_shows_a_password_is_known(word: str) -> None:
    assert is_address_with_password(word)


@pytest.mark.parametrize(
    "word",
    [
        "postgresql://bob@host/db",
        "--to=sqlite:////var/lib/a.db",
        "https://social.example:8443/@ann/1",
        "http://[::1]:8080/@ann",
        "A post that says see https://u:p@h or password=x",
        "https://example.org/?page=2",
    ],
)
def test_a_word_that_shows_none_is_let_be(word: str) -> None:
    assert not is_address_with_password(word)
