"""Mastodon as tests use it: the adapter with its text rules, and a token for whatever server is given."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.core.network import TextEntities
from stonechat.networks.mastodon.adapter import Access, Mastodon
from stonechat.networks.mastodon.publishing import Manner
from stonechat.networks.mastodon.text_rules import MastodonTextRules


class MastodonNetwork(Mastodon):
    """The adapter together with its text rules, as the rooms have it."""

    max_length = MastodonTextRules().max_length

    def length(self, text: str) -> int:
        return MastodonTextRules().length(text)

    def entities(self, text: str) -> TextEntities:
        return MastodonTextRules().entities(text)


def mastodon_at(
    server: str, token: str, clock: Clock, *, manner: Manner | None = None, within: float = 5.0
) -> MastodonNetwork:
    """The network for accounts on that server that all have this token."""

    async def access(_account: Account) -> Access:
        return Access(server, token)

    return MastodonNetwork(access, clock, manner or Manner(), timeout=timedelta(seconds=within))


def token_of(session_b64: str) -> str:
    """The token that the local network takes for Mastodon's API: its log-in cookie for the account."""
    cookies = json.loads(base64.b64decode(session_b64))["cookies"]
    return next(str(one["value"]) for one in cookies if one["name"] == "auth_token")
