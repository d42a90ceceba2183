"""Addresses in the evidence keep their shape and lose their values."""

from stonechat.browser.evidence import masked


def test_values_of_a_query_and_a_password_in_an_address_are_left_out() -> None:
    address = "https://owner:pass@x.com/search?q=private+words&token=abc#part"

    assert masked(address) == "https://x.com/search?q=…&token=…"


def test_an_address_without_a_query_stays_as_it_is() -> None:
    assert masked("https://x.com/home") == "https://x.com/home"
