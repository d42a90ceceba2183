"""The owner allows the app on X's own page: OAuth 2.0 with PKCE, its answer caught on this machine.

A page of X sends the browser back to an address on the loopback interface, where this process listens until
that happens. Where the browser is on another machine, the address that it ends at is pasted instead.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from stonechat.core.errors import InvalidInput, Permanent, Transient
from stonechat.networks.http_calls import HttpAnswer, HttpCalls, NoAnswer
from stonechat.networks.x_api.problems import problems_in
from stonechat.networks.x_api.tokens import TOKEN_PATH, Grant, grant_from, token_request

SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
"""What Stonechat needs and no more; the last one brings the refresh token."""

PATIENCE = timedelta(minutes=10)
_LINE = 8192
_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"<!DOCTYPE html><title>Stonechat</title><p>You can close this page and go back to the terminal."
)


def authorize_url(site: str, client_id: str, redirect: str, state: str, verifier: str) -> str:
    """The page on which the owner allows the app."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{site}/i/oauth2/authorize?{urlencode(asked)}"


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[asyncio.Future[str]]:
    """The query with which X's page sends the browser back, once it has.

    Raises:
        Transient: the port is taken.
    """
    came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await asyncio.wait_for(reader.readline(), 10)
        target = line[:_LINE].decode("ascii", "replace").split(" ")
        query = urlsplit(target[1]).query if len(target) > 1 else ""
        writer.write(_PAGE)
        await writer.drain()
        writer.close()
        if "state=" in query and not came.done():  # a browser asks for its icon too
            came.set_result(query)

    try:
        server = await asyncio.start_server(answer, "127.0.0.1", port)
    except OSError as exc:
        raise Transient(
            f"Nothing can listen on port {port} of this machine: {exc.strerror}.",
            remedy="End what uses it; or set X_API_CALLBACK_PORT, and that address in the app's settings.",
        ) from exc
    async with server:
        yield came


def code_in(query: str, state: str) -> str:
    """The code in what came back.

    Raises:
        Permanent: the owner did not allow it, or it is not the answer to our question.
    """
    found = {name: values[0] for name, values in parse_qs(query).items()}
    if not secrets.compare_digest(found.get("state", ""), state):
        raise InvalidInput("What came back is not the answer to this question.", meaning="Nothing was saved.")
    if "code" not in found:
        why = found.get("error_description") or found.get("error") or "no reason given"
        raise Permanent(f"X was not allowed to let Stonechat in ({why}).", meaning="Nothing was saved.")
    return found["code"]


async def authorize(
    http: HttpCalls,
    given: Mapping[str, str],
    show: Callable[[str], None],
    *,
    site: str,
    port: int,
    now: Callable[[], float],
) -> Grant:
    """Let the owner allow the app, and fetch the grant.

    Raises:
        Permanent: it was not allowed.
        Transient: nobody came, or X does not answer.
    """
    client_id, client_secret = given["client_id"], given.get("client_secret", "")
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    redirect = f"http://127.0.0.1:{port}/callback"
    page = authorize_url(site, client_id, redirect, state, verifier)
    async with listening(port) as came:
        show(f"Open this page, logged in as the account, and allow it:\n{page}")
        try:
            query = await asyncio.wait_for(came, PATIENCE.total_seconds())
        except TimeoutError as exc:
            raise Transient("Nobody came back from X's page.", meaning="Nothing was saved.") from exc
    fields = {
        "grant_type": "authorization_code",
        "code": code_in(query, state),
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    issued = now()
    answer = await http.send("POST", TOKEN_PATH, **token_request(client_id, client_secret, fields))
    if isinstance(answer, NoAnswer):
        raise Transient(f"X {answer.why}.", meaning="Nothing was saved.", remedy="Try again.")
    return _grant(answer, client_id, client_secret, issued)


def _grant(answer: HttpAnswer, client_id: str, client_secret: str, issued: float) -> Grant:
    body = answer.json_object() or {}
    if not body.get("access_token") or not body.get("refresh_token"):
        said = "; ".join(one.said for one in problems_in(body)) or f"HTTP {answer.status}"
        raise Permanent(
            f"X gives no lasting tokens ({said}).",
            meaning="Nothing was saved.",
            remedy="Check the client id, and that the app is a native app with this callback address.",
        )
    return grant_from(body, client_id, client_secret, refresh="", issued=issued)
