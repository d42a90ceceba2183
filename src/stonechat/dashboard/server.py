"""Serves the pages in the process's own event loop, from the first step of the boot to the last."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from stonechat.config.settings import DashboardSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.core.events import EventStream
from stonechat.dashboard.app import create_app, create_health_app
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.command_access import CommandAccess, new_token, published
from stonechat.dashboard.connections import ClientConnections, ConnectionLimits
from stonechat.dashboard.guard import Guard, is_loopback
from stonechat.dashboard.page_data import DashboardData

LOOPBACK = "127.0.0.1"

QUEUE = 1024
"""Connections that wait in the system until they are accepted."""

LONGEST_HEADERS = 32_768
"""Bytes of a request line and headers."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The server that runs. ``note`` says in a sentence who can reach it."""

    address: str
    note: str


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process that it is a part of.

    asyncio has one number for the connections that it accepts at a time and those that wait in the system.
    With a short queue the system drops what comes at once with others, and its client tries again a second
    later; so the queue is made longer once the number has been set.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUE)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def open_dashboard(
    settings: DashboardSettings,
    data: DashboardData,
    clock: Clock,
    events: EventStream,
    *,
    pages: bool = True,
    limits: ConnectionLimits | None = None,
    folder: Path | None = None,
) -> AsyncIterator[Dashboard]:
    """Listen and serve until closed. Without a password only this machine is listened to.

    Args:
        pages: serve the pages and the API, too; otherwise only what platforms and monitors ask for.
        limits: what clients may hold, see :class:`ConnectionLimits`.
        folder: where the owner's commands find the address and their token.

    Raises:
        ConfigError: the address or port cannot be listened on.
    """
    password = settings.password.get_secret_value() if settings.password else None
    token = new_token()
    guard = await asyncio.to_thread(Guard, password, clock, token)
    host = settings.host if password or is_loopback(settings.host) else LOOPBACK
    listener = _listen(host, settings.port)
    port = listener.getsockname()[1]
    changes = Changes()
    metrics_token = settings.metrics_token.get_secret_value() if settings.metrics_token else ""
    connections = ClientConnections(limits or ConnectionLimits())
    app = (
        create_app(data, guard, changes, metrics_token=metrics_token)
        if pages
        else create_health_app(data, guard, metrics_token=metrics_token)
    )
    server = _bounded_server(app, connections)
    unsubscribe = events.subscribe(changes.hear)
    serving = asyncio.create_task(server.serve([listener]), name="dashboard.serve")
    address = _address(host, port)
    access = published(CommandAccess(address, token), folder) if folder and pages else nullcontext()
    try:
        with access:
            yield Dashboard(address, _note(settings.host, host, password is not None))
    finally:
        unsubscribe()
        changes.close()
        server.should_exit = True
        await asyncio.wait({serving}, timeout=5)
        serving.cancel()
        listener.close()


def _bounded_server(app: ASGIApp, connections: ClientConnections) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            connections.bound(app),
            http=connections.protocol(),
            ws="none",
            backlog=connections.limits.accepted_at_once,
            h11_max_incomplete_event_size=LONGEST_HEADERS,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    )


def pages_address(settings: DashboardSettings) -> str:
    """Where the owner reaches the pages, for links; empty where only the running server knows its port."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    return _address(settings.host, settings.port) if settings.port else ""


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as exc:
        listener.close()
        reason = f"{host}:{port} cannot be listened on ({exc.strerror})"
        raise ConfigError((ConfigFault("PORT", reason, "a free port; 0 takes any"),)) from exc
    listener.setblocking(False)
    return listener


def _address(host: str, port: int) -> str:
    shown = LOOPBACK if host in ("0.0.0.0", "::") else host  # noqa: S104 - shown, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _note(wanted: str, host: str, locked: bool) -> str:
    if locked:
        return "log-in by DASHBOARD_PASSWORD"
    if wanted != host:
        return f"DASHBOARD_HOST={wanted} needs DASHBOARD_PASSWORD; until it is set, this machine only"
    return "no DASHBOARD_PASSWORD is set, so this machine only; whoever is on it may read and write"
