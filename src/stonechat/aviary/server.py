"""The whole site as one web application."""

from __future__ import annotations

from aiohttp import web

from stonechat.aviary.control import Control
from stonechat.aviary.levers import Panel
from stonechat.aviary.model import ModelEndpoint
from stonechat.aviary.site import Site
from stonechat.aviary.world import World
from stonechat.aviary.writing import Author

MAX_BODY = 4 * 1024 * 1024


def create_app(world: World, panel: Panel | None = None) -> web.Application:
    """An application that serves ``world``: the site, its model endpoint and the back door.

    The application owns nothing outside itself; close the world after it.
    """
    panel = panel or Panel()
    site = Site(world, panel)
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(Control(world, panel, site).routes())
    author = Author(world.seed)
    author.remember(entry.text for entry in world.ledger)
    app.add_routes(ModelEndpoint(world, panel, author).routes())
    app.add_routes(site.routes())
    return app
