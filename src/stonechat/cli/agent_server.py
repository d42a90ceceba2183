"""The Model Context Protocol for agents: each tool is a call of the JSON API with the agent's own token.

So an agent can do what its token may and nothing else, through the same use cases, and the audit trail names
it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from stonechat.core.errors import Permanent
from stonechat.core.safe_json import safe_json

if TYPE_CHECKING:
    from mcp.server import MCPServer

TIMEOUT = 60.0
"""Real seconds that one call may take: a review can ask a model."""

LONGEST = 4_000_000
"""Bytes of an answer that are read."""

ABOUT = (
    "Stonechat runs a social account. Read its figures, its queue and its calendar, preview texts and hand "
    "in drafts. A draft waits for the owner's approval; say so when you hand one in."
)


def agent_server(client: httpx.AsyncClient) -> MCPServer[Any]:
    """The server with its tools, over a client of the JSON API.

    Raises:
        Permanent: the library for it is not installed.
    """
    try:
        from mcp.server import MCPServer
    except ImportError as exc:
        raise Permanent(
            "The library for agents is not installed.",
            meaning="`stonechat mcp` cannot serve anybody.",
            remedy="Install the extra: `pip install 'stonechat[mcp]'`.",
        ) from exc
    server: MCPServer[Any] = MCPServer("stonechat", instructions=ABOUT)
    _reading(server, client)
    _drafting(server, client)
    return server


def _reading(server: MCPServer[Any], client: httpx.AsyncClient) -> None:
    @server.tool()
    async def status() -> Any:
        """How the account is: state, what happens next, how much is queued."""
        return await _ask(client, "GET", "/api/status")

    @server.tool()
    async def accounts() -> Any:
        """The accounts, with network, time zone and whether they are logged in."""
        return await _ask(client, "GET", "/api/accounts")

    @server.tool()
    async def posts(limit: int = 20) -> Any:
        """The newest posts with their newest figures."""
        return await _ask(client, "GET", f"/api/posts?limit={limit}")

    @server.tool()
    async def post(content_id: str) -> Any:
        """One post: history, every try, figures over time."""
        return await _ask(client, "GET", f"/api/posts/{_part(content_id)}")

    @server.tool()
    async def queue() -> Any:
        """What waits for approval or its time, and what needs the owner."""
        return await _ask(client, "GET", "/api/queue")

    @server.tool()
    async def calendar(first: str, days: int = 7) -> Any:
        """What goes out from a day such as 2026-03-29 on, with gaps and clashes."""
        return await _ask(client, "GET", f"/api/calendar?first={_part(first)}&days={days}")

    @server.tool()
    async def learned() -> Any:
        """What was learned about topics, hooks, formats and times of day."""
        return await _ask(client, "GET", "/api/learning")


def _drafting(server: MCPServer[Any], client: httpx.AsyncClient) -> None:
    @server.tool()
    async def preview(parts: list[str]) -> Any:
        """How long a text is for each network, and whether it fits; several parts make a thread."""
        return await _ask(client, "POST", "/api/preview", {"parts": parts})

    @server.tool()
    async def draft(parts: list[str], account: str | None = None, at: str | None = None) -> Any:
        """Hand in a post or thread, for a time such as `tomorrow 9:30` or the next free one.

        It is reviewed at once and waits for the owner's approval.
        """
        return await _ask(client, "POST", "/api/queue", {"parts": parts, "account": account, "at": at})


async def _ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    """The answer; a refusal with its reason and its remedy, so that the agent can mend what it asked."""
    said = b""
    try:
        async with asyncio.timeout(TIMEOUT), client.stream(method, path, json=body) as answer:
            async for piece in answer.aiter_bytes():
                said += piece
                if len(said) > LONGEST:
                    return {"error": "The answer is too long.", "remedy": "Ask for fewer."}
    except (httpx.HTTPError, TimeoutError) as exc:
        return {"error": f"Stonechat does not answer: {exc}.", "remedy": "Ask the owner to look at it."}
    return safe_json(said)


def _part(given: str) -> str:
    """One part of an address, which cannot become another address."""
    return httpx.URL("/", params={"x": given}).query.decode().removeprefix("x=")


def serve(address: str, token: str) -> None:
    """Serve on standard input and output until the agent hangs up."""
    client = httpx.AsyncClient(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT, trust_env=False
    )
    agent_server(client).run()
