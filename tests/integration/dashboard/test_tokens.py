"""Programs and agents at the API: tokens with scopes, and the Model Context Protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from stonechat.cli.agent_server import agent_server
from stonechat.dashboard.tokens import scope_needed
from stonechat.database.schema.tables import api_tokens
from tests.integration.dashboard.test_dashboard import Site
from tests.integration.dashboard.test_desk import desk, stored
from tests.support.desk import ROBIN
from tests.support.doors import AtTheCommandLine


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with desk(tmp_path) as opened:
        yield opened


async def made(here: Site, *scopes: str, name: str = "helper") -> str:
    answer = await here.client.post("/api/tokens", json={"name": name, "scopes": scopes})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def client_of(here: Site, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=here.client.base_url, headers=headers, timeout=20)


async def test_a_token_is_shown_once_and_kept_as_a_digest(here: Site) -> None:
    token = await made(here, "read", "draft")
    assert token not in (await here.get("/tokens")).text and "helper" in (await here.get("/tokens")).text
    assert here.database is not None
    async with here.database.read("test.tokens") as connection:
        kept = [str(row) for row in await connection.execute(sa.select(api_tokens))]
    assert len(kept) == 1 and token not in kept[0]
    assert token not in (await here.get("/api/audit")).text
    assert "tokens.create" in (await here.get("/api/audit")).text


async def test_a_form_makes_one_too_and_shows_it_on_the_page_that_follows(here: Site) -> None:
    page = await here.client.post(
        "/tokens", data={"name": "by form", "read": "1"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    token = page.text.partition("<code>")[2].partition("</code>")[0]
    async with client_of(here, token) as agent:
        assert (await agent.get("/api/queue")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/posts", "read"),
        ("POST", "/api/preview", "draft"),
        ("POST", "/api/queue", "draft"),
        ("POST", "/api/queue/3f2a/approve", "approve"),
        ("POST", "/api/queue/3f2a/edit", "approve"),
        ("POST", "/api/queue/3f2a/move", "approve"),
        ("POST", "/api/posting/pause", "operate"),
        ("POST", "/api/something/new", "operate"),
        ("POST", "/api/tokens", None),
        ("GET", "/api/tokens", None),
    ],
)
def test_each_route_needs_one_scope_and_tokens_make_no_tokens(
    method: str, path: str, scope: str | None
) -> None:
    assert scope_needed(method, path) == scope


async def test_a_token_of_the_wrong_scope_is_told_which_it_lacks_and_nothing_is_done(here: Site) -> None:
    before = await stored(here, "robin-reply-lark")
    async with client_of(here, await made(here, "read")) as agent:
        refused = await agent.post("/api/queue/robin-reply-lark/approve", json={})
        assert refused.status_code == 403 and "lacks the scope approve" in refused.json()["error"]
        assert "--scope approve" in refused.json()["remedy"]
        assert (await agent.post("/api/tokens", json={"name": "x", "scopes": ["operate"]})).status_code == 403
    assert await stored(here, "robin-reply-lark") == before


async def test_a_token_opens_nothing_once_it_is_revoked_and_one_made_up_never_does(here: Site) -> None:
    token = await made(here, "read")
    async with client_of(here, token) as agent:
        assert (await agent.get("/api/queue")).status_code == 200
        await here.do("tokens/revoke", target="helper")
        refused = await agent.get("/api/queue")
        assert refused.status_code == 401 and "was revoked" in refused.json()["error"]
    async with client_of(here, "sct_made-up") as agent:
        assert (await agent.get("/api/queue")).status_code == 401, "even from this machine"


async def test_a_token_opens_no_page(here: Site) -> None:
    token = await made(here, "read")
    here.data.mode = "live"
    async with client_of(here, token) as agent:
        agent.headers["X-Forwarded-For"] = "198.51.100.7"
        assert (await agent.get("/api/queue")).status_code == 200
        assert (await agent.get("/queue")).status_code == 403


async def called(server: Any, tool: str, **given: object) -> Any:
    result = await server.call_tool(tool, given)
    content = result.content if hasattr(result, "content") else result[0]
    return json.loads(content[0].text)


async def test_what_an_agent_drafts_waits_for_the_owner_who_sees_who_wrote_it(here: Site) -> None:
    async with client_of(here, await made(here, "read", "draft", name="scribe")) as agent:
        server = agent_server(agent)
        assert {tool.name for tool in await server.list_tools()} >= {"status", "posts", "draft", "preview"}
        measured = await called(server, "preview", parts=["A walk before breakfast."])
        assert measured["parts"][0]["fits"] is True
        drafted = await called(server, "draft", parts=["A walk before breakfast."], account=ROBIN.id)
        assert drafted["content"]["state"] == "awaiting_approval", drafted
        refused = await called(server, "draft", parts=["A walk. " * 200], account=ROBIN.id)
        assert "does not pass the review" in refused["error"]
    assert "A walk before breakfast." in (await here.get("/inbox")).text
    content_id = drafted["content"]["id"]
    await here.client.post(f"/api/queue/{content_id}/approve", json={})
    assert (await stored(here, content_id)).state.value == "queued"
    assert "scribe" in (await here.get("/api/audit")).text


def test_tokens_are_made_and_listed_at_a_terminal(tmp_path: Path) -> None:
    terminal = AtTheCommandLine(tmp_path)
    told = json.loads(terminal.types("tokens", "create", "helper", "--scope", "read", "--json"))
    assert told["token"].startswith("sct_")
    [row] = json.loads(terminal.types("tokens", "--json"))
    assert row["name"] == "helper" and row["scopes"] == ["read"] and "token" not in row
    code, said = terminal.tries("mcp", "--address", "http://127.0.0.1:1")
    assert code == 1 and "No token is given." in said
