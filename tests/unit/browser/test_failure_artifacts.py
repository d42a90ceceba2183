"""What is kept of a failure keeps its shape and loses what is private."""

from stonechat.browser.failure_artifacts import masked, without_secrets

KEY = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8"


def test_values_of_a_query_and_a_password_in_an_address_are_left_out() -> None:
    address = "https://owner:pass@x.com/search?q=private+words&token=abc#part"

    assert masked(address) == "https://x.com/search?q=…&token=…"


def test_an_address_without_a_query_stays_as_it_is() -> None:
    assert masked("https://x.com/home") == "https://x.com/home"


def test_texts_lose_keys_mail_addresses_and_the_values_in_addresses() -> None:
    said = (
        f"GET https://x.com/home?auth={KEY} failed for owner@example.com with auth_token={KEY}; tried 3 times"
    )

    assert without_secrets(said) == "GET https://x.com/home?auth=… failed for … with …; tried 3 times"


def test_ordinary_words_and_numbers_of_posts_stay() -> None:
    said = "failed: The composer's text box is not there on https://x.com/robin/status/1991234567890123456"

    assert without_secrets(said) == said
