"""Tokens of the API: listed, made and revoked by the owner, on a page and as JSON."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from stonechat.core.json_values import plain
from stonechat.dashboard.api_models import REFUSALS, Answer, Name
from stonechat.dashboard.api_models import Request as Body
from stonechat.dashboard.doors import Doors
from stonechat.dashboard.forms import read_form
from stonechat.dashboard.pages import Pages
from stonechat.database.repositories import tokens as rows
from stonechat.owner import Door, Owner, tokens


class TokenBody(Body):
    """What a new token is for."""

    name: Name = Field(description="What it is for, as the owner calls it.")
    scopes: list[Name] = Field(max_length=10, description="read, draft, approve, operate.")


class TokenAnswer(Answer):
    """The token, which is shown this once."""

    token: str = Field(description="To be sent as `Authorization: Bearer …`; it is kept nowhere.")


def token_routes(pages: Pages, doors: Doors) -> APIRouter:
    """``/tokens``, and ``/api/tokens``; no token gets in here."""
    router = APIRouter()
    data = pages.data

    def owner_of(request: Request, door: Door) -> Owner:
        visitor = pages.guard.visitor(request)
        if visitor is None:  # the middleware has refused already
            raise HTTPException(401, "log in first")
        return doors.owner(visitor, door)

    async def listed() -> list[rows.TokenRow]:
        async with data.open_database().read("dashboard.tokens") as connection:
            return await rows.every(connection)

    async def shown(request: Request, secret: str = "") -> Response:
        return pages.render(
            request, "tokens.html", tokens=await listed(), scopes=tokens.SCOPES, secret=secret
        )

    @router.get("/tokens", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await shown(request)

    @router.post("/tokens", include_in_schema=False)
    async def create_by_form(request: Request) -> Response:
        form = await read_form(request)
        chosen = [scope for scope in tokens.SCOPES if form.get(scope)]
        owner = owner_of(request, Door.PAGES)
        done = await doors.pass_on(tokens.create(owner, form.get("name"), chosen))
        return await shown(request, done.value.secret)

    @router.get("/api/tokens", tags=["api"])
    async def every() -> Response:
        """Every token with its scopes, never the token itself."""
        return JSONResponse(plain(await listed()))

    @router.post("/api/tokens", tags=["actions"], responses=REFUSALS)
    async def create(request: Request, body: TokenBody) -> TokenAnswer:
        """Make a token for a program or an agent; it is shown in this answer and never again."""
        owner = owner_of(request, Door.API)
        done = await doors.pass_on(tokens.create(owner, body.name, body.scopes))
        return TokenAnswer(**Answer.model_validate(done).model_dump(), token=done.value.secret)

    @router.post("/api/tokens/{name}/revoke", tags=["actions"], responses=REFUSALS)
    async def revoke(request: Request, name: str) -> Answer:
        """A token opens nothing any more."""
        owner = owner_of(request, Door.API)
        return Answer.model_validate(await doors.pass_on(tokens.revoke(owner, name)))

    return router
