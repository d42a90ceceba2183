"""Tokens with which programs and agents use the API: made with scopes, shown once, revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from stonechat.core.errors import Conflict, InvalidInput, NotFound
from stonechat.core.ids import stable_id
from stonechat.database.repositories import tokens
from stonechat.database.repositories.tokens import TokenRow
from stonechat.owner.action import Done, Owner

PREFIX = "sct_"
"""What every token begins with, so that one that was pasted somewhere is recognized."""

SCOPES = {
    "read": "see figures, texts, the queue and the calendar",
    "draft": "preview texts and hand in drafts, which wait for the owner",
    "approve": "decide about content: approve, reject, edit, move, cancel",
    "operate": "pause posting, run jobs, force breakers, answer alerts",
}
"""What a token may do, by the name of the scope."""

_NAME = re.compile(r"[\w][\w .-]{0,59}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; ``secret`` is the token itself, which is kept nowhere."""

    row: TokenRow
    secret: str

    def __repr__(self) -> str:
        return f"NewToken({self.row})"


def digest_of(secret: str) -> str:
    """What is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def create(owner: Owner, name: str, scopes: Sequence[str]) -> Done[NewToken]:
    """Make a token that may do what ``scopes`` say, and nothing else.

    Raises:
        InvalidInput: that is no name, or no scope.
        Conflict: there is one of that name.
    """
    called, may = name.strip(), tuple(scope for scope in SCOPES if scope in scopes)
    unknown = sorted(set(scopes) - SCOPES.keys())
    if not _NAME.fullmatch(called):
        raise InvalidInput(
            f"{name[:40]!r} is no name for a token.", meaning="None was made.", remedy="Say what it is for."
        )
    if unknown or not may:
        what = f"There is no scope {unknown[0]!r}." if unknown else "No scope is given."
        raise InvalidInput(what, meaning="None was made.", remedy=f"There are: {', '.join(SCOPES)}.")
    secret = PREFIX + secrets.token_urlsafe(32)
    async with owner.act("tokens.create") as action:
        if await tokens.named(action.connection, called):
            raise Conflict(
                f"There is a token {called!r}.",
                meaning="None was made.",
                remedy="Revoke it first.",
            )
        token_id = stable_id("token", called, action.now.isoformat())
        row = TokenRow(token_id, called, may, action.now, action.who)
        await tokens.add(action.connection, row, digest_of(secret))
        said = f"The token {called!r} may {', '.join(may)}. It is shown this once."
        return await action.done(NewToken(row, secret), called, said=said, after=", ".join(may))


async def revoke(owner: Owner, name: str) -> Done[TokenRow]:
    """A token, by its name or id, opens nothing any more.

    Raises:
        NotFound: there is none of that name.
    """
    async with owner.act("tokens.revoke") as action:
        found = await tokens.named(action.connection, name.strip())
        if not found:
            raise NotFound(
                f"There is no token {name[:60]!r}.",
                meaning="Nothing was changed.",
                remedy="`stonechat tokens` lists them.",
            )
        row = found[0]
        await tokens.revoke(action.connection, row.id, action.now)
        return await action.done(
            row,
            row.name,
            said=f"The token {row.name!r} opens nothing any more.",
            before=", ".join(row.scopes),
            after="revoked",
        )
