"""The whole site as one web application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from stonechat_aviary.control import Control
from stonechat_aviary.door import Door
from stonechat_aviary.graphql import GraphQL
from stonechat_aviary.levers import Panel
from stonechat_aviary.mastodon import Mastodon
from stonechat_aviary.media import Uploads
from stonechat_aviary.model import ModelEndpoint
from stonechat_aviary.sending import Sending
from stonechat_aviary.sessions import Sessions
from stonechat_aviary.site import Site
from stonechat_aviary.uploading import Uploading
from stonechat_aviary.world import World
from stonechat_aviary.writing import Author
from stonechat_aviary.xapidoor import XApiDoor
from stonechat_aviary.xapiposting import XApiPosting
from stonechat_aviary.xapireading import XApiReading

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})

MAX_BODY = 24 * 1024 * 1024


@web.middleware
async def refuse_foreign_pages(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn away what a page of another site sends from the browser of whoever runs this.

    Such a page says whose it is (``Origin``), or reaches us by a name of its own (DNS rebinding).
    """
    try:
        named = urlsplit(f"//{request.headers.get('Host', '')}").hostname
        origin = request.headers.get("Origin", "")
        own = not origin or urlsplit(origin).hostname == named
    except ValueError:
        raise web.HTTPBadRequest(text="This name is none.\n") from None
    if request.method not in ("GET", "HEAD"):
        own = own and request.headers.get("Sec-Fetch-Site", "") != "cross-site"
    if named not in _HERE or not own:
        raise web.HTTPForbidden(text="The local network is for this machine alone.\n")
    return await handler(request)


def create_app(world: World, panel: Panel | None = None, *, folder: Path | None = None) -> web.Application:
    """An application that serves ``world``: the site, its model endpoint and the back door.

    Args:
        folder: where it is kept which sessions were issued; None forgets that at the end.

    The application owns nothing outside itself; close the world after it.
    """
    panel = panel or Panel()
    uploads = Uploads()
    door = Door(world, panel, Sessions(world.seed, world.accounts, folder))
    app = web.Application(client_max_size=MAX_BODY, middlewares=[refuse_foreign_pages])
    app.add_routes(Control(door).routes())
    author = Author(world.seed)
    author.remember(entry.text for entry in world.ledger)
    app.add_routes(ModelEndpoint(world, panel, author).routes())
    app.add_routes(GraphQL(door, Sending(door, uploads)).routes())
    app.add_routes(Uploading(door, uploads).routes())
    app.add_routes(Mastodon(door, uploads).routes())
    own = XApiDoor(door)
    app.add_routes([*own.routes(), *XApiReading(own).routes(), *XApiPosting(own, uploads).routes()])
    app.add_routes(Site(door).routes())
    return app
