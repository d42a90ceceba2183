"""The GraphQL calls of the page's script: queries are answered here, a new post by :mod:`.sending`."""

from __future__ import annotations

from aiohttp import web

from stonechat_aviary.door import Door, answer, as_object
from stonechat_aviary.levers import Levers
from stonechat_aviary.operations import READS, Asked, NotFound
from stonechat_aviary.sending import Sending
from stonechat_aviary.wire import Wire
from stonechat_aviary.wirelists import error
from stonechat_aviary.wirepeople import Json

_MISSING = {"errors": [{"message": "Query not found."}]}
_BESIDE = error(29, "Timeout: Unspecified", "viewer")
"""What X answers beside whole data when some part of it ran out of time."""


class GraphQL:
    """The handlers of the wire."""

    def __init__(self, door: Door, sending: Sending) -> None:
        self._door = door
        self._sending = sending

    def routes(self) -> list[web.RouteDef]:
        """Both routes."""
        return [
            web.get("/i/api/graphql/{id}/{operation}", self.read),
            web.post("/i/api/graphql/{id}/{operation}", self.write),
        ]

    async def read(self, request: web.Request) -> web.Response:
        """A GraphQL query."""
        name = request.match_info["operation"]
        admitted = await self._door.admit(request, name)
        if isinstance(admitted, web.Response):
            return admitted
        account, headers = admitted
        variables = as_object(request.query.get("variables", "{}"))
        if name not in READS or variables is None:
            return web.json_response(_MISSING, status=404)
        levers = self._door.panel.of(account.handle)
        if levers.search_broken and name == "SearchTimeline":
            broken = {"errors": [error(130, "Over capacity.", "search_by_raw_query")], "data": {}}
            return answer(broken, levers, headers)
        return answer(self._asked(name, variables, account.handle, levers), levers, headers)

    def _asked(self, name: str, variables: Json, handle: str, levers: Levers) -> Json:
        world = self._door.world
        asked = Asked(handle, levers.pinned, levers.promoted, levers.profile_delay_s * world.clock.speed)
        try:
            data = READS[name](Wire(world, world.now(), handle.lower(), name, levers), variables, asked)
        except NotFound as missing:
            return {"errors": [missing.as_error()], "data": {}}
        return {"errors": [_BESIDE], "data": data} if levers.errors_beside_data else {"data": data}

    async def write(self, request: web.Request) -> web.Response:
        """A GraphQL mutation: ``CreateTweet`` (anything else is not found)."""
        name = request.match_info["operation"]
        body = as_object(await request.text())
        admitted = await self._door.admit(request, name)
        if isinstance(admitted, web.Response):
            return admitted
        account, headers = admitted
        if name != "CreateTweet" or body is None:
            return web.json_response(_MISSING, status=404)
        return self._sending.create(request, account, body.get("variables") or {}, headers)
