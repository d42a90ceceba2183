"""The fewest settings with which Stonechat starts."""

from __future__ import annotations

import base64
import json


def encoded(session: object) -> str:
    """A session as ``TWITTER_SESSION_B64`` takes it."""
    return base64.b64encode(json.dumps(session).encode()).decode()


COOKIES = [{"name": "auth_token", "value": "a"}, {"name": "ct0", "value": "b"}]
SESSION = encoded(COOKIES)
GOOD = {"OPENAI_API_KEY": "k", "ACCOUNT_HANDLE": "quietbuilder", "TWITTER_SESSION_B64": SESSION}
