"""The installed networks, and X through its website as tests use it."""

from __future__ import annotations

from stonechat.browser.sessions import Session, Site, parse_session
from stonechat.networks.registry import installed
from stonechat.networks.x_web.session import SESSION

KNOWN = installed().known()
"""What the settings loader is told of them."""


def x_site(address: str = "https://x.com") -> Site:
    """Where sessions for X go: to itself, or to a local network that stands for it."""
    return Site(SESSION, address)


def x_session(given: str | bytes) -> Session:
    """The session for X in what a setting holds."""
    return parse_session(given, SESSION)
